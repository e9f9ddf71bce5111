"""One point: every backend in a fresh process, timed in turns."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from harness.plan.step_cost import step_flops
from harness.studies.scaling.points import ScalingPoint
from harness.studies.scaling.record import Failure, MeasuredPoint, Memory, ScalingSide
from harness.system.errors import WorkerFailed
from harness.system.machine import Machine
from harness.training.timed_session import timed_session


@dataclass(frozen=True)
class Method:
    """`pairs`: blocks of each backend; `block_seconds`: of the slowest one's, about."""

    pairs: int = 6
    block_seconds: float = 0.5

    def steps(self, slowest: float) -> int:
        """Of a block, if a step takes the slowest backend so many seconds."""
        return max(1, round(self.block_seconds / slowest))


def measure(
    point: ScalingPoint,
    machine: Machine,
    backends: Sequence[str],
    method: Method,
    logs: Path,
    turn: int,
) -> MeasuredPoint:
    """Which backend begins changes with `turn`. A process that dies is a finding, not an error."""
    began = time.monotonic()
    facts: dict[str, Any] = {
        "axis": point.axis,
        "value": point.value,
        "settings": dict(point.settings),
        "flops": step_flops(point.experiment),
    }
    try:
        with timed_session(
            point.experiment, machine, backends, logs, label=point.label, turn=turn
        ) as session:
            first = session.warm_up(method.block_seconds)
            rounds = list(islice(session.rounds(), method.pairs))
            memory = session.ask(memory=True)
        facts["sides"] = tuple(
            ScalingSide(
                backend=backends[i],
                framework=session.environments[i]["framework"],
                first_step_seconds=first[i],
                seconds_per_step=tuple(block.seconds for block in blocks),
                memory=Memory(**memory[i]),
            )
            for i, blocks in enumerate(zip(*rounds, strict=True))
        )
    except WorkerFailed as error:
        facts["failed"] = failure(error)
    return MeasuredPoint(**facts, wall_seconds=time.monotonic() - began)


def failure(error: WorkerFailed) -> Failure:
    """What is known of it, without the log's path, which means nothing on another machine."""
    why = str(error).rpartition("; ")[0] or str(error)
    # A process that Linux takes away for want of memory is killed, as it is where a user does it.
    killed = error.fault == "died" and "SIGKILL" in why
    return Failure(why=why, out_of_memory=error.fault == "memory" or killed)
