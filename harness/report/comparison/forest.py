"""A forest plot: every score's difference divided by its margin, so that all have one scale."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from harness.records.experiment import ExperimentFolder
from harness.report.comparison.scores import MetricRow, names_of
from harness.report.figures import GUIDE, PALETTE, Drawn, as_they_are, figure
from harness.report.formatting import bounds, fixed
from harness.statistics.intervals import MINIMUM_SEEDS

FEW = 4  # rows of the figure that is not folded; more where the primary score has more
EDGE = 3.0  # margins; what is farther off is an arrow at the edge
COLOURS = {"equivalent": PALETTE[2], "different": PALETTE[1]}
ROW_INCHES = 0.48


def forest_rows(rows: Sequence[MetricRow]) -> list[MetricRow]:
    """Rows that have a margin and a value to divide by it; those of the primary score first."""
    drawn = [row for row in rows if position(row, _value(row)) is not None]
    return sorted(drawn, key=lambda row: not row.primary)


def position(row: MetricRow, value: float | None) -> float | None:
    """`value` of a row in margins: above zero where the first backend's score is higher.

    Of a ratio (second over first) the logarithms are divided; None where that is not possible. A
    bound of an interval that is not positive is infinitely far off.
    """
    if row.margin is None or value is None:
        return None
    if row.margin.scale == "difference":
        return value / row.margin.value
    if value <= 0:
        return math.inf
    return -math.log(value) / math.log(row.margin.value)


def forest_figure(experiment: ExperimentFolder, rows: Sequence[MetricRow]) -> Drawn | None:
    """A line a row, with its 95 % interval over seeds where there are enough; None without rows."""
    if not rows:
        return None

    def draw(axes: np.ndarray) -> None:
        axis = axes.flat[0]
        axis.axvspan(-1, 1, color=GUIDE, alpha=0.15, linewidth=0)
        axis.axvline(0, color=GUIDE, linewidth=0.8)
        for place, row in enumerate(rows):
            _row(axis, place, row)
        axis.set_xlim(-EDGE * 1.06, EDGE * 1.06)
        axis.set_ylim(len(rows) - 0.4, -0.6)
        axis.set_yticks(range(len(rows)), [_label(experiment, row) for row in rows])
        as_they_are(axis.get_yticklabels())
        axis.grid(axis="y", visible=False)

    pairs = {tuple(row.scores): row for row in rows}
    what = names_of(experiment, rows[0]) if len(pairs) == 1 else "difference"
    label = f"{what}, divided by the margin (shaded: within the margin)"
    inches = (11, 0.9 + ROW_INCHES * len(rows))
    return figure(1, 1, inches, draw, label, counting=False)


def _value(row: MetricRow) -> float | None:
    is_ratio = row.margin is not None and row.margin.scale == "ratio"
    value = row.ratio.value if is_ratio else row.difference.value
    return None if is_ratio and value is not None and value <= 0 else value


def _row(axis: Axes, place: int, row: MetricRow) -> None:
    interval = row.ratio if row.margin and row.margin.scale == "ratio" else row.difference
    middle = position(row, interval.value)
    assert middle is not None
    tone = COLOURS.get(row.verdict.label if row.verdict else "", "#444444")
    if row.seeds >= MINIMUM_SEEDS and interval.low is not None and interval.high is not None:
        ends = [position(row, bound) for bound in (interval.low, interval.high)]
        low, high = sorted(end for end in ends if end is not None)
        shown = [max(-EDGE, min(EDGE, end)) for end in (low, high)]
        axis.plot(shown, [place, place], color=tone, linewidth=2, solid_capstyle="butt")
        for end, marker in ((low, "<"), (high, ">")):
            if abs(end) > EDGE and abs(middle) <= EDGE:
                axis.plot(math.copysign(EDGE, end), place, marker, color=tone, markersize=6)
    if abs(middle) > EDGE:
        arrow = ">" if middle > 0 else "<"
        axis.plot(math.copysign(EDGE, middle), place, arrow, color=tone, markersize=10)
    else:
        # Hollow: one or two seeds, which decide nothing.
        face = tone if row.seeds >= MINIMUM_SEEDS else "white"
        axis.plot(middle, place, "o", color=tone, markersize=7, markerfacecolor=face,
                  markeredgewidth=1.6)  # fmt: skip


def _label(experiment: ExperimentFolder, row: MetricRow) -> str:
    """Score and direction; below, the difference or ratio with its interval."""
    where = experiment.path(row.direction)
    if len(experiment.devices) > 1:
        where += f", {experiment.device_title(row.device)}"
    first, second = (experiment.title(name) for name in row.scores)
    over_seeds = row.seeds >= MINIMUM_SEEDS
    if row.margin and row.margin.scale == "ratio":
        value = f"{second} / {first} {fixed(row.ratio.value, 2)}"
        span = bounds(row.ratio, 2) if over_seeds else ""
    else:
        unit = f" {row.metric.unit}" if row.metric.unit else ""
        value = f"{names_of(experiment, row)} {row.text(row.difference.value)}{unit}"
        span = bounds(row.difference, row.metric.digits, row.metric.scale) if over_seeds else ""
    return f"{row.title}, {where}\n{value} {span}".rstrip()
