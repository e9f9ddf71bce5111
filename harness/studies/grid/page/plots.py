"""Figures of a study: scores as curves or heat maps, losses in one grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np
from matplotlib.axes import Axes

from harness.config.metric_table import Metric
from harness.records.experiment import DIRECTIONS
from harness.report.comparison.scores import BackendScore
from harness.report.figures import GUIDE, Drawn, figure, files
from harness.studies.grid.axes import number
from harness.studies.grid.page.findings import CellFindings, GridFindings
from harness.studies.grid.page.heat import heat_figure
from harness.studies.grid.page.loss_grid import loss_figure

DODGE = 0.012  # of the axis: error bars of two backends do not hide each other
CLOSE = 0.07  # of the axis: labels nearer than this overlap
WIDE = 20  # numbers further apart than this are drawn on a logarithmic axis


def figures(findings: GridFindings) -> dict[str, bytes]:
    """File name in figures/ -> PNG, SVG or PDF; nothing where no training left a loss."""
    drawn = {}
    for metric in findings.metrics:
        draw = heat_figure if is_heat_map(findings) else curve_figure
        drawn[f"{metric.name}.png"] = draw(findings, metric)
    losses = loss_figure(findings)
    return files({**drawn, **({"losses.png": losses} if losses else {})})


def is_heat_map(findings: GridFindings) -> bool:
    """Two axes, and none of them named as the one to draw along."""
    return findings.study.report.x is None and len(findings.study.axes) == 2


def curve_figure(findings: GridFindings, metric: Metric) -> Drawn:
    """Score against one axis; a column a direction, a row a choice on all other axes."""
    study = findings.study
    along = study.axis(study.report.x) if study.report.x else 0
    others = [axis.labels for place, axis in enumerate(study.axes) if place != along]
    rows = list(product(*others))
    title = f"{metric.title} {metric.unit}".strip()

    def draw(axes: np.ndarray) -> None:
        for row, chosen in zip(axes, rows, strict=True):
            cells = [
                cell for cell in findings.cells if _without(cell.record.labels, along) == chosen
            ]
            where = ", ".join(
                f"{axis.title} {label}"
                for axis, label in zip(_without(study.axes, along), chosen, strict=True)
            )
            for axis, direction in zip(row, DIRECTIONS, strict=True):
                _curves(axis, findings, metric, direction, cells, study.axes[along].labels)
                path = findings.path(cells[0], direction)
                text = f"{title}: {path}" + (f"\n{where}" if where else "")
                axis.set_title(text, loc="left", parse_math=False)
        for axis in axes[-1]:
            axis.xaxis.label.set_parse_math(False)

    size = (11, 0.6 + 3.0 * len(rows))
    return figure(len(rows), 2, size, draw, study.axes[along].title, counting=False)


def places(labels: Sequence[str]) -> list[float]:
    """Where labels go: at their numbers or the logarithms of those; evenly spaced where they are no
    numbers, or would overlap."""
    numbers = [number(label) for label in labels]
    known = [value for value in numbers if value is not None]
    evenly = [float(place) for place in range(len(labels))]
    if len(known) < len(labels):
        return evenly
    if min(known) > 0 and max(known) / min(known) > WIDE:
        known = [math.log10(value) for value in known]
    gaps = np.diff(np.sort(known))
    return evenly if len(gaps) and gaps.min() < CLOSE * gaps.sum() else known


def _curves(
    axis: Axes,
    findings: GridFindings,
    metric: Metric,
    direction: str,
    cells: Sequence[CellFindings],
    labels: Sequence[str],
) -> None:
    at = places(labels)
    reach = (max(at) - min(at)) or 1.0
    joined = all(number(label) is not None for label in labels)
    order = np.argsort(at)
    for turn, backend in enumerate(findings.study.backends):
        shift = (turn - (len(findings.study.backends) - 1) / 2) * DODGE * reach
        scores = [cell.score(metric.name, direction, backend) for cell in cells]
        shown = [(at[place] + shift, scores[place]) for place in order if _value(scores[place])]
        tone = findings.colour(backend)
        axis.errorbar(
            [x for x, _ in shown],
            [_bound(score, "value", metric.scale) for _, score in shown],
            yerr=[
                [abs(_bound(score, end, metric.scale) - _bound(score, "value", metric.scale))
                 for _, score in shown]
                for end in ("low", "high")
            ],
            fmt="o-" if joined else "o",
            color=tone, markersize=5, linewidth=1.6, elinewidth=1.4, capsize=3,
            label=findings.titles[backend],
        )  # fmt: skip
        for place, cell in enumerate(cells):
            failed = [run for run in cell.states(backend) if run.state in ("diverged", "failed")]
            if failed:
                axis.text(
                    at[place] + shift, 0.02 + 0.06 * turn, "×", color=tone, ha="center",  # noqa: RUF001
                    transform=axis.get_xaxis_transform(), fontsize=13, fontweight="bold",
                )  # fmt: skip
    _references(axis, metric, direction, cells, at, order)
    axis.set_xticks(at, labels)
    axis.set_xlim(min(at) - 0.06 * reach, max(at) + 0.06 * reach)
    for text in axis.get_xticklabels():
        text.set_parse_math(False)


def _references(
    axis: Axes,
    metric: Metric,
    direction: str,
    cells: Sequence[CellFindings],
    at: Sequence[float],
    order: np.ndarray,
) -> None:
    """Dashed: the untranslated images; dotted: real ones."""
    for name, dash in (("identity_baseline", "--"), ("floor", ":")):
        known = []
        for place in order:
            rows = cells[place].of_metric(metric.name, direction)
            level = getattr(rows[0], name) if rows else None
            if level is not None:
                known.append((at[place], level * metric.scale))
        if known:
            axis.plot(*zip(*known, strict=True), color=GUIDE, linewidth=1, linestyle=dash,
                      marker="_")  # fmt: skip


def _value(score: BackendScore | None) -> bool:
    return score is not None and score.interval.value is not None


def _bound(score: BackendScore | None, name: str, scale: float) -> float:
    """The value itself where the interval has no bounds."""
    if score is None or score.interval.value is None:
        return math.nan
    bound = getattr(score.interval, name)
    return scale * (score.interval.value if bound is None else bound)


def _without(values: Sequence, place: int) -> tuple:
    return tuple(value for index, value in enumerate(values) if index != place)
