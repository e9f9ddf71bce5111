"""Alternating blocks of backends, started anew several times, until their ratios are known."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from backends.interface import PeakMemory, Peaks
from harness.config.differences import changes
from harness.config.experiment import Experiment
from harness.plan.step_cost import step_costs
from harness.report.formatting import listed, percent, plural
from harness.statistics.intervals import LEAST_STARTS, width
from harness.statistics.timed_blocks import cold_blocks
from harness.studies.timing.record import Start, TimingRecord, TimingSide
from harness.system import provenance
from harness.system.energy_meter import Meter
from harness.system.machine import Machine
from harness.system.progress import Display, duration
from harness.training.timed_session import joules_of, loads_of, timed_session

PEAK_STARTS = 2  # at whose end the device's peaks are measured, which takes seconds
PHASE_TURNS = 4  # of a start, timed in pieces after the blocks; as long as a block, together


@dataclass(frozen=True)
class TimingRequest:
    """`backends`: two or more, the others measured against the first; twice the same one is A/A.

    Each start of all processes gives `pairs` pairs of blocks of about `block_seconds`. Done when
    the 95 % interval of every ratio over starts is no wider than `width` of it, or after
    `most_starts`. `logs`: folder of what the processes print.
    """

    experiment: Experiment
    machine: Machine
    backends: tuple[str, ...]
    logs: Path
    pairs: int = 24
    block_seconds: float = 0.5
    width: float = 0.05
    most_starts: int = 24


def bench(
    request: TimingRequest,
    display: Display,
    earlier: Sequence[Start] = (),
    keep: Callable[[TimingRecord], None] = lambda record: None,
) -> TimingRecord:
    """`earlier`: starts of the same request that an interrupted bench has made. `keep`: called
    with all that is there after every start.

    On a machine so busy that none of the first LEAST_STARTS counts it ends there: more would not
    count either. Raises WorkerFailed if a process dies.
    """
    starts, most = list(earlier), request.most_starts
    meter, machine = Meter(request.machine.device), provenance.describe(request.machine.device)
    all_of_them = "both" if len(request.backends) == 2 else "all"
    display.say(
        f"Timing {listed(request.backends)}: {min(LEAST_STARTS, most)} to {most} starts of"
        f" {all_of_them}, {plural(request.pairs, 'pair')} of blocks each. Every start is kept as it"
        " ends."
    )
    if starts:
        display.say(f"Goes on after {plural(len(starts), 'start')} of an interrupted bench")
    display.update("starts", len(starts), most)
    record = _record(request, starts, meter, machine) if starts else None
    while len(starts) < most and not (record and _is_enough(record)):
        began = time.monotonic()
        start = _timed(request, len(starts), meter, display)
        starts.append(start)
        record = _record(request, starts, meter, machine)
        keep(record)
        display.say(
            f"Start {len(starts)}: {_in_words(record)}, {duration(time.monotonic() - began)}"
        )
        wide = width(record.ratio_of(*record.least_settled))
        note = f"interval {100 * wide:.1f} % wide" if np.isfinite(wide) else ""
        display.update("starts", len(starts), most, note)
    assert record is not None
    return record


def _is_enough(record: TimingRecord) -> bool:
    hopeless = len(record.starts) >= LEAST_STARTS and not record.counted
    return record.settled or hopeless


def _in_words(record: TimingRecord) -> str:
    """The last start."""
    start = record.starts[-1]
    if start.counts:
        left_out = f" ({plural(start.left_out, 'pair')} under load left out)"
        others = range(1, len(record.backends))
        ratios = ", ".join(f"{start.ratio(0, other):.3f}" for other in others)
        return f"ratio{'s' * (len(others) > 1)} {ratios}" + left_out * bool(start.left_out)
    return f"does not count, the machine was busy ({percent(record.load)} of the CPU time)"


def _record(
    request: TimingRequest, starts: Sequence[Start], meter: Meter, machine: Mapping[str, Any]
) -> TimingRecord:
    experiment = request.experiment
    return TimingRecord(
        preset=experiment.preset,
        configuration=experiment.model_dump(mode="json"),
        changes=changes(experiment),
        device=request.machine.device_name,
        threads=request.machine.threads,
        machine=machine,
        width=request.width,
        starts=tuple(starts),
        costs=step_costs(experiment),
        energy_source=meter.source,
    )


def _timed(request: TimingRequest, number: int, meter: Meter, display: Display) -> Start:
    """All backends started, and timed in turns; which comes first changes from start to start."""
    backends, name = request.backends, "pairs of this start"
    them = "both" if len(backends) == 2 else "all"
    display.update(name, 0, request.pairs, f"starting {them} processes")
    with timed_session(
        request.experiment, request.machine, backends, request.logs, turn=number
    ) as session:
        display.update(name, 0, request.pairs, "first steps, with compiling")
        first = session.warm_up(request.block_seconds)
        rounds = []
        for pair in islice(session.rounds(meter), request.pairs):
            rounds.append(pair)
            display.update(name, len(rounds), request.pairs, "")
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
            load=loads_of(blocks),
            phases=phases[i],
            peaks=Peaks(**peaks[i]) if peaks else None,
        )
        sides.append(side)
    cold = max(cold_blocks(np.array(side.blocks)) for side in sides)
    first_side, second_side, *more = sides
    return Start(number, session.steps, cold, first_side, second_side, tuple(more))
