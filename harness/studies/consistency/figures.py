"""Figures of a study's page, in the style of the comparison's report."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from harness.report.figures import PALETTE, Drawn, as_they_are, backend_colour, figure, files
from harness.studies.consistency.findings import (
    ConsistencyFindings,
    DefaultRow,
    Study,
    floored,
)
from harness.studies.consistency.floor import between, floor, within
from harness.studies.consistency.trajectory import MEASURES

INK, FAINT = "#333333", "#b5b5b5"
DASHES = ("-", "--", ":", "-.")  # of further backends, again and again
TICKS = (-1000, -100, -20, -5, 0, 5, 20, 100, 1000)  # seed standard deviations


def figures(study: Study, findings: ConsistencyFindings) -> dict[str, bytes]:
    """File name in figures/ -> PNG, SVG or PDF; only those there are numbers for."""
    drawn: dict[str, Drawn] = {}
    table = study.divergence
    if table is not None and floored(table):
        drawn["divergence.png"] = divergence_figure(study, table)
        if (table["kind"] == "between").any():
            drawn["ratio.png"] = ratio_figure(study, table)
    if any(_measured(row) for row in findings.defaults):
        drawn["defaults.png"] = defaults_figure(findings.defaults)
    return files(drawn)


def divergence_figure(study: Study, table: pd.DataFrame) -> Drawn:
    """Gap between backends as lines, each one's own sensitivity as a band: a panel a measure."""

    def draw(axes: np.ndarray) -> None:
        for axis, measure in zip(axes.flat, MEASURES, strict=True):
            for backend in study.backends:
                tone = backend_colour(backend, study.backends)
                _band(axis, table, backend, measure, tone, study.title(backend))
            for other, dash in zip(study.backends[1:], cycle(DASHES), strict=False):
                gap = between(table, study.backends[0], other, measure)
                label = f"{study.title(study.backends[0])} against {study.title(other)}"
                axis.plot(gap.index, gap, color=INK, linewidth=1.8, linestyle=dash, label=label)
            axis.set_yscale("log")
            axis.set_xscale("log")  # most happens within the first ten steps
            axis.set_title(f"relative distance of {measure}", loc="left")

    return figure(1, 3, (11, 3.8), draw, "step", counting=False)


def _band(
    axis: Axes, table: pd.DataFrame, backend: str, measure: str, tone: str, label: str
) -> None:
    """Smallest to largest distance of a backend from itself under neutral changes; their mean."""
    rows = within(table, [backend])
    if rows.empty:
        return
    curves = rows.pivot(index="step", columns=["variant", "draw"], values=measure)
    curves = curves.where(curves > 0)  # a logarithmic axis has no zero
    axis.fill_between(
        curves.index, curves.min(axis=1), curves.max(axis=1), color=tone, alpha=0.2, linewidth=0
    )
    middle = floor(table, [backend], measure)
    axis.plot(middle.index, middle, color=tone, linewidth=1.3, label=f"{label} against itself")


def ratio_figure(study: Study, table: pd.DataFrame) -> Drawn:
    """Gap over the sensitivity of both: 1 is what rounding does by itself."""
    first, *others = study.backends

    def draw(axes: np.ndarray) -> None:
        [axis] = axes.flat
        for measure, tone in zip(MEASURES, PALETTE[2:], strict=False):
            for other, dash in zip(others, cycle(DASHES), strict=False):
                gap = between(table, first, other, measure)
                ratio = gap / floor(table, (first, other), measure)
                pair = f" ({study.title(other)})" if len(others) > 1 else ""
                axis.plot(ratio.index, ratio, color=tone, linestyle=dash, linewidth=1.4,
                          label=f"{measure}{pair}")  # fmt: skip
        axis.axhline(1, color="#555555", linewidth=1, linestyle=":")
        axis.set_yscale("log")
        axis.set_xscale("log")
        axis.set_title("difference divided by the noise floor", loc="left")

    return figure(1, 1, (11, 3.0), draw, "step", counting=False)


def defaults_figure(rows: Sequence[DefaultRow]) -> Drawn:
    """Ranked by effect on the final scores; grey: not distinguishable from seed noise."""
    rows = [row for row in rows if _measured(row)]
    places = np.arange(len(rows))[::-1]

    def draw(axes: np.ndarray) -> None:
        scores, step, early = axes.flat
        for row, place in zip(rows, places, strict=True):
            if row.strongest is not None:
                effect = row.strongest.in_deviations
                tone = PALETTE[1] if row.strongest.distinct else FAINT
                if effect.low is not None and effect.high is not None:
                    scores.plot([effect.low, effect.high], [place] * 2, color=tone, linewidth=2.2)
                scores.plot(effect.value, place, "o", color=tone, markersize=5)
        scores.axvline(0, color="#777777", linewidth=0.9)
        scores.set_xscale("symlog", linthresh=5)
        ends = scores.get_xlim()
        ticks = [tick for tick in TICKS if ends[0] <= tick <= ends[1]]
        scores.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        scores.xaxis.set_minor_locator(NullLocator())
        scores.set_title("final scores: largest effect, seed sd", loc="left")
        for axis, key in ((step, "one_step"), (early, "early_weights")):
            values = [(row.followed or {}).get(key, np.nan) for row in rows]
            widths = [v if v is not None and np.isfinite(v) and v > 0 else np.nan for v in values]
            axis.barh(places, widths, color=PALETTE[0], height=0.55, alpha=0.75)
            if np.isfinite(widths).any():
                axis.set_xscale("log")
        step.set_title("first update, relative", loc="left")
        early.set_title("trajectory, noise floors", loc="left")
        for axis in axes.flat:
            axis.set_yticks(places, [])
            axis.set_ylim(-0.7, len(rows) - 0.3)
        scores.set_yticks(places, [row.name for row in rows])
        as_they_are(scores.get_yticklabels())

    return figure(1, 3, (11, 1.4 + 0.3 * len(rows)), draw, "", counting=False)


def _measured(row: DefaultRow) -> bool:
    followed = row.followed or {}
    return bool(row.scores) or np.isfinite(followed.get("one_step", np.nan))
