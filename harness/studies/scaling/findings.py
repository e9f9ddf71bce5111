"""All that a page says of one record, and nothing but what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from harness.report.figures import backend_colour
from harness.statistics.intervals import Interval, ratio_interval
from harness.studies.scaling.fit import MemoryLine, Straight, memory_line, power, straight
from harness.studies.scaling.record import (
    MeasuredPoint,
    ScalingAxisRecord,
    ScalingRecord,
    ScalingSide,
)


@dataclass(frozen=True)
class Row:
    """A value of an axis, and the point that was measured there, failed or not."""

    value: int
    point: MeasuredPoint


@dataclass(frozen=True)
class ScalingCurve:
    """One backend along one axis, where it has numbers; ascending."""

    backend: str
    title: str
    tone: str
    values: tuple[int, ...]
    flops: tuple[int, ...]
    sides: tuple[ScalingSide, ...]

    @property
    def steps(self) -> list[float]:
        """Seconds a step, medians."""
        return [side.step for side in self.sides]

    @property
    def memory(self) -> list[int]:
        return [side.memory.bytes for side in self.sides]

    @cached_property
    def power(self) -> Interval:
        return power(self.flops, self.steps)

    @cached_property
    def straight(self) -> Straight | None:
        return straight(self.flops, self.steps)

    @cached_property
    def line(self) -> MemoryLine | None:
        """Of memory by value; meant for batches."""
        return memory_line(self.values, self.memory)


@dataclass(frozen=True)
class AxisFindings:
    axis: ScalingAxisRecord
    rows: tuple[Row, ...]
    curves: tuple[ScalingCurve, ...]

    def shown(self, value: int) -> str:
        return f"{value:,} {self.axis.unit}".strip()


@dataclass(frozen=True)
class ScalingFindings:
    """`titles`: of the backends, as their frameworks are called."""

    record: ScalingRecord
    titles: dict[str, str]
    axes: tuple[AxisFindings, ...]

    def on(self, name: str) -> AxisFindings | None:
        return next((each for each in self.axes if each.axis.name == name), None)


def find(record: ScalingRecord) -> ScalingFindings:
    titles = {name: _title(record, name) for name in record.backends}
    axes = []
    for axis in record.axes:
        rows = tuple(Row(value, point) for value, point in record.on(axis))
        if rows:
            curves = tuple(_curve(rows, name, titles[name]) for name in record.backends)
            axes.append(AxisFindings(axis, rows, tuple(each for each in curves if each.values)))
    return ScalingFindings(record, titles, tuple(axes))


def _title(record: ScalingRecord, backend: str) -> str:
    sides = [point.side(backend) for point in record.points]
    return next((side.framework for side in sides if side), backend)


def _curve(rows: Sequence[Row], backend: str, title: str) -> ScalingCurve:
    there = [(row, side) for row in rows if (side := row.point.side(backend))]
    return ScalingCurve(
        backend=backend,
        title=title,
        tone=backend_colour(backend),
        values=tuple(row.value for row, _ in there),
        flops=tuple(row.point.flops for row, _ in there),
        sides=tuple(side for _, side in there),
    )


def ratio(point: MeasuredPoint, first: str, second: str) -> Interval:
    """How many times as long the second takes, from pairs of blocks; None unless both are there."""
    pairs = pair_ratios(point, first, second)
    return ratio_interval(pairs, np.ones(len(pairs))) if len(pairs) else Interval(None)


def pair_ratios(point: MeasuredPoint, first: str, second: str) -> np.ndarray:
    """(pairs,), none unless both are there."""
    sides = point.side(second), point.side(first)
    if sides[0] is None or sides[1] is None:
        return np.empty(0)
    return np.array(sides[0].seconds_per_step) / np.array(sides[1].seconds_per_step)
