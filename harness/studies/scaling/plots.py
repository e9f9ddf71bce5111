"""Two figures of a record: time against arithmetic, memory against what is varied."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from harness.report.figures import GUIDE, files, log_ticks, panels
from harness.studies.scaling.findings import AxisFindings, ScalingFindings

COLUMNS = 2
HEIGHT = (0.5, 3.1)  # inches: above all panels, and of one
MEGA = 1e6


def figures(findings: ScalingFindings) -> dict[str, bytes]:
    """File name -> PNG, SVG or PDF; without the axes that have no two points."""
    drawn = [
        varied for varied in findings.axes if any(len(curve.values) > 1 for curve in varied.curves)
    ]
    if not drawn:
        return {}
    time = panels(drawn, COLUMNS, HEIGHT, _draw_time, "GFLOP a step")
    memory = panels(drawn, COLUMNS, HEIGHT, _draw_memory, "value of what is varied")
    return files({name(findings, "time"): time, name(findings, "memory"): memory})


def name(findings: ScalingFindings, kind: str) -> str:
    return f"{kind}-{findings.record.digest}.png"


def _set_title(axis: Axes, varied: AxisFindings) -> None:
    """What failed has no place among the others, for it may be far out: it is in the title."""
    failed = [varied.shown(value) for value, point in varied.points if point.failed]
    title = f"{varied.title} (failed: {', '.join(failed)})" if failed else varied.title
    axis.set_title(title, loc="left", parse_math=False)


def _draw_time(axis: Axes, varied: AxisFindings) -> None:
    _set_title(axis, varied)
    axis.set(xscale="log", yscale="log")
    for curve in varied.curves:
        # Medians, the range of blocks, and the fitted line.
        x, y = np.array(curve.flops) / 1e9, 1000 * np.array(curve.steps)
        ends = [(min(side.seconds_per_step), max(side.seconds_per_step)) for side in curve.sides]
        spread = np.abs(1000 * np.array(ends).T - y)
        axis.errorbar(x, y, yerr=spread, fmt="o", color=curve.tone, markersize=5, elinewidth=1.4,
                      capsize=3, label=curve.title)  # fmt: skip
        if curve.straight:
            rate = curve.straight.rate.value
            x = np.geomspace(x.min(), x.max(), 60)
            y = 1000 * ((curve.straight.fixed.value or 0.0) + (1e9 / rate if rate else 0.0) * x)
        axis.plot(x, y, color=curve.tone, linewidth=1.3)
    # Dashed: what the largest point would make of the others, were time all arithmetic.
    first = varied.curves[0]
    x = np.array([first.flops[0], first.flops[-1]]) / 1e9
    axis.plot(x, 1000 * first.steps[-1] * x / x[-1], color=GUIDE, linewidth=1, linestyle="--")
    for value, point in varied.points:
        if point.sides:
            axis.text(
                point.flops / 1e9, 0.02, varied.shown(value), color=GUIDE, fontsize=8.5,
                ha="center", transform=axis.get_xaxis_transform(), parse_math=False,
            )  # fmt: skip
    axis.margins(x=0.12, y=0.18)
    axis.set_ylabel("ms a step")
    log_ticks(axis.xaxis, "{:g}".format)
    log_ticks(axis.yaxis, "{:g}".format)


def _draw_memory(axis: Axes, varied: AxisFindings) -> None:
    _set_title(axis, varied)
    for curve in varied.curves:
        x, y = np.array(curve.values), np.array(curve.memory) / MEGA
        line = curve.line if varied.axis.name == "batch" else None
        axis.plot(x, y, "o" if line else "o-", color=curve.tone, markersize=5, linewidth=1.3,
                  label=curve.title)  # fmt: skip
        if line:
            axis.plot(x, line.start / MEGA + line.each / MEGA * x, color=curve.tone,
                      linewidth=1.3)  # fmt: skip
    axis.set_ylim(bottom=0)
    axis.set_xticks([value for value, point in varied.points if point.sides])
    axis.set_ylabel("MB")
