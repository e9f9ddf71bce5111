"""What follows from records of benches: speeds, shares of what a device can do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from backends.cost import Cost
from backends.interface import PHASES, PeakMemory, Peaks
from harness.report.figures import backend_colour
from harness.statistics.intervals import Interval, joint_confidence, seed_interval
from harness.statistics.timed_blocks import Drift, drift, outliers
from harness.studies.timing.record import TimingRecord
from harness.studies.timing.verdicts import TimingVerdict, verdict

PHASE_TITLES = {
    "host": "host",
    "generators_forward": "generators, forward",
    "generators_backward": "generators, backward",
    "discriminators": "discriminators, both ways",
    "optimisers": "optimisers",
}

# --------------------------------------------------------------------------------- one backend


@dataclass(frozen=True)
class Performance:
    """One backend of a record. Seconds; None or empty: cannot be had.

    `step`, `slow_step`: median and 95th percentile of the warm blocks. `first_step`: median over
    starts. `traffic`: bytes/s, of the least traffic a step needs. `phases`: median of a step that
    was timed in pieces; `excess`: by which share the pieces take longer than a step left alone,
    median over starts.
    """

    backend: str
    framework: str
    step: float
    slow_step: float
    first_step: float
    images_per_second: float
    flops: float | None
    traffic: float | None
    memory: PeakMemory
    drift: Drift
    outliers: int
    blocks: int
    joules_per_image: float | None
    phases: dict[str, float]
    excess: float | None


def performance(record: TimingRecord, side: int) -> Performance:
    """`side`: the backend's place."""
    starts = record.shown
    warm, sides = record.warm(side), [start.sides[side] for start in starts]
    step, images, cost = float(np.median(warm)), 2 * record.batch_size, whole(record)
    energy = joules(record, side)
    phases: dict[str, float] = {}
    excess = None
    pieces = [one.phases for one in sides if one.phases]
    if len(pieces) == len(sides):
        phases = {
            phase: float(np.median(np.concatenate([one[phase] for one in pieces])))
            for phase in PHASES
        }
        # Each start is compared with itself: one that is slow throughout has no more in its pieces.
        ratios = [
            float(np.median(np.sum([one[phase] for phase in PHASES], axis=0)))
            / float(np.median(start.warm(side)))
            for one, start in zip(pieces, starts, strict=True)
        ]
        excess = float(np.median(ratios)) - 1
    return Performance(
        backend=record.backends[side],
        framework=record.names[side],
        step=step,
        slow_step=float(np.quantile(warm, 0.95)),
        first_step=float(np.median([one.first_step for one in sides])),
        images_per_second=images / step,
        flops=cost.flops / step if cost else None,
        traffic=cost.bytes / step if cost else None,
        memory=max((one.memory for one in sides), key=lambda memory: memory.bytes),
        drift=drift(warm),
        outliers=sum(outliers(start.warm(side)) for start in starts),
        blocks=len(warm),
        joules_per_image=None if energy is None else energy / images,
        phases=phases,
        excess=excess,
    )


def joules(record: TimingRecord, side: int) -> float | None:
    """A step, mean over the warm blocks of all starts; None where any of them has no reading."""
    warm: list[float] = []
    for start in record.shown:
        of_blocks = start.sides[side].joules
        if of_blocks is None:
            return None
        warm += [of_blocks[number] for number in start.kept]
    return float(np.mean(warm))


def phase_gap(record: TimingRecord, phase: str, other: int = 1) -> Interval:
    """Seconds by which the piece takes `other` longer than the first, for other starts of both.

    Those of all phases, and of all backends that are compared with the first, hold together at
    95 % (Bonferroni). None where a start has no pieces.
    """
    gaps = []
    for start in record.shown:
        first, second = start.first.phases, start.sides[other].phases
        if not first or not second:
            return Interval(None)
        gaps.append(float(np.median(second[phase])) - float(np.median(first[phase])))
    return seed_interval(gaps, joint_confidence(len(PHASES) * (len(record.backends) - 1)))


# ------------------------------------------------------------------------ what the device can do


@dataclass(frozen=True)
class Roof:
    """`limit`: FLOP/s that a device allows at an intensity, and which of two bounds it is."""

    limit: float
    binds: Literal["compute", "memory"]


def whole(record: TimingRecord) -> Cost | None:
    """Counted for a step."""
    return sum(record.costs.values(), Cost()) if record.costs else None


def peaks(record: TimingRecord, choose: Callable[[list[float]], float] = max) -> Peaks | None:
    """The device's best, by whichever framework and in whichever start was fastest."""
    measured = [side.peaks for start in record.starts for side in start.sides if side.peaks]
    if not measured:
        return None
    return Peaks(
        matrix=choose([one.matrix for one in measured]),
        convolution=choose([one.convolution for one in measured]),
        bandwidth=choose([one.bandwidth for one in measured]),
    )


def compute_roof(best: Peaks) -> float:
    """FLOP/s: whichever is higher, for a step has products of both kinds."""
    return max(best.matrix, best.convolution)


def roof(cost: Cost | None, best: Peaks | None) -> Roof | None:
    """Williams et al. 2009; None for what has no operations."""
    if cost is None or best is None or not cost.flops or not cost.intensity:
        return None
    compute, memory = compute_roof(best), cost.intensity * best.bandwidth
    return Roof(memory, "memory") if memory < compute else Roof(compute, "compute")


# --------------------------------------------------------------------------- records of a folder


@dataclass(frozen=True)
class BenchEntry:
    """A record and what follows from it.

    `apart`: what tells it from another of the same title, at whose end it stands.
    """

    file: str
    title: str
    apart: str
    record: TimingRecord
    verdict: TimingVerdict
    sides: tuple[Performance, ...]

    def colour(self, backend: str) -> str:
        return backend_colour(backend, self.record.backends)

    @property
    def in_pieces(self) -> bool:
        """Whether steps of all backends were timed in pieces."""
        return all(side.phases for side in self.sides)


@dataclass(frozen=True)
class Entries:
    """`checks`: of one backend against itself. They say how far results can be believed."""

    results: tuple[BenchEntry, ...]
    checks: tuple[BenchEntry, ...]

    @property
    def all(self) -> tuple[BenchEntry, ...]:
        return self.results + self.checks

    @property
    def most(self) -> int:
        """Backends of the result that has most."""
        return max((len(entry.sides) for entry in self.results), default=2)


def find(records: Mapping[str, TimingRecord]) -> Entries:
    """`records` by file name; by device and setting they are put in order."""
    titles = {}
    for file, record in records.items():
        against = f", {record.names[0]} against itself" if record.same else ""
        titles[file] = f"{record.device}: {record.setting}{against}"
    same = Counter(titles.values())
    entries = []
    order = sorted(records, key=lambda file: (records[file].device, records[file].setting, file))
    for file in order:
        record, title = records[file], titles[file]
        # Two machines of one kind: only their files tell them apart.
        apart = f" ({file})" if same[title] > 1 else ""
        sides = tuple(performance(record, place) for place in range(len(record.backends)))
        entries.append(BenchEntry(file, title + apart, apart, record, verdict(record), sides))
    return Entries(
        tuple(entry for entry in entries if not entry.record.same),
        tuple(entry for entry in entries if entry.record.same),
    )
