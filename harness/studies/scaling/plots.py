"""Two figures of a record: time against arithmetic, memory against what is varied."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from harness.report.figures import GUIDE, Drawn, figure, files
from harness.studies.scaling.findings import AxisFindings, Row, ScalingCurve, ScalingFindings

COLUMNS = 2
PANEL = 3.1  # inches high
MEGA = 1e6


def figures(findings: ScalingFindings) -> dict[str, bytes]:
    """File name -> PNG, SVG or PDF; without the axes that have no two points."""
    axes = [each for each in findings.axes if any(len(curve.values) > 1 for curve in each.curves)]
    if not axes:
        return {}
    drawn = {
        name(findings, "time"): _grid(axes, _time_panel, "GFLOP a step"),
        name(findings, "memory"): _grid(axes, _memory_panel, "value of what is varied"),
    }
    return files(drawn)


def name(findings: ScalingFindings, kind: str) -> str:
    return f"{kind}-{findings.record.digest}.png"


def _grid(axes: list[AxisFindings], panel, xlabel: str) -> Drawn:
    columns = min(COLUMNS, len(axes))
    rows = -(-len(axes) // columns)

    def draw(drawn: np.ndarray) -> None:
        for axis, each in zip(drawn.flat, axes, strict=False):
            panel(axis, each)
            axis.set_title(_title(each), loc="left", parse_math=False)
        for axis in drawn.flat[len(axes) :]:
            axis.set_axis_off()

    return figure(rows, columns, (11, 0.5 + PANEL * rows), draw, xlabel, counting=False)


def _measured(each: AxisFindings) -> list[Row]:
    """What failed has no place among the others: it may be far out."""
    return [row for row in each.rows if row.point.sides]


def _title(each: AxisFindings) -> str:
    failed = [each.shown(row.value) for row in each.rows if row.point.failed]
    return f"{each.axis.title} (failed: {', '.join(failed)})" if failed else each.axis.title


def _time_panel(axis: Axes, each: AxisFindings) -> None:
    axis.set(xscale="log", yscale="log")
    for curve in each.curves:
        _time_curve(axis, curve)
    _proportional(axis, each.curves[0])
    for row in _measured(each):
        axis.text(
            row.point.flops / 1e9, 0.02, each.shown(row.value), color=GUIDE, fontsize=8.5,
            ha="center", transform=axis.get_xaxis_transform(), parse_math=False,
        )  # fmt: skip
    axis.margins(x=0.12, y=0.18)
    axis.set_ylabel("ms a step")
    for side in (axis.xaxis, axis.yaxis):
        side.set_major_locator(LogLocator(subs=(1, 2, 5)))
        side.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        side.set_minor_formatter(NullFormatter())


def _time_curve(axis: Axes, curve: ScalingCurve) -> None:
    """Medians, the range of blocks, and the fitted line."""
    x, y = np.array(curve.flops) / 1e9, 1000 * np.array(curve.steps)
    ends = [(min(side.seconds_per_step), max(side.seconds_per_step)) for side in curve.sides]
    spread = np.abs(1000 * np.array(ends).T - y)
    axis.errorbar(x, y, yerr=spread, fmt="o", color=curve.tone, markersize=5, elinewidth=1.4,
                  capsize=3, label=curve.title)  # fmt: skip
    if curve.straight:
        along = np.geomspace(x.min(), x.max(), 60)
        slope = 1e9 / curve.straight.rate.value if curve.straight.rate.value else 0.0
        fitted = 1000 * ((curve.straight.fixed.value or 0.0) + slope * along)
        axis.plot(along, fitted, color=curve.tone, linewidth=1.3)
    else:
        axis.plot(x, y, color=curve.tone, linewidth=1.3)


def _proportional(axis: Axes, curve: ScalingCurve) -> None:
    """Dashed: what the largest point would make of the others, were time all arithmetic."""
    x = np.array([curve.flops[0], curve.flops[-1]]) / 1e9
    axis.plot(x, 1000 * curve.steps[-1] * x / x[-1], color=GUIDE, linewidth=1, linestyle="--")


def _memory_panel(axis: Axes, each: AxisFindings) -> None:
    for curve in each.curves:
        x, y = np.array(curve.values), np.array(curve.memory) / MEGA
        line = curve.line if each.axis.name == "batch" else None
        axis.plot(x, y, "o" if line else "o-", color=curve.tone, markersize=5, linewidth=1.3,
                  label=curve.title)  # fmt: skip
        if line:
            axis.plot(x, line.start / MEGA + line.each / MEGA * x, color=curve.tone,
                      linewidth=1.3)  # fmt: skip
    axis.set_ylim(bottom=0)
    axis.set_xticks([row.value for row in _measured(each)])
    axis.set_ylabel("MB")
