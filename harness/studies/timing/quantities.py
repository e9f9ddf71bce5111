"""What follows from a record: speeds, shares of what the device can do, where the time goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from backends.cost import Cost
from backends.interface import PHASES, PeakMemory, Peaks
from harness.statistics.intervals import CONFIDENCE, Interval, seed_interval
from harness.statistics.timed_blocks import Drift, drift, outliers
from harness.studies.timing.record import TimingRecord, TimingSide


@dataclass(frozen=True)
class Performance:
    """One backend of a record. Seconds; None or empty: cannot be had.

    `step`, `slow_step`: median and 95th percentile of the warm blocks. `first_step`: median over
    starts. `traffic`: bytes/s, were no more moved than must be. `phases`: median of a step timed in
    pieces; `excess`: by which share the pieces take longer than a step left alone, median over
    starts.
    """

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


@dataclass(frozen=True)
class Roof:
    """`limit`: FLOP/s that a device allows at an intensity, and which of two bounds it is."""

    limit: float
    binds: Literal["compute", "memory"]


def performance(record: TimingRecord, side: int) -> Performance:
    """Of the first backend (0) or the second (1)."""
    warm, sides = record.warm(side), [start.sides[side] for start in record.starts]
    step, images, cost = float(np.median(warm)), 2 * record.batch_size, whole(record)
    energy = joules(record, side)
    return Performance(
        framework=record.names[side],
        step=step,
        slow_step=float(np.quantile(warm, 0.95)),
        first_step=float(np.median([each.first_step for each in sides])),
        images_per_second=images / step,
        flops=cost.flops / step if cost else None,
        traffic=cost.bytes / step if cost else None,
        memory=max((each.memory for each in sides), key=lambda memory: memory.bytes),
        drift=drift(warm),
        outliers=sum(outliers(start.warm(side)) for start in record.starts),
        blocks=len(warm),
        joules_per_image=None if energy is None else energy / images,
        phases=_phases(sides),
        excess=_excess(record, side),
    )


def _phases(sides: Sequence[TimingSide]) -> dict[str, float]:
    found = [each.phases for each in sides if each.phases]
    if len(found) < len(sides):
        return {}
    return {
        phase: float(np.median(np.concatenate([each[phase] for each in found]))) for phase in PHASES
    }


def whole(record: TimingRecord) -> Cost | None:
    """Counted for a step."""
    return sum(record.costs.values(), Cost()) if record.costs else None


def joules(record: TimingRecord, side: int) -> float | None:
    """A step, mean over the warm blocks of all starts; None where any of them has no reading."""
    found = [start.sides[side].joules for start in record.starts]
    if any(each is None for each in found):
        return None
    warm = [each[start.cold :] for each, start in zip(found, record.starts, strict=True) if each]
    return float(np.mean(np.concatenate(warm)))


def peaks(record: TimingRecord, choose: Callable[[list[float]], float] = max) -> Peaks | None:
    """The device's best, by whichever framework and in whichever start was fastest."""
    found = [side.peaks for start in record.starts for side in start.sides if side.peaks]
    if not found:
        return None
    return Peaks(
        matrix=choose([each.matrix for each in found]),
        convolution=choose([each.convolution for each in found]),
        bandwidth=choose([each.bandwidth for each in found]),
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


def phase_gap(record: TimingRecord, phase: str) -> Interval:
    """Seconds by which the second backend's piece takes longer, for other starts of both.

    Those of all phases hold together at 95 % (Bonferroni).
    """
    gaps = [second - first for first, second in _phase_medians(record, phase)]
    return seed_interval(gaps, 1 - (1 - CONFIDENCE) / len(PHASES))


def _phase_medians(record: TimingRecord, phase: str) -> list[tuple[float, float]]:
    """Of both backends, a pair a start; empty where any of them was not timed in pieces."""
    if not all(side.phases for start in record.starts for side in start.sides):
        return []
    middle = partial(_phase_median, phase=phase)
    return [(middle(start.first), middle(start.second)) for start in record.starts]


def _phase_median(side: TimingSide, phase: str) -> float:
    assert side.phases is not None
    return float(np.median(side.phases[phase]))


def _excess(record: TimingRecord, side: int) -> float | None:
    ratios = []
    for start in record.starts:
        one = start.sides[side]
        if not one.phases:
            return None
        steps = np.sum([one.phases[phase] for phase in PHASES], axis=0)
        ratios.append(float(np.median(steps)) / float(np.median(start.warm(side))))
    return float(np.median(ratios)) - 1
