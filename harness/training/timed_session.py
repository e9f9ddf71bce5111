"""Backends in processes of their own, timed in turns: A B, B A, A B, ...

While one of them works the others are blocked in a read. Every block is followed by one of each
other backend, so a machine that slows down slows all of them; and none always comes first.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from backends import file_name
from backends.interface import PHASES
from harness.config.experiment import Experiment
from harness.processes.process import FRAMEWORK_SECONDS, Child
from harness.system.energy_meter import Meter
from harness.system.machine import Machine


@dataclass(frozen=True)
class Block:
    """Means of one step: seconds of the step, of its batch and of reading its losses; joules. And
    `load`: the share of the CPU time that others took. None where they cannot be read."""

    seconds: float
    data: float
    logging: float
    joules: float | None
    load: float | None = None


def joules_of(blocks: Sequence[Block]) -> tuple[float, ...] | None:
    """None where a block has none."""
    joules = tuple(block.joules for block in blocks if block.joules is not None)
    return joules if len(joules) == len(blocks) else None


def loads_of(blocks: Sequence[Block]) -> tuple[float, ...] | None:
    """None where a block has none."""
    loads = tuple(block.load for block in blocks if block.load is not None)
    return loads if len(loads) == len(blocks) else None


@dataclass
class TimedSession:
    """Running processes, one a backend; all lists are in the order of the backends.

    `launch_seconds`: until each process answered. Every method raises WorkerFailed where a process
    dies; its message begins with the backend's name.
    """

    children: list[Child]
    launch_seconds: list[float]
    turn: int
    steps: int = 1  # of a block, from `warm_up` on

    @property
    def environments(self) -> list[dict[str, Any]]:
        return [child.begin["environment"] for child in self.children]

    @property
    def setup_seconds(self) -> list[float]:
        return [child.begin["setup_seconds"] for child in self.children]

    def ask(self, turn: int = 0, **command: Any) -> list[dict[str, Any]]:
        """One command to all, one after another; in an odd turn the last backend comes first."""
        order = _order(len(self.children), self.turn + turn)
        answers = {i: self.children[i].request(**command) for i in order}
        return [answers[i] for i in range(len(answers))]

    def ask_at_once(self, **command: Any) -> list[dict[str, Any]]:
        """One command to all at the same time."""
        with ThreadPoolExecutor(len(self.children)) as pool:
            answers = [pool.submit(child.request, **command) for child in self.children]
            return [answer.result() for answer in answers]

    def warm_up(self, block_seconds: float) -> list[float]:
        """Seconds of the first step, which traces and compiles.

        From here on a block has as many steps as the slowest backend takes `block_seconds` for, and
        peaks of memory count.
        """
        first = [answer["seconds"] for answer in self.ask(steps=1)]
        slowest = max(answer["seconds"] for answer in self.ask(steps=1))
        self.steps = max(1, round(block_seconds / slowest))
        self.ask(steps=self.steps, warmup=True)
        return first

    def rounds(self, meter: Meter | None = None) -> Iterator[list[Block]]:
        """A block of every backend, again and again."""
        turn = 0
        while True:
            blocks: dict[int, Block] = {}
            for i in _order(len(self.children), self.turn + turn):
                before = meter.joules() if meter else None
                answer = self.children[i].request(steps=self.steps)
                after = meter.joules() if meter else None
                used = None if before is None or after is None else (after - before) / self.steps
                load = answer.pop("load", None)
                step = {name: seconds / self.steps for name, seconds in answer.items()}
                blocks[i] = Block(**step, joules=used, load=load)
            yield [blocks[i] for i in range(len(blocks))]
            turn += 1

    def phases(self, turns: int) -> list[dict[str, tuple[float, ...]]]:
        """Seconds of each of PHASES, a number a step; all turns together are about one block."""
        self.ask(phases=1)  # traces the pieces
        steps = max(1, round(self.steps / turns))
        answers = [self.ask(turn, phases=steps) for turn in range(turns)]
        return [
            {
                phase: tuple(s for answer in answers for s in answer[i]["phases"][phase])
                for phase in PHASES
            }
            for i in range(len(self.children))
        ]


@contextmanager
def timed_session(
    experiment: Experiment,
    machine: Machine,
    backends: Sequence[str],
    logs: Path,
    label: str = "",
    turn: int = 0,
    patience: float = FRAMEWORK_SECONDS,
) -> Iterator[TimedSession]:
    """`backends`: the same one twice is compared with itself. `logs`: folder of what processes
    print, in files that are called `label` and the backend. `turn`: odd, the last backend starts
    first. `patience`: seconds after which a process that does not answer is killed.

    Raises WorkerFailed where a process dies, UserError where it refuses its input.
    """
    children: dict[int, Child] = {}
    seconds: dict[int, float] = {}
    with ExitStack() as stack:
        # Not always the same one first: while others start it stands idle, and loses caches.
        for i in _order(len(backends), turn):
            name = backends[i]
            prefix = f"{label.replace(', ', '-').replace(' ', '-')}-" if label else ""
            log = logs.resolve() / f"{prefix}{ascii_uppercase[i % 26]}-{file_name(name)}.txt"
            first = {
                "backend": name,
                "experiment": experiment.model_dump(),
                "device": machine.device,
                "threads": machine.threads,
            }
            began = time.perf_counter()
            children[i] = Child(
                "harness.training.timed_worker", name, log, first, patience, backend=name
            )
            stack.callback(children[i].close)
            seconds[i] = time.perf_counter() - began
        numbers = range(len(backends))
        yield TimedSession([children[i] for i in numbers], [seconds[i] for i in numbers], turn)


def _order(count: int, turn: int) -> list[int]:
    return list(range(count) if turn % 2 == 0 else reversed(range(count)))
