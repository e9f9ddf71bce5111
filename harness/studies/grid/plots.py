"""Figures of a study: scores as curves or heat maps, losses in one grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, TwoSlopeNorm

from harness.config.metric_table import Metric
from harness.report.figures import GUIDE, Drawn, as_they_are, figure, files
from harness.report.formatting import MINUS, fixed
from harness.statistics.intervals import Interval
from harness.studies.grid.findings import CellFindings, GridFindings
from harness.studies.grid.losses import loss_figure
from harness.studies.grid.neighbours import step_figure

DODGE = 0.012  # of the axis: error bars of two backends do not hide each other
CLOSE = 0.07  # of the axis: labels nearer than this overlap
WIDE = 20  # numbers further apart than this are drawn on a logarithmic axis
FAILED = "failed"


def figures(findings: GridFindings) -> dict[str, bytes]:
    """File name in figures/ -> PNG, SVG or PDF; nothing where no training left a loss."""
    draw = _heat_figure if is_heat_map(findings) else _curve_figure
    drawn = {f"{metric.name}.png": draw(findings, metric) for metric in findings.metrics}
    losses = loss_figure(findings)
    if losses:
        drawn["losses.png"] = losses
    for place, cell in enumerate(findings.cells if findings.study.parity else ()):
        steps = step_figure(findings, cell)
        if steps:
            drawn[f"steps-{place}.png"] = steps
    return files(drawn)


def is_heat_map(findings: GridFindings) -> bool:
    """Two axes, and none of them named as the one to draw along."""
    return findings.study.report.x is None and len(findings.study.axes) == 2


# ---------------------------------------------------------------------------------------- curves


def _curve_figure(findings: GridFindings, metric: Metric) -> Drawn:
    """Score against one axis; a column a direction, a row a choice on all other axes."""
    study = findings.study
    along = study.axis(study.report.x) if study.report.x else 0
    others = [axis for place, axis in enumerate(study.axes) if place != along]
    rows = list(product(*(axis.labels for axis in others)))
    title = f"{metric.title} {metric.unit}".strip()

    def draw(axes: np.ndarray) -> None:
        for row, chosen in zip(axes, rows, strict=True):
            cells = [
                cell
                for cell in findings.cells
                if cell.record.labels[:along] + cell.record.labels[along + 1 :] == chosen
            ]
            names = [f"{a.title} {label}" for a, label in zip(others, chosen, strict=True)]
            for axis, direction in zip(row, findings.directions, strict=True):
                _draw_curves(axis, findings, metric, direction, cells, study.axes[along].labels)
                lines = [f"{title}: {findings.path(cells[0], direction)}", ", ".join(names)]
                axis.set_title("\n".join(filter(None, lines)), loc="left", parse_math=False)
        as_they_are(axis.xaxis.label for axis in axes[-1])

    size = (11, 0.6 + 3.0 * len(rows))
    across = len(findings.directions)
    return figure(len(rows), across, size, draw, study.axes[along].title, counting=False)


def places(labels: Sequence[str]) -> list[float]:
    """Where labels go: at their numbers or the logarithms of those; evenly spaced where they are no
    numbers, or would overlap."""
    numbers = [value for label in labels if (value := _number(label)) is not None]
    evenly = [float(place) for place in range(len(labels))]
    if len(numbers) < len(labels):
        return evenly
    if min(numbers) > 0 and max(numbers) / min(numbers) > WIDE:
        numbers = [math.log10(value) for value in numbers]
    gaps = np.diff(np.sort(numbers))
    return evenly if len(gaps) and gaps.min() < CLOSE * gaps.sum() else numbers


def _number(text: str) -> float | None:
    """What a label says, where it says a finite number."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def _draw_curves(
    axis: Axes,
    findings: GridFindings,
    metric: Metric,
    direction: str,
    cells: Sequence[CellFindings],
    labels: Sequence[str],
) -> None:
    at = places(labels)
    reach = (max(at) - min(at)) or 1.0
    joined = all(_number(label) is not None for label in labels)
    order = np.argsort(at)
    backends = findings.study.backends
    for turn, backend in enumerate(backends):
        shift = (turn - (len(backends) - 1) / 2) * DODGE * reach
        tone = findings.colour(backend)
        x, middles, below, above = [], [], [], []
        for place in order:
            score = cells[place].score(metric.name, direction, backend)
            if score is None or score.interval.value is None:
                continue
            value, low, high = score.interval.value, score.interval.low, score.interval.high
            x.append(at[place] + shift)
            middles.append(metric.scale * value)
            # A bar without a bound has no length.
            below.append(0.0 if low is None else abs(metric.scale * low - metric.scale * value))
            above.append(0.0 if high is None else abs(metric.scale * high - metric.scale * value))
        axis.errorbar(
            x, middles, yerr=[below, above], fmt="o-" if joined else "o", color=tone, markersize=5,
            linewidth=1.6, elinewidth=1.4, capsize=3, label=findings.titles[backend],
        )  # fmt: skip
        for place, cell in enumerate(cells):
            if any(run.state in ("diverged", "failed") for run in cell.states(backend)):
                axis.text(
                    at[place] + shift, 0.02 + 0.06 * turn, "×", color=tone, ha="center",  # noqa: RUF001
                    transform=axis.get_xaxis_transform(), fontsize=13, fontweight="bold",
                )  # fmt: skip
    # Dashed: the untranslated images; dotted: real ones.
    for name, dash in (("identity_baseline", "--"), ("floor", ":")):
        levels = []
        for place in order:
            rows = cells[place].of_metric(metric.name, direction)
            level = getattr(rows[0], name) if rows else None
            if level is not None:
                levels.append((at[place], level * metric.scale))
        if levels:
            axis.plot(*zip(*levels, strict=True), color=GUIDE, linewidth=1, linestyle=dash,
                      marker="_")  # fmt: skip
    axis.set_xticks(at, labels)
    axis.set_xlim(min(at) - 0.06 * reach, max(at) + 0.06 * reach)
    as_they_are(axis.get_xticklabels())


# -------------------------------------------------------------------------------------- heat maps


def _heat_figure(findings: GridFindings, metric: Metric) -> Drawn:
    """A row a direction; a column a backend, and one for each pair's difference."""
    names = findings.study.backends
    pairs = [(names[0], other) for other in names[1:]]
    down, across = findings.study.axes

    def draw(axes: np.ndarray) -> None:
        for row, direction in zip(axes, findings.directions, strict=True):
            path = findings.path(findings.cells[0], direction)
            scores = [_scores(findings, metric, direction, name) for name in names]
            values = np.concatenate([_values(intervals, metric) for intervals in scores])
            shared = Normalize(*_ends(values))
            for axis, name, intervals in zip(row, names, scores, strict=False):
                _draw_heat(axis, findings, metric, intervals, shared, "viridis_r", name)
                axis.set_title(f"{findings.titles[name]}\n{path}", loc="left", parse_math=False)
            for axis, pair in zip(row[len(names) :], pairs, strict=True):
                gaps = []
                for cell in findings.cells:
                    rows = cell.of_metric(metric.name, direction)
                    of_pair = [one.difference for one in rows if set(one.scores) == set(pair)]
                    gaps.append(of_pair[0] if of_pair else None)
                most = np.abs(_ends(_values(gaps, metric))).max() or 1.0
                _draw_heat(axis, findings, metric, gaps, TwoSlopeNorm(0, -most, most), "RdBu")
                title = f" {MINUS} ".join(findings.titles[name] for name in pair)
                axis.set_title(f"{title}\n{path}", loc="left", parse_math=False)
            row[0].set_ylabel(down.title, parse_math=False)
        as_they_are(axis.xaxis.label for axis in axes[-1])

    size = (11, 0.6 + len(findings.directions) * (1.0 + 0.55 * len(down.labels)))
    columns = len(names) + len(pairs)
    return figure(len(findings.directions), columns, size, draw, across.title, counting=False)


def _scores(
    findings: GridFindings, metric: Metric, direction: str, backend: str
) -> list[Interval | None]:
    """An interval a cell."""
    scores = [cell.score(metric.name, direction, backend) for cell in findings.cells]
    return [score.interval if score else None for score in scores]


def _values(intervals: Sequence[Interval | None], metric: Metric) -> np.ndarray:
    """A number a cell, in the unit shown; NaN where there is none."""
    values = [interval.value if interval else None for interval in intervals]
    return np.array([np.nan if value is None else value * metric.scale for value in values])


def _ends(values: np.ndarray) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)


def _draw_heat(
    axis: Axes,
    findings: GridFindings,
    metric: Metric,
    intervals: Sequence[Interval | None],
    norm: Normalize,
    colours: str,
    backend: str | None = None,
) -> None:
    """A square a cell, with its value, half the width of its interval, and what failed."""
    down, across = (axis.labels for axis in findings.study.axes)
    values = _values(intervals, metric)
    grid = np.ma.masked_invalid(values.reshape(len(down), len(across)))
    image = axis.imshow(grid, norm=norm, cmap=colours, aspect="auto")
    for place, (cell, interval) in enumerate(zip(findings.cells, intervals, strict=True)):
        runs = cell.states(backend) if backend else []
        lost = sum(run.state in ("diverged", "failed") for run in runs)
        text, tone = FAILED if lost else "", "#222222"
        if interval is not None and interval.value is not None:
            text = fixed(interval.value, metric.digits, metric.scale)
            if interval.low is not None and interval.high is not None:
                half = (interval.high - interval.low) / 2
                text += f"\n±{fixed(half, metric.digits, metric.scale)}"
            if lost:
                text += f"\n{lost} of {len(runs)} {FAILED}"
            red, green, blue = image.cmap(norm(values[place]))[:3]
            if 0.3 * red + 0.59 * green + 0.11 * blue < 0.5:  # dark
                tone = "white"
        y, x = divmod(place, len(across))
        axis.text(x, y, text, ha="center", va="center", fontsize=8.5, color=tone)
    axis.grid(False)
    axis.set_xticks(range(len(across)), across)
    axis.set_yticks(range(len(down)), down)
    as_they_are([*axis.get_xticklabels(), *axis.get_yticklabels()])
