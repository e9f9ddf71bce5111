"""One point: every backend in a fresh process, timed in turns."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.plan.step_cost import step_flops
from harness.processes.process import Child
from harness.studies.scaling.points import Point
from harness.studies.scaling.record import Failure, Measured, Memory, Side
from harness.system.errors import WorkerFailed
from harness.system.machine import Machine


@dataclass(frozen=True)
class Method:
    """`pairs`: blocks of each backend; `block_seconds`: of the slowest one's, about."""

    pairs: int = 6
    block_seconds: float = 0.5

    def steps(self, slowest: float) -> int:
        """Of a block, if a step takes the slowest backend so many seconds."""
        return max(1, round(self.block_seconds / slowest))


def measure(
    point: Point, machine: Machine, backends: Sequence[str], method: Method, logs: Path, turn: int
) -> Measured:
    """Which backend begins changes with `turn`. A process that dies is a finding, not an error."""
    began = time.monotonic()
    facts: dict[str, Any] = {
        "axis": point.axis,
        "value": point.value,
        "settings": dict(point.settings),
        "flops": step_flops(point.experiment),
    }
    try:
        facts["sides"] = _timed(point, machine, backends, method, logs, turn)
    except WorkerFailed as error:
        facts["failed"] = failure(error)
    return Measured(**facts, wall_seconds=time.monotonic() - began)


def failure(error: WorkerFailed) -> Failure:
    """What is known of it, without the log's path, which means nothing on another machine."""
    why = str(error).rpartition("; ")[0] or str(error)
    # A process that Linux takes away for want of memory is killed, as it is where a user does it.
    killed = error.fault == "died" and "SIGKILL" in why
    return Failure(why=why, out_of_memory=error.fault == "memory" or killed)


def _timed(
    point: Point, machine: Machine, backends: Sequence[str], method: Method, logs: Path, turn: int
) -> tuple[Side, ...]:
    with ExitStack() as stack:
        sides: dict[str, Child] = {}
        for name in _order(backends, turn):
            sides[name] = _start(point, machine, name, logs)
            stack.callback(sides[name].close)
        # The first step traces and compiles.
        first = {name: sides[name].request(steps=1)["seconds"] for name in backends}
        again = {name: sides[name].request(steps=1)["seconds"] for name in backends}
        steps = method.steps(max(again.values()))
        for name in _order(backends, turn):
            sides[name].request(steps=steps, warmup=True)
        seconds: dict[str, list[float]] = {name: [] for name in backends}
        for pair in range(method.pairs):
            # A B, B A, A B, ...: neither is always first.
            for name in _order(backends, turn + pair):
                seconds[name].append(sides[name].request(steps=steps)["seconds"] / steps)
        memory = {name: sides[name].request(memory=True) for name in backends}
    return tuple(
        Side(
            backend=name,
            framework=sides[name].begin["environment"]["framework"],
            first_step_seconds=first[name],
            seconds_per_step=tuple(seconds[name]),
            memory=Memory(**memory[name]),
        )
        for name in backends
    )


def _order(backends: Sequence[str], turn: int) -> list[str]:
    return list(backends if turn % 2 == 0 else reversed(backends))


def _start(point: Point, machine: Machine, name: str, logs: Path) -> Child:
    first: dict[str, Any] = {
        "backend": name,
        "experiment": point.experiment.model_dump(),
        "device": machine.device,
        "threads": machine.threads,
        "log": str(logs.resolve() / f"{point.label.replace(' ', '-')}-{name}.txt"),
    }
    return Child("harness.training.timed_worker", name, Path(first["log"]), first, backend=name)
