"""Figures over all records: ratios and step times across devices, pieces, blocks. PNG bytes."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from backends.interface import PHASES
from harness.report.figures import GUIDE, PHASE_COLOURS, Drawn, backend_colour, figure, files
from harness.studies.timing.page.entries import BenchEntry, Entries
from harness.studies.timing.page.notes import PHASE_TITLES
from harness.studies.timing.page.roofline import roofline_figure
from harness.studies.timing.record import TimingRecord

COLD = "#bbbbbb"
NARROW = 44  # characters of a label beside a row
PLAIN = FuncFormatter(lambda value, _: f"{value:,.6g}")


def figures(entries: Entries) -> dict[str, bytes]:
    """File name in figures/ -> PNG, SVG or PDF; what has nothing to show is left out."""
    drawn: dict[str, Drawn] = {}
    if entries.results:
        drawn["devices.png"] = devices_figure(entries)
    if any(entry.in_pieces for entry in entries.results):
        drawn["phases.png"] = phase_figure(entries)
    roofs = roofline_figure(entries.results)
    if roofs:
        drawn["roofline.png"] = roofs
    if entries.all:
        drawn["blocks.png"] = block_figure(entries)
    return files(drawn)


def devices_figure(entries: Entries) -> Drawn:
    """A row a result: step times of both, and how many times as long the second takes."""
    size = (11, 1.3 + 0.75 * len(entries.results))
    return figure(1, 2, size, partial(draw_devices, entries.results), "", counting=False)


def draw_devices(results: Sequence[BenchEntry], axes: np.ndarray) -> None:
    """`axes`: (1, 2). No ratio is drawn before its interval is as narrow as was asked for."""
    times, ratios = axes[0]
    for place, entry in enumerate(results):
        _times(times, entry, place)
        _ratio(ratios, entry, place)
    _rows(times, [_wrapped(entry) for entry in results])
    _rows(ratios, [""] * len(results))
    times.set_xscale("log")
    _label_few(times)
    times.set_title("Step, ms (logarithmic)", loc="left")
    ratios.axvline(1, color=GUIDE, linewidth=1)
    ratios.set_title("Step time, second / first", loc="left")


def _times(axis: Axes, entry: BenchEntry, place: int) -> None:
    for side, found in enumerate(entry.sides):
        warm, backend = 1000 * entry.record.warm(side), entry.record.backends[side]
        low, high = np.quantile(warm, (0.05, 0.95))
        at, tone = place + 0.14 * (2 * side - 1), backend_colour(backend)
        axis.plot([low, high], [at, at], color=tone, linewidth=1.6)
        labelled = axis.get_legend_handles_labels()[1]
        axis.plot(
            [1000 * found.step], [at], "o", color=tone, markersize=6,
            label=found.framework if found.framework not in labelled else None,
        )  # fmt: skip


def _ratio(axis: Axes, entry: BenchEntry, place: int) -> None:
    """In the colour of who is faster."""
    ratio, found = entry.record.ratio, entry.verdict
    known = found.kind in ("faster", "alike")
    if not known or ratio.value is None or ratio.low is None or ratio.high is None:
        axis.text(1, place, " no ratio yet", color=GUIDE, va="center", fontsize=9)
        return
    backends = dict(zip(entry.record.names, entry.record.backends, strict=True))
    tone = backend_colour(backends[found.faster]) if found.faster else GUIDE
    axis.plot([ratio.low, ratio.high], [place, place], color=tone, linewidth=2)
    axis.plot([ratio.value], [place], "o", color=tone, markersize=6)


def phase_figure(entries: Entries) -> Drawn:
    """A panel a result, of its own width: both backends' pieces, one bar below the other."""
    shown = [entry for entry in entries.results if entry.in_pieces]

    def draw(axes: np.ndarray) -> None:
        for axis, entry in zip(axes[:, 0], shown, strict=True):
            _bars(axis, entry)
            axis.set_title(entry.title, loc="left", parse_math=False)
        # The legend above all panels is one line, which has no room for so many.
        axes[0, 0].legend(
            handles=[
                *(Patch(color=PHASE_COLOURS[phase], label=PHASE_TITLES[phase]) for phase in PHASES),
                Line2D([], [], color="black", linewidth=1.6, label="a step left alone"),
            ],
            loc="lower left", bbox_to_anchor=(0, 1.2), ncols=3, borderaxespad=0,
        )  # fmt: skip

    size = (11, 1.2 + 1.5 * len(shown))
    return figure(len(shown), 1, size, draw, "ms a step", counting=False)


def _bars(axis: Axes, entry: BenchEntry) -> None:
    for place, found in enumerate(entry.sides):
        left = 0.0
        for phase in PHASES:
            width = 1000 * found.phases[phase]
            axis.barh(place, width, left=left, height=0.62, color=PHASE_COLOURS[phase],
                      edgecolor="white", linewidth=0.6)  # fmt: skip
            left += width
        alone = 1000 * found.step
        axis.plot([alone, alone], [place - 0.42, place + 0.42], color="black", linewidth=1.6)
    _rows(axis, [side.framework for side in entry.sides])
    axis.grid(visible=False, axis="y")


def block_figure(entries: Entries) -> Drawn:
    """A panel a record: every block in the order it was timed."""
    shown = entries.all

    def draw(axes: np.ndarray) -> None:
        for axis, entry in zip(axes[:, 0], shown, strict=True):
            _blocks(axis, entry.record)
            axis.set_title(entry.title, loc="left", parse_math=False)
            axis.set_ylabel("ms a step")
            axis.set_ylim(0, 1.08 * axis.get_ylim()[1])
            axis.xaxis.set_major_locator(MaxNLocator(10, integer=True))

    size = (11, 0.8 + 2.3 * len(shown))
    return figure(len(shown), 1, size, draw, "pair of blocks", counting=False)


def _blocks(axis: Axes, record: TimingRecord) -> None:
    begin = 0
    for start in record.starts:
        pairs = np.arange(begin, begin + len(start.first.blocks))
        if begin:
            axis.axvline(begin - 0.5, color=GUIDE, linewidth=0.8, linestyle=":")
        for side, one in enumerate(start.sides):
            seconds, tone = 1000 * np.array(one.blocks), backend_colour(one.backend)
            # Of one backend against itself, the second is hollow.
            inside = "white" if record.same and side else tone
            axis.plot(pairs[: start.cold], seconds[: start.cold], "o", color=COLD, markersize=4)
            axis.plot(
                pairs[start.cold :], seconds[start.cold :], "o-", color=tone, markersize=4,
                markerfacecolor=inside, linewidth=0.8,
                label=record.names[side] if not begin and not (record.same and side) else None,
            )  # fmt: skip
        begin += len(pairs)


def _rows(axis: Axes, labels: list[str]) -> None:
    """The first one on top."""
    axis.set_yticks(range(len(labels)), labels)
    axis.set_ylim(len(labels) - 0.5, -0.5)
    for text in axis.get_yticklabels():
        text.set_parse_math(False)


def _label_few(axis: Axes) -> None:
    """Plain numbers on a logarithmic axis, in between too where it spans less than a decade."""
    low, high = axis.get_xlim()
    axis.xaxis.set_major_formatter(PLAIN)
    axis.xaxis.set_minor_formatter(PLAIN if high / low < 8 else FuncFormatter(lambda *_: ""))


def _wrapped(entry: BenchEntry) -> str:
    """Device and configuration, each on lines of its own."""
    parts = (entry.record.device, entry.record.setting + entry.apart)
    return "\n".join(textwrap.fill(part, NARROW) for part in parts)
