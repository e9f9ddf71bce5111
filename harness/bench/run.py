"""Alternating blocks of two backends until their ratio is known as closely as asked for."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.bench.blocks import cold_blocks, width
from harness.bench.record import Record, Side
from harness.compare import Machine
from harness.config import Experiment
from harness.progress import Display
from harness.statistics import Interval, ratio_interval
from harness.workers import Child

LEAST_PAIRS = 12


@dataclass(frozen=True)
class Request:
    """`backends`: two, the second is measured against the first; twice the same one is A/A.

    Blocks of about `block_seconds`; done when the ratio's 95 % interval is no wider than `width` of
    it, or after `most_pairs`. `logs`: folder of what the processes print.
    """

    experiment: Experiment
    machine: Machine
    backends: tuple[str, str]
    logs: Path
    block_seconds: float = 1.0
    width: float = 0.05
    most_pairs: int = 60


def bench(request: Request, display: Display) -> Record:
    """Raises WorkerFailed if a process dies."""
    with ExitStack() as stack:
        sides = []
        for place, name in zip("AB", request.backends, strict=True):
            display.say(f"{name}: starting")
            sides.append(_start(request, place, name))
            stack.callback(sides[-1].close)
        # The first step traces and compiles.
        first = [side.request(steps=1)["seconds"] for side in sides]
        again = [side.request(steps=1)["seconds"] for side in sides]
        steps = max(1, round(request.block_seconds / max(again)))
        seconds = _alternate(sides, steps, request, display)
        memory = [side.request(memory=True) for side in sides]
    cold = max(cold_blocks(np.array(each)) for each in seconds)
    found = [
        Side(name, side.begin, first_step, tuple(each), held)
        for name, side, first_step, each, held in zip(
            request.backends, sides, first, seconds, memory, strict=True
        )
    ]
    return Record(request.experiment, request.machine, steps, cold, *found)


def _start(request: Request, place: str, name: str) -> Child:
    first: dict[str, Any] = {
        "backend": name,
        "experiment": request.experiment.model_dump(),
        "device": request.machine.device,
        "threads": request.machine.threads,
        "log": str(request.logs.resolve() / f"{place}-{name}.txt"),
    }
    return Child("harness.bench.worker", name, Path(first["log"]), first)


def _alternate(
    sides: list[Child], steps: int, request: Request, display: Display
) -> tuple[list[float], list[float]]:
    """Seconds a step of blocks, by side: A B, B A, A B, ... so that neither is always first."""
    seconds: tuple[list[float], list[float]] = ([], [])
    while len(seconds[0]) < request.most_pairs:
        pair = len(seconds[0])
        for i in (0, 1) if pair % 2 == 0 else (1, 0):
            seconds[i].append(sides[i].request(steps=steps)["seconds"] / steps)
        ratio = _ratio(seconds)
        note = f"interval {100 * width(ratio):.1f} % wide" if np.isfinite(width(ratio)) else ""
        display.update("pairs of blocks", pair + 1, request.most_pairs, note)
        if pair + 1 >= LEAST_PAIRS and width(ratio) <= request.width:
            break
    return seconds


def _ratio(seconds: tuple[list[float], list[float]]) -> Interval:
    cold = max(cold_blocks(np.array(each)) for each in seconds)
    first, second = (np.array(each[cold:]) for each in seconds)
    return ratio_interval(second, first)
