"""Alternating blocks of two backends, started anew several times, until their ratio is known."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.bench.blocks import cold_blocks, over_starts, width
from harness.bench.record import Record, Side, Start
from harness.compare import Machine
from harness.config import Experiment
from harness.progress import Display
from harness.workers import Child

LEAST_STARTS = 4


@dataclass(frozen=True)
class Request:
    """`backends`: two, the second is measured against the first; twice the same one is A/A.

    Each start of both processes gives `pairs` pairs of blocks of about `block_seconds`. Done when
    the 95 % interval of the ratio over starts is no wider than `width` of it, or after
    `most_starts`. `logs`: folder of what the processes print.
    """

    experiment: Experiment
    machine: Machine
    backends: tuple[str, str]
    logs: Path
    pairs: int = 8
    block_seconds: float = 0.5
    width: float = 0.05
    most_starts: int = 12


def bench(request: Request, display: Display) -> Record:
    """Raises WorkerFailed if a process dies."""
    starts: list[Start] = []
    while len(starts) < request.most_starts:
        starts.append(_timed(request, len(starts)))
        ratio = over_starts([each.ratio for each in starts])
        note = f"interval {100 * width(ratio):.1f} % wide" if np.isfinite(width(ratio)) else ""
        display.update("starts", len(starts), request.most_starts, note)
        if len(starts) >= min(LEAST_STARTS, request.most_starts) and width(ratio) <= request.width:
            break
    return Record(request.experiment, request.machine, tuple(starts))


def _timed(request: Request, number: int) -> Start:
    """Both backends started, and timed in turns; which comes first changes from start to start."""
    with ExitStack() as stack:
        sides: dict[int, Child] = {}
        # Not always the same one first: while the other starts it stands idle, and loses caches.
        for i in _order(number):
            sides[i] = _start(request, "AB"[i], request.backends[i])
            stack.callback(sides[i].close)
        # The first step traces and compiles.
        first = [sides[i].request(steps=1)["seconds"] for i in (0, 1)]
        again = [sides[i].request(steps=1)["seconds"] for i in (0, 1)]
        steps = max(1, round(request.block_seconds / max(again)))
        for i in _order(number):
            sides[i].request(steps=steps)
        seconds: tuple[list[float], list[float]] = ([], [])
        for pair in range(request.pairs):
            # A B, B A, A B, ...: neither is always first.
            for i in _order(number + pair):
                seconds[i].append(sides[i].request(steps=steps)["seconds"] / steps)
        memory = [sides[i].request(memory=True) for i in (0, 1)]
    cold = max(cold_blocks(np.array(each)) for each in seconds)
    found = [
        Side(request.backends[i], sides[i].begin, first[i], tuple(seconds[i]), memory[i])
        for i in (0, 1)
    ]
    return Start(number, steps, cold, *found)


def _order(turn: int) -> tuple[int, int]:
    return (0, 1) if turn % 2 == 0 else (1, 0)


def _start(request: Request, place: str, name: str) -> Child:
    first: dict[str, Any] = {
        "backend": name,
        "experiment": request.experiment.model_dump(),
        "device": request.machine.device,
        "threads": request.machine.threads,
        "log": str(request.logs.resolve() / f"{place}-{name}.txt"),
    }
    return Child("harness.bench.worker", name, Path(first["log"]), first)
