"""Alternating blocks of two backends, started anew several times, until their ratio is known."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from backends.interface import PeakMemory, Peaks
from harness.config.differences import changes
from harness.config.experiment import Experiment
from harness.plan.step_cost import step_costs
from harness.statistics.intervals import enough_starts, over_starts, width
from harness.statistics.timed_blocks import cold_blocks
from harness.studies.timing.record import Start, TimingRecord, TimingSide
from harness.system import provenance
from harness.system.energy_meter import Meter
from harness.system.machine import Machine
from harness.system.progress import Display
from harness.training.timed_session import joules_of, timed_session

PEAK_STARTS = 2  # at whose end the device's peaks are measured, which takes seconds
PHASE_TURNS = 4  # of a start, timed in pieces after the blocks; as long as a block, together


@dataclass(frozen=True)
class TimingRequest:
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


def bench(request: TimingRequest, display: Display) -> TimingRecord:
    """Raises WorkerFailed if a process dies."""
    starts: list[Start] = []
    meter = Meter(request.machine.device)
    while len(starts) < request.most_starts:
        starts.append(_timed(request, len(starts), meter))
        ratios = [start.ratio for start in starts]
        wide = width(over_starts(ratios))
        note = f"interval {100 * wide:.1f} % wide" if np.isfinite(wide) else ""
        display.update("starts", len(starts), request.most_starts, note)
        if enough_starts(ratios, request.width):
            break
    experiment = request.experiment
    return TimingRecord(
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


def _timed(request: TimingRequest, number: int, meter: Meter) -> Start:
    """Both backends started, and timed in turns; which comes first changes from start to start."""
    backends = request.backends
    with timed_session(
        request.experiment, request.machine, backends, request.logs, turn=number
    ) as session:
        first = session.warm_up(request.block_seconds)
        rounds = list(islice(session.rounds(meter), request.pairs))
        # Before what follows, which takes memory of its own.
        memory = session.ask(memory=True)
        phases = session.phases(PHASE_TURNS)
        peaks = session.ask(peaks=True) if number < PEAK_STARTS else None
    sides = []
    for i, blocks in enumerate(zip(*rounds, strict=True)):
        side = TimingSide(
            backend=backends[i],
            environment=session.environments[i],
            setup=session.setup_seconds[i],
            first_step=first[i],
            blocks=tuple(block.seconds for block in blocks),
            memory=PeakMemory(**memory[i]),
            joules=joules_of(blocks),
            phases=phases[i],
            peaks=Peaks(**peaks[i]) if peaks else None,
        )
        sides.append(side)
    cold = max(cold_blocks(np.array(side.blocks)) for side in sides)
    return Start(number, session.steps, cold, *sides)
