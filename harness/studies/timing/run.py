"""Alternating blocks of two backends, started anew several times, until their ratio is known."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from backends.interface import PHASES, PeakMemory, Peaks
from harness.config.changed_keys import changes
from harness.config.experiment import Experiment
from harness.plan.step_cost import step_costs
from harness.processes.process import Child
from harness.statistics.intervals import enough_starts, over_starts, width
from harness.statistics.timed_blocks import cold_blocks
from harness.studies.timing.record import Record, Side, Start
from harness.system import provenance
from harness.system.energy_meter import Meter
from harness.system.machine import Machine
from harness.system.progress import Display

PEAK_STARTS = 2  # at whose end the device's peaks are measured, which takes seconds
PHASE_TURNS = 4  # of a start, timed in pieces after the blocks; as long as a block, together


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
    pairs: int = 24
    block_seconds: float = 0.5
    width: float = 0.05
    most_starts: int = 24


def bench(request: Request, display: Display) -> Record:
    """Raises WorkerFailed if a process dies."""
    starts: list[Start] = []
    meter = Meter(request.machine.device)
    while len(starts) < request.most_starts:
        starts.append(_timed(request, len(starts), meter))
        ratios = [each.ratio for each in starts]
        found = width(over_starts(ratios))
        note = f"interval {100 * found:.1f} % wide" if np.isfinite(found) else ""
        display.update("starts", len(starts), request.most_starts, note)
        if enough_starts(ratios, request.width):
            break
    experiment = request.experiment
    return Record(
        preset=experiment.preset,
        configuration=experiment.model_dump(mode="json"),
        changes=changes(experiment),
        device=request.machine.device_name,
        threads=request.machine.threads,
        machine=provenance.describe(request.machine.device),
        width=request.width,
        starts=tuple(starts),
        costs=step_costs(experiment),
        energy_source=meter.source,
    )


def _timed(request: Request, number: int, meter: Meter) -> Start:
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
            sides[i].request(steps=steps, warmup=True)
        blocks: tuple[list[Block], list[Block]] = ([], [])
        for pair in range(request.pairs):
            # A B, B A, A B, ...: neither is always first.
            for i in _order(number + pair):
                blocks[i].append(_block(sides[i], steps, meter))
        # Before what follows, which takes memory of its own.
        memory = [PeakMemory(**sides[i].request(memory=True)) for i in (0, 1)]
        phases = _phases(sides, number, max(1, round(steps / PHASE_TURNS)))
        peaks = {
            i: Peaks(**sides[i].request(peaks=True)) if number < PEAK_STARTS else None
            for i in _order(number)
        }
    found = [
        Side(
            backend=request.backends[i],
            environment=sides[i].begin["environment"],
            setup=sides[i].begin["setup_seconds"],
            first_step=first[i],
            blocks=tuple(block.seconds for block in blocks[i]),
            memory=memory[i],
            joules=_joules(blocks[i]),
            phases=phases[i],
            peaks=peaks[i],
        )
        for i in (0, 1)
    ]
    cold = max(cold_blocks(np.array(side.blocks)) for side in found)
    return Start(number, steps, cold, *found)


class Block(NamedTuple):
    """Of one step."""

    seconds: float
    joules: float | None


def _block(side: Child, steps: int, meter: Meter) -> Block:
    """The other process is blocked in a read meanwhile: all that the device takes is for this."""
    before = meter.joules()
    seconds = side.request(steps=steps)["seconds"]
    after = meter.joules()
    used = None if before is None or after is None else (after - before) / steps
    return Block(seconds / steps, used)


def _joules(blocks: Sequence[Block]) -> tuple[float, ...] | None:
    found = tuple(block.joules for block in blocks if block.joules is not None)
    return found if len(found) == len(blocks) else None


def _phases(sides: dict[int, Child], number: int, steps: int) -> list[dict[str, tuple[float, ...]]]:
    """Of both, a number a step: PHASE_TURNS turns of so many steps each."""
    for i in _order(number):
        sides[i].request(phases=1)  # traces the pieces
    found: list[dict[str, list[float]]] = [{phase: [] for phase in PHASES} for _ in sides]
    for turn in range(PHASE_TURNS):
        for i in _order(number + turn):
            for phase, seconds in sides[i].request(phases=steps)["phases"].items():
                found[i][phase] += seconds
    return [{phase: tuple(seconds) for phase, seconds in each.items()} for each in found]


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
    return Child("harness.training.timed_worker", name, Path(first["log"]), first, backend=name)
