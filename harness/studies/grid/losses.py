"""Losses of a study as the optimisers see them: when they are steady, and a small panel a cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes

from harness.records.experiment import ExperimentFolder
from harness.records.run import RunRecord
from harness.report.comparison.losses import TAIL, curves, term_weights
from harness.report.figures import Drawn, across, panels
from harness.statistics.smoothing import smooth
from harness.studies.grid.findings import CellFindings, GridFindings

Part = Literal["generators", "discriminators"]
PARTS: tuple[Part, ...] = ("generators", "discriminators")
DASHES = dict(zip(PARTS, ("-", "--"), strict=True))
STEADY = 0.1  # of the final level
COLUMNS = 4
POINTS = 600


def loss_curves(experiment: ExperimentFolder, runs: Sequence[RunRecord], part: Part) -> np.ndarray:
    """Sum of the weighted terms, float64 (runs, steps); NaN where not finite."""
    total = np.zeros(())
    for term, weight in term_weights(experiment).items():
        of_discriminators = term.startswith(("discriminator", "penalty"))
        if weight and of_discriminators == (part == "discriminators"):
            total = total + weight * curves(runs, term)
    return total


def steady_from(curve: np.ndarray) -> int | None:
    """The step from which a run's smoothed loss stays within a tenth of its final level.

    `curve` float (steps,); the final level is the mean of the last tenth. None: not before that
    tenth, or not finite.
    """
    steps = len(curve)
    if steps < TAIL or not np.isfinite(curve).all():
        return None
    smoothed = smooth(curve[None])[0]
    tail = steps - steps // TAIL
    final = float(curve[tail:].mean())
    outside = np.flatnonzero(np.abs(smoothed - final) > STEADY * abs(final))
    first = int(outside[-1]) + 1 if len(outside) else 0
    return first if first < tail else None


# ------------------------------------------------------------------------------------ the figure


def loss_figure(findings: GridFindings) -> Drawn | None:
    """None where no training left a loss."""
    axes, backends = findings.study.axes, findings.study.backends
    if not any(_recorded(cell, backend) for cell in findings.cells for backend in backends):
        return None
    # As the axes are, where there are two and they fit; else in reading order.
    fits = len(axes) == 2 and len(axes[1].labels) <= COLUMNS + 1
    columns = len(axes[1].labels) if fits else COLUMNS

    def draw(axis: Axes, cell: CellFindings) -> None:
        if cell is findings.cells[0]:
            # For the legend above all panels.
            for part, dash in DASHES.items():
                for backend in backends:
                    label = f"{findings.titles[backend]}, {part}"
                    axis.plot([], [], color=findings.colour(backend), linestyle=dash, label=label)
        _draw_cell(axis, findings, cell)
        axis.set_title(cell.name.replace(", ", "\n"), loc="left", fontsize=9, parse_math=False)

    return panels(findings.cells, columns, (0.7, 1.7 + 0.2 * len(axes)), draw, "step", True)


def _recorded(cell: CellFindings, backend: str) -> list[RunRecord]:
    """Runs that left their losses: the complete ones, and those that failed."""
    if cell.experiment is None:
        return []
    runs = [*cell.experiment.runs, *cell.experiment.unfinished]
    return [r for r in runs if r.backend == backend and (r.folder / "losses.csv").exists()]


def _draw_cell(axis: Axes, findings: GridFindings, cell: CellFindings) -> None:
    if cell.experiment is None:
        return
    ended = []
    for backend in findings.study.backends:
        runs, tone = _recorded(cell, backend), findings.colour(backend)
        complete = [run for run in runs if run.complete]
        failed = [run for run in runs if not run.complete]
        for part, dash in DASHES.items():
            style = {"color": tone, "linestyle": dash}
            if complete:
                _curve(axis, cell.experiment, complete, part, style)
            for run in failed:  # up to where it ended
                _curve(axis, cell.experiment, [run], part, {**style, "alpha": 0.55})
        ended += failed
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
