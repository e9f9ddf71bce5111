"""Curves of generator and discriminator loss in one grid: a small panel a cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from harness.records.experiment import ExperimentFolder
from harness.records.run import RunRecord
from harness.report.figures import Drawn, across, figure
from harness.statistics.smoothing import smooth
from harness.studies.grid.page.findings import CellFindings, GridFindings
from harness.studies.grid.page.losses import Part, loss_curves

DASHES: dict[Part, str] = {"generators": "-", "discriminators": "--"}
COLUMNS = 4
POINTS = 600


def loss_figure(findings: GridFindings) -> Drawn | None:
    """None where no training left a loss."""
    if not any(cell.experiment and _recorded(cell, name)
               for cell in findings.cells for name in findings.study.backends):  # fmt: skip
        return None
    rows, columns = shape(findings)

    def draw(axes: np.ndarray) -> None:
        _legend(axes.flat[0], findings)
        for axis, cell in zip(axes.flat, findings.cells, strict=False):
            _panel(axis, findings, cell)
            axis.set_title(cell.name.replace(", ", "\n"), loc="left", fontsize=9, parse_math=False)
        for axis in axes.flat[len(findings.cells) :]:
            axis.set_visible(False)

    lines = len(findings.study.axes)
    return figure(rows, columns, (11, 0.7 + rows * (1.7 + 0.2 * lines)), draw, "step")


def shape(findings: GridFindings) -> tuple[int, int]:
    """As the axes are, where there are two and they fit; else in reading order."""
    axes, cells = findings.study.axes, len(findings.cells)
    if len(axes) == 2 and len(axes[1].labels) <= COLUMNS + 1:
        return len(axes[0].labels), len(axes[1].labels)
    columns = min(COLUMNS, cells)
    return math.ceil(cells / columns), columns


def _panel(axis: Axes, findings: GridFindings, cell: CellFindings) -> None:
    if cell.experiment is None:
        return
    ended = []
    for backend in findings.study.backends:
        runs, tone = _recorded(cell, backend), findings.colour(backend)
        complete = [run for run in runs if run.complete]
        for part, dash in DASHES.items():
            style = {"color": tone, "linestyle": dash}
            if complete:
                _curve(axis, cell.experiment, complete, part, style)
            for run in runs:
                if not run.complete:  # up to where it ended
                    _curve(axis, cell.experiment, [run], part, {**style, "alpha": 0.55})
        ended += [run for run in runs if not run.complete]
    # Losses of Wasserstein critics are below zero, too.
    drawn = np.concatenate(
        [np.asarray(line.get_ydata(), float) for line in axis.lines] or [np.ones(1)]
    )
    axis.set_yscale("linear" if (drawn <= 0).any() else "log")
    axis.set_xlim(0, max((run.steps or 1 for run in cell.runs), default=1))
    axis.tick_params(labelsize=8)
    if ended:
        first = min(run.status["step"] for run in ended)
        what = "diverged" if all(run.diverged for run in ended) else "failed"
        axis.text(0.98, 0.95, f"{len(ended)} {what},\nfirst by step {first:,}",
                  transform=axis.transAxes, ha="right", va="top", fontsize=8,
                  color="#b3450b")  # fmt: skip


def _curve(
    axis: Axes,
    experiment: ExperimentFolder,
    runs: Sequence[RunRecord],
    part: Part,
    style: dict[str, Any],
) -> None:
    values = loss_curves(experiment, runs, part)
    if not values.size:
        return
    middle, low, high = across(smooth(values))
    thin = slice(None, None, max(1, len(middle) // POINTS))
    steps = np.arange(len(middle))[thin]
    if len(runs) > 1:
        axis.fill_between(steps, low[thin], high[thin], color=style["color"], alpha=0.15,
                          linewidth=0)  # fmt: skip
    axis.plot(steps, middle[thin], linewidth=1.3, **style)


def _recorded(cell: CellFindings, backend: str) -> list[RunRecord]:
    """Runs that left their losses: the complete ones, and those that failed."""
    if cell.experiment is None:
        return []
    runs = [*cell.experiment.runs, *cell.experiment.unfinished]
    return [r for r in runs if r.backend == backend and (r.folder / "losses.csv").exists()]


def _legend(axis: Axes, findings: GridFindings) -> None:
    for part, dash in DASHES.items():
        for backend in findings.study.backends:
            axis.plot([], [], color=findings.colour(backend), linestyle=dash,
                      label=f"{findings.titles[backend]}, {part}")  # fmt: skip
