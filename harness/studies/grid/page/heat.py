"""A heat map of a score over two axes: each backend, and their difference."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, TwoSlopeNorm

from harness.config.metric_table import Metric
from harness.records.experiment import DIRECTIONS
from harness.report.figures import Drawn, figure
from harness.report.formatting import MINUS, fixed
from harness.statistics.intervals import Interval
from harness.studies.grid.page.findings import CellFindings, GridFindings

Read = Callable[[CellFindings], Interval | None]
FAILED = "failed"


def heat_figure(findings: GridFindings, metric: Metric) -> Drawn:
    """A row a direction; a column a backend, and one for each pair's difference."""
    names = findings.study.backends
    pairs = [(names[0], other) for other in names[1:]]
    down, across = findings.study.axes
    columns = len(names) + len(pairs)

    def draw(axes: np.ndarray) -> None:
        for row, direction in zip(axes, DIRECTIONS, strict=True):
            reads = [_score_reader(metric, direction, name) for name in names]
            values = np.concatenate([_values(findings, read, metric) for read in reads])
            shared = Normalize(*_ends(values))
            path = findings.path(findings.cells[0], direction)
            for axis, name, read in zip(row, names, reads, strict=False):
                _panel(axis, findings, metric, read, shared, "viridis_r", name)
                axis.set_title(f"{findings.titles[name]}\n{path}", loc="left", parse_math=False)
            for axis, pair in zip(row[len(names) :], pairs, strict=True):
                read = _gap_reader(metric, direction, pair)
                most = np.abs(_ends(_values(findings, read, metric))).max() or 1.0
                _panel(axis, findings, metric, read, TwoSlopeNorm(0, -most, most), "RdBu")
                title = f" {MINUS} ".join(findings.titles[name] for name in pair)
                axis.set_title(f"{title}\n{path}", loc="left", parse_math=False)
            row[0].set_ylabel(down.title, parse_math=False)
        for axis in axes[-1]:
            axis.xaxis.label.set_parse_math(False)

    height = 0.6 + len(DIRECTIONS) * (1.0 + 0.55 * len(down.labels))
    return figure(len(DIRECTIONS), columns, (11, height), draw, across.title, counting=False)


def _panel(
    axis: Axes,
    findings: GridFindings,
    metric: Metric,
    read: Read,
    norm: Normalize,
    colours: str,
    backend: str | None = None,
) -> None:
    down, across = findings.study.axes
    grid = _values(findings, read, metric).reshape(len(down.labels), len(across.labels))
    image = axis.imshow(np.ma.masked_invalid(grid), norm=norm, cmap=colours, aspect="auto")
    cells = iter(findings.cells)
    for y in range(len(down.labels)):
        for x in range(len(across.labels)):
            cell = next(cells)
            dark = np.isfinite(grid[y, x]) and _is_dark(image.cmap(norm(grid[y, x])))
            axis.text(x, y, _words(cell, read(cell), metric, backend), ha="center", va="center",
                      fontsize=8.5, color="white" if dark else "#222222")  # fmt: skip
    axis.grid(False)
    axis.set_xticks(range(len(across.labels)), across.labels)
    axis.set_yticks(range(len(down.labels)), down.labels)
    for text in (*axis.get_xticklabels(), *axis.get_yticklabels()):
        text.set_parse_math(False)


def _words(
    cell: CellFindings, interval: Interval | None, metric: Metric, backend: str | None
) -> str:
    """Value and half-width; how many trainings failed."""
    runs = cell.states(backend) if backend else []
    lost = sum(run.state in ("diverged", "failed") for run in runs)
    if interval is None or interval.value is None:
        return FAILED if lost else ""
    text = fixed(interval.value, metric.digits, metric.scale)
    if interval.low is not None and interval.high is not None:
        half = fixed((interval.high - interval.low) / 2, metric.digits, metric.scale)
        text += f"\n±{half}"
    return f"{text}\n{lost} of {len(runs)} {FAILED}" if lost else text


def _score_reader(metric: Metric, direction: str, backend: str) -> Read:
    def read(cell: CellFindings) -> Interval | None:
        score = cell.score(metric.name, direction, backend)
        return score.interval if score else None

    return read


def _gap_reader(metric: Metric, direction: str, pair: tuple[str, str]) -> Read:
    def read(cell: CellFindings) -> Interval | None:
        rows = cell.of_metric(metric.name, direction)
        return next((row.difference for row in rows if set(row.scores) == set(pair)), None)

    return read


def _values(findings: GridFindings, read: Read, metric: Metric) -> np.ndarray:
    """A number a cell, in the unit shown; NaN where there is none."""
    intervals = [read(cell) for cell in findings.cells]
    return np.array(
        [
            np.nan if each is None or each.value is None else each.value * metric.scale
            for each in intervals
        ]
    )


def _ends(values: np.ndarray) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)


def _is_dark(rgba: tuple[float, ...]) -> bool:
    red, green, blue = rgba[:3]
    return 0.3 * red + 0.59 * green + 0.11 * blue < 0.5
