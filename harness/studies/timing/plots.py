"""Figures over all records: step times and ratios, pieces, rooflines, blocks. PNG, SVG, PDF."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from backends.interface import PHASES
from harness.report.figures import (
    GUIDE,
    PHASE_COLOURS,
    Drawn,
    as_they_are,
    backend_colour,
    figure,
    files,
    log_ticks,
    panels,
)
from harness.studies.timing.findings import (
    PHASE_TITLES,
    BenchEntry,
    Entries,
    compute_roof,
    peaks,
    whole,
)
from harness.studies.timing.verdicts import surely_faster

COLD = "#bbbbbb"
NARROW = 44  # characters of a label beside a row
PLAIN = FuncFormatter(lambda value, _: f"{value:,.6g}")
# In a roofline, of the pieces that have operations. Whole steps are discs.
MARKERS = {"generators_forward": "^", "generators_backward": "v", "discriminators": "s"}
PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def figures(entries: Entries) -> dict[str, bytes]:
    """File name in figures/ -> PNG, SVG or PDF; what has nothing to show is left out."""
    drawn: dict[str, Drawn] = {}
    if entries.results:
        size = (11, 1.3 + 0.75 * len(entries.results))
        draw = partial(draw_devices, entries.results)
        drawn["devices.png"] = figure(1, 2, size, draw, "", counting=False)
    timed = [entry for entry in entries.results if entry.in_pieces]
    if timed:
        drawn["phases.png"] = _phase_figure(timed)
    roofs = [entry for entry in entries.results if peaks(entry.record) and whole(entry.record)]
    if roofs:
        drawn["roofline.png"] = _roofline_figure(roofs)
    if entries.all:
        drawn["blocks.png"] = panels(entries.all, 1, (0.8, 2.3), _draw_blocks, "pair of blocks")
    return files(drawn)


def draw_devices(results: Sequence[BenchEntry], axes: np.ndarray) -> None:
    """A row a result: step times, and how many times as long as the first the others take.

    `axes`: (1, 2). No ratio is drawn before its interval is as narrow as was asked for.
    """
    times, ratios = axes[0]
    labelled = set()
    for place, entry in enumerate(results):
        record = entry.record
        # Medians, and the span from the 5th to the 95th percentile.
        for number, side in enumerate(entry.sides):
            low, high = np.quantile(1000 * record.warm(number), (0.05, 0.95))
            at, tone = place + _shift(number, len(entry.sides)), entry.colour(side.backend)
            times.plot([low, high], [at, at], color=tone, linewidth=1.6)
            times.plot(
                [1000 * side.step], [at], "o", color=tone, markersize=6,
                label=None if side.framework in labelled else side.framework,
            )  # fmt: skip
            labelled.add(side.framework)
        # Ratios to the first, in the colour of who is faster.
        if entry.verdict.kind not in ("faster", "alike"):
            ratios.text(1, place, " no ratio yet", color=GUIDE, va="center", fontsize=9)
            continue
        for other in range(1, len(entry.sides)):
            ratio, tone = record.ratio_of(0, other), GUIDE
            for one, second in ((0, other), (other, 0)):
                if surely_faster(record, one, second):
                    tone = entry.colour(record.backends[one])
            at = place if len(entry.sides) == 2 else place + _shift(other, len(entry.sides))
            ratios.plot([ratio.low, ratio.high], [at, at], color=tone, linewidth=2)
            ratios.plot([ratio.value], [at], "o", color=tone, markersize=6)
    # Device and configuration, each on lines of its own.
    parts = [(entry.record.device, entry.record.setting + entry.apart) for entry in results]
    _rows(times, ["\n".join(textwrap.fill(text, NARROW) for text in both) for both in parts])
    _rows(ratios, [""] * len(results))
    # Plain numbers on a logarithmic axis, in between too where it spans less than a decade.
    times.set_xscale("log")
    low, high = times.get_xlim()
    times.xaxis.set_major_formatter(PLAIN)
    times.xaxis.set_minor_formatter(PLAIN if high / low < 8 else FuncFormatter(lambda *_: ""))
    times.set_title("Step, ms (logarithmic)", loc="left")
    ratios.axvline(1, color=GUIDE, linewidth=1)
    two = all(len(entry.sides) == 2 for entry in results)
    title = "Step time, second / first" if two else "Step time, each / first, in their order"
    ratios.set_title(title, loc="left")


def _shift(number: int, count: int) -> float:
    """Of one of so many backends in the row of a result."""
    return 0.14 * (2 * number - count + 1) * (1 if count == 2 else 1.5 / count)


def _rows(axis: Axes, labels: list[str]) -> None:
    """The first one on top."""
    axis.set_yticks(range(len(labels)), labels)
    axis.set_ylim(len(labels) - 0.5, -0.5)
    as_they_are(axis.get_yticklabels())


def _phase_figure(timed: Sequence[BenchEntry]) -> Drawn:
    """A panel a result, of its own width: every backend's pieces, a bar each."""

    def draw(axis: Axes, entry: BenchEntry) -> None:
        for place, side in enumerate(entry.sides):
            left = 0.0
            for phase in PHASES:
                width = 1000 * side.phases[phase]
                axis.barh(place, width, left=left, height=0.62, color=PHASE_COLOURS[phase],
                          edgecolor="white", linewidth=0.6)  # fmt: skip
                left += width
            alone = 1000 * side.step
            axis.plot([alone, alone], [place - 0.42, place + 0.42], color="black", linewidth=1.6)
        _rows(axis, [side.framework for side in entry.sides])
        axis.grid(visible=False, axis="y")
        axis.set_title(entry.title, loc="left", parse_math=False)
        if entry is timed[0]:
            # The legend above all panels is one line, which has no room for so many.
            handles = [Patch(color=PHASE_COLOURS[p], label=PHASE_TITLES[p]) for p in PHASES]
            alone_line = Line2D([], [], color="black", linewidth=1.6, label="a step left alone")
            axis.legend(handles=[*handles, alone_line], loc="lower left", bbox_to_anchor=(0, 1.2),
                        ncols=3, borderaxespad=0)  # fmt: skip

    return panels(timed, 1, (1.2, 1.5), draw, "ms a step")


def _draw_blocks(axis: Axes, entry: BenchEntry) -> None:
    """Every block of a record in the order it was timed."""
    record, begin = entry.record, 0
    for start in record.starts:
        pairs = np.arange(begin, begin + len(start.first.blocks))
        if begin:
            axis.axvline(begin - 0.5, color=GUIDE, linewidth=0.8, linestyle=":")
        for number, side in enumerate(start.sides):
            seconds = 1000 * np.array(side.blocks)
            tone = backend_colour(side.backend, record.backends)
            # Of one backend against itself, the second is hollow.
            again = record.same and number == 1
            axis.plot(pairs[: start.cold], seconds[: start.cold], "o", color=COLD, markersize=4)
            axis.plot(
                pairs[start.cold :], seconds[start.cold :], "o-", color=tone, markersize=4,
                markerfacecolor="white" if again else tone, linewidth=0.8,
                label=None if begin or again else record.names[number],
            )  # fmt: skip
            loaded = start.disturbed
            axis.plot(pairs[loaded], seconds[loaded], "kx", markersize=6, markeredgewidth=0.8)
        begin += len(pairs)
    axis.set_title(entry.title, loc="left", parse_math=False)
    axis.set_ylabel("ms a step")
    axis.set_ylim(0, 1.08 * axis.get_ylim()[1])
    axis.xaxis.set_major_locator(MaxNLocator(10, integer=True))


# ------------------------------------------------------------------------------------ rooflines


@dataclass(frozen=True)
class RooflinePoint:
    """FLOPs a byte, and a second."""

    intensity: float
    flops: float
    backend: str
    marker: str


def points(entry: BenchEntry) -> list[RooflinePoint]:
    """Whole steps, and those pieces that have operations; none without costs."""
    costs = {**entry.record.costs, "step": whole(entry.record)}
    places = []
    for side in entry.sides:
        seconds = {**side.phases, "step": side.step}
        for name, marker in {"step": "o", **MARKERS}.items():
            cost = costs.get(name)
            if cost and cost.flops and cost.intensity and seconds.get(name):
                rate = cost.flops / seconds[name]
                places.append(RooflinePoint(cost.intensity, rate, side.backend, marker))
    return places


def _roofline_figure(shown: Sequence[BenchEntry]) -> Drawn:
    """A panel a result: what the device allows, and where steps and their pieces lie below."""

    def draw(axis: Axes, entry: BenchEntry) -> None:
        _draw_roofline(axis, entry)
        title = entry.title if len(shown) == 1 else entry.title.replace(": ", "\n", 1)
        axis.set_title(title, loc="left", parse_math=False, fontsize=9.5)

    height = 4.6 if len(shown) == 1 else 3.9
    return panels(shown, 2, (0.7, height), draw, "FLOP a byte, of the least traffic")


def _draw_roofline(axis: Axes, entry: BenchEntry) -> None:
    best, shown = peaks(entry.record), points(entry)
    assert best is not None
    top = compute_roof(best)
    # Where memory and arithmetic meet is always in sight.
    places = [top / best.bandwidth, *(point.intensity for point in shown)]
    low, high = min(places) / 3, max(places) * 3

    # The roofs, and their names.
    x = np.geomspace(low, high, 200)
    axis.plot(x, np.minimum(top, x * best.bandwidth), color="#333333", linewidth=1.6)
    for name, peak in (("matrix product", best.matrix), ("convolution", best.convolution)):
        axis.plot([peak / best.bandwidth, high], [peak, peak], color=GUIDE, linewidth=1,
                  linestyle="--")  # fmt: skip
        highest = peak == top
        axis.text(
            high, peak * (1.06 if highest else 0.94), f"{name}, {_prefixed(peak)}FLOP/s ",
            ha="right", va="bottom" if highest else "top", fontsize=8.5, color="#444444",
        )  # fmt: skip
    at = low * 1.3
    axis.text(at, at * best.bandwidth * 0.85, f"memory, {_prefixed(best.bandwidth)}B/s", va="top",
              fontsize=8.5, color="#444444")  # fmt: skip

    # Steps and pieces: colours say whose, shapes say what.
    for point in shown:
        small = point.marker != "o"
        axis.plot(
            [point.intensity], [point.flops], point.marker, color=entry.colour(point.backend),
            markersize=7 if small else 10, alpha=0.75 if small else 1.0,
        )  # fmt: skip
    keys = [("o", entry.colour(side.backend), 9, side.framework) for side in entry.sides]
    keys.append(("o", GUIDE, 9, "whole step"))
    keys += [(marker, GUIDE, 7, PHASE_TITLES[phase]) for phase, marker in MARKERS.items()]
    handles = [
        Line2D([], [], marker=marker, color=tone, markersize=size, label=label, linestyle="none")
        for marker, tone, size, label in keys
    ]
    legend = axis.legend(handles=handles, loc="best", fontsize=8.5, frameon=True)
    as_they_are(legend.get_texts())

    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlim(low, high)
    axis.set_ylim(min(point.flops for point in shown) / 3, 2 * top)
    axis.set_ylabel("FLOP/s")
    axis.set_xlabel("FLOP a byte, of the least traffic")
    log_ticks(axis.yaxis, _prefixed)
    log_ticks(axis.xaxis, "{:g}".format)


def _prefixed(value: float) -> str:
    for factor, prefix in PREFIXES:
        if value >= factor:
            return f"{value / factor:.3g} {prefix}"
    return f"{value:.3g} "
