"""What follows from one record: curves, ratios, and what a series of points says.

Fits (a power law, a fixed cost beside a rate, memory by batch) describe the points they were made
from. None is a measurement of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import nnls
from scipy.stats import linregress

from backends import distinct
from harness.report.figures import backend_colour
from harness.statistics.intervals import Interval, ratio_interval, t_interval, t_quantile
from harness.studies.scaling.record import (
    MeasuredPoint,
    ScalingAxis,
    ScalingRecord,
    ScalingSide,
)

FOR_A_LINE = 3  # fewer points lie on it whatever they are
FOR_AN_INTERVAL = 4

# ------------------------------------------------------------------------------------------ fits


def power(flops: Sequence[float], seconds: Sequence[float]) -> Interval:
    """b of seconds = a * flops**b, by least squares of the logarithms, with its t interval.

    None below 3 different costs, without bounds below 4. The interval is of how far the points are
    from any one power: that they are bent, as by a fixed cost, is in it, too.
    """
    if len(set(flops)) < FOR_A_LINE:
        return Interval(None)
    line = linregress(np.log(flops), np.log(seconds))
    if len(set(flops)) < FOR_AN_INTERVAL:
        return Interval.of(float(line.slope))
    return t_interval(float(line.slope), float(line.stderr), len(flops) - 2)


@dataclass(frozen=True)
class Spread:
    """A fitted value, and the least and largest of it if any one point is left out (None: with so
    few points that cannot be told). No interval: it says how much hangs on a single point."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Straight:
    """seconds = fixed + flops / rate. `off`: the largest misfit, relative to what was measured.

    A rate of None: the time does not grow with the arithmetic.
    """

    fixed: Spread
    rate: Spread
    off: float


def straight(flops: Sequence[float], seconds: Sequence[float]) -> Straight | None:
    """Neither term below zero, relative errors alike: else the largest point would decide alone
    what the smallest ones cost. None below 3 different costs."""
    x, y = np.asarray(flops, np.float64), np.asarray(seconds, np.float64)
    if len(set(flops)) < FOR_A_LINE:
        return None
    fixed, slope = _terms(x, y)
    others = []
    if len(set(flops)) >= FOR_AN_INTERVAL:
        others = [_terms(np.delete(x, i), np.delete(y, i)) for i in range(len(x))]
    return Straight(
        fixed=_spread(fixed, [other for other, _ in others]),
        rate=_spread(_rate(slope), [_rate(other) for _, other in others]),
        off=float(np.abs((fixed + slope * x) / y - 1).max()),
    )


def _terms(flops: np.ndarray, seconds: np.ndarray) -> tuple[float, float]:
    scale = float(flops.max())  # columns of one order of magnitude
    columns = np.stack([1 / seconds, flops / scale / seconds], axis=1)
    (fixed, slope), _ = nnls(columns, np.ones(len(flops)))
    return float(fixed), float(slope) / scale


def _rate(slope: float) -> float | None:
    return 1 / slope if slope > 0 else None


def _spread(value: float | None, others: Sequence[float | None]) -> Spread:
    values = [other for other in others if other is not None]
    if not values or len(values) < len(others):
        return Spread(value)
    return Spread(value, min(values), max(values))


@dataclass(frozen=True)
class MemoryLine:
    """bytes = `start` + `each` * batch. `grows`: the 95 % t interval of `each` is above 0.

    `largest`: batch measured. `check`: what the line through all but the largest batch makes of
    that one, relative to what was measured there: 0.02 is 2 % too much. None where too few are left
    for a line.
    """

    start: float
    each: float
    grows: bool
    largest: int
    check: float | None

    def fits(self, memory: int | None) -> int | None:
        """The largest batch within so many bytes, by this line; None where it does not surely grow,
        or nothing fits."""
        if memory is None or not self.grows:
            return None
        batch = math.floor((memory - self.start) / self.each + 1e-6)
        return batch if batch >= 1 else None


def memory_line(batches: Sequence[int], memory: Sequence[float]) -> MemoryLine | None:
    """Least squares; None below 3 different batches."""
    x, y = np.asarray(batches, np.float64), np.asarray(memory, np.float64)
    if len(set(batches)) < FOR_A_LINE:
        return None
    line = linregress(x, y)
    low = line.slope - t_quantile(len(x) - 2) * line.stderr
    last, check = x == x.max(), None
    if len(set(batches)) > FOR_A_LINE:
        others = linregress(x[~last], y[~last])
        measured = float(y[last].mean())
        check = float((others.intercept + others.slope * x.max() - measured) / measured)
    return MemoryLine(float(line.intercept), float(line.slope), bool(low > 0), int(x.max()), check)


# ---------------------------------------------------------------------------------------- curves


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
    """`points`: values, ascending, and what was measured there, failed or not."""

    axis: ScalingAxis
    points: tuple[tuple[int, MeasuredPoint], ...]
    curves: tuple[ScalingCurve, ...]

    @property
    def title(self) -> str:
        return self.axis.title

    def shown(self, value: int) -> str:
        return f"{value:,} {self.axis.unit}".strip()


@dataclass(frozen=True)
class ScalingFindings:
    """`titles`: of the backends, as their frameworks are called."""

    record: ScalingRecord
    titles: dict[str, str]
    axes: tuple[AxisFindings, ...]

    def on(self, name: str) -> AxisFindings | None:
        return next((findings for findings in self.axes if findings.axis.name == name), None)


def find(record: ScalingRecord) -> ScalingFindings:
    titles = {}
    for backend in record.backends:
        sides = [point.side(backend) for point in record.points]
        titles[backend] = next((side.framework for side in sides if side), backend)
    titles = distinct(titles.items())
    axes = []
    for axis in record.axes:
        points = tuple(record.on(axis))
        if not points:
            continue
        curves = []
        for backend in record.backends:
            measured = [(value, point) for value, point in points if point.side(backend)]
            if measured:
                curve = ScalingCurve(
                    backend=backend,
                    title=titles[backend],
                    tone=backend_colour(backend, record.backends),
                    values=tuple(value for value, _ in measured),
                    flops=tuple(point.flops for _, point in measured),
                    sides=tuple(side for _, point in measured if (side := point.side(backend))),
                )
                curves.append(curve)
        axes.append(AxisFindings(axis, points, tuple(curves)))
    return ScalingFindings(record, titles, tuple(axes))


def ratio(point: MeasuredPoint, first: str, second: str) -> Interval:
    """How many times as long the second takes, from pairs of blocks; None unless both are there,
    and None where the machine was busy."""
    pairs = pair_ratios(point, first, second)
    return ratio_interval(pairs, np.ones(len(pairs))) if len(pairs) else Interval(None)


def pair_ratios(point: MeasuredPoint, first: str, second: str) -> np.ndarray:
    """(pairs,), none unless both are there, and none of a busy machine."""
    below, above = point.side(first), point.side(second)
    if below is None or above is None or point.busy:
        return np.empty(0)
    return np.array(above.seconds_per_step) / np.array(below.seconds_per_step)
