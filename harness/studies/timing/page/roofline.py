"""Rooflines: what a device allows at an intensity, and where steps and their pieces lie below."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from backends.interface import Peaks
from harness.report.figures import GUIDE, Drawn, backend_colour, figure
from harness.studies.timing.page.entries import BenchEntry
from harness.studies.timing.page.notes import PHASE_TITLES
from harness.studies.timing.quantities import compute_roof, peaks, whole

# Whole steps are discs.
MARKERS = {"generators_forward": "^", "generators_backward": "v", "discriminators": "s"}
PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True)
class RooflinePoint:
    """FLOPs a byte, and a second."""

    intensity: float
    flops: float
    backend: str
    marker: str


def points(entry: BenchEntry) -> list[RooflinePoint]:
    """Whole steps, and those pieces that have operations; none without costs."""
    found = []
    for backend, side in zip(entry.record.backends, entry.sides, strict=True):
        parts = [(whole(entry.record), side.step, "o")]
        for phase, marker in MARKERS.items():
            if phase in side.phases:
                parts.append((entry.record.costs.get(phase), side.phases[phase], marker))
        found += [
            RooflinePoint(cost.intensity, cost.flops / seconds, backend, marker)
            for cost, seconds, marker in parts
            if cost and cost.flops and cost.intensity and seconds
        ]
    return found


def roofline_figure(results: Sequence[BenchEntry]) -> Drawn | None:
    """A panel a result; None where no record has peaks and operations."""
    shown = [entry for entry in results if peaks(entry.record) and whole(entry.record)]
    if not shown:
        return None
    columns = min(2, len(shown))
    rows = math.ceil(len(shown) / columns)

    def draw(axes: np.ndarray) -> None:
        for axis, entry in zip(axes.flat, shown, strict=False):
            _panel(axis, entry)
            title = entry.title.replace(": ", "\n", 1) if columns > 1 else entry.title
            axis.set_title(title, loc="left", parse_math=False, fontsize=9.5)
        for axis in axes.flat[len(shown) :]:
            axis.set_visible(False)

    size = (11, 0.7 + (4.6 if columns == 1 else 3.9) * rows)
    return figure(rows, columns, size, draw, "FLOP a byte, of the least traffic", counting=False)


def _panel(axis: Axes, entry: BenchEntry) -> None:
    best = peaks(entry.record)
    assert best is not None
    shown = points(entry)
    # Where memory and arithmetic meet is always in sight.
    places = [compute_roof(best) / best.bandwidth, *(point.intensity for point in shown)]
    low, high = min(places) / 3, max(places) * 3
    _roofs(axis, best, low, high)
    for point in shown:
        small = point.marker != "o"
        axis.plot(
            [point.intensity], [point.flops], point.marker, color=backend_colour(point.backend),
            markersize=7 if small else 10, alpha=0.75 if small else 1.0,
        )  # fmt: skip
    _legend(axis, entry)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlim(low, high)
    axis.set_ylim(min(point.flops for point in shown) / 3, 2 * compute_roof(best))
    axis.set_ylabel("FLOP/s")
    axis.set_xlabel("FLOP a byte, of the least traffic")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _prefixed(value)))
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())


def _roofs(axis: Axes, best: Peaks, low: float, high: float) -> None:
    x = np.geomspace(low, high, 200)
    roof = np.minimum(compute_roof(best), x * best.bandwidth)
    axis.plot(x, roof, color="#333333", linewidth=1.6)
    for name, peak in (("matrix product", best.matrix), ("convolution", best.convolution)):
        axis.plot([peak / best.bandwidth, high], [peak, peak], color=GUIDE, linewidth=1,
                  linestyle="--")  # fmt: skip
        top = peak == compute_roof(best)
        axis.text(
            high, peak * (1.06 if top else 0.94), f"{name}, {_prefixed(peak)}FLOP/s ", ha="right",
            va="bottom" if top else "top", fontsize=8.5, color="#444444",
        )  # fmt: skip
    at = low * 1.3
    axis.text(at, at * best.bandwidth * 0.85, f"memory, {_prefixed(best.bandwidth)}B/s", va="top",
              fontsize=8.5, color="#444444")  # fmt: skip


def _legend(axis: Axes, entry: BenchEntry) -> None:
    """Colours say whose, shapes say what."""
    handles = [
        Line2D(
            [], [], marker="o", color=backend_colour(backend), markersize=9, label=found.framework
        )
        for backend, found in zip(entry.record.backends, entry.sides, strict=True)
    ]
    handles.append(Line2D([], [], marker="o", color=GUIDE, markersize=9, label="whole step"))
    handles += [
        Line2D([], [], marker=marker, color=GUIDE, markersize=7, label=PHASE_TITLES[phase])
        for phase, marker in MARKERS.items()
    ]
    for handle in handles:
        handle.set_linestyle("none")
    legend = axis.legend(handles=handles, loc="best", fontsize=8.5, frameon=True)
    for text in legend.get_texts():
        text.set_parse_math(False)


def _prefixed(value: float) -> str:
    for factor, prefix in PREFIXES:
        if value >= factor:
            return f"{value / factor:.3g} {prefix}"
    return f"{value:.3g} "
