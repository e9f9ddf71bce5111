"""Scores over training: every evaluated step, with what bounds them."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from harness.config.metric_table import BY_NAME, Metric
from harness.records.experiment import DIRECTIONS, ExperimentFolder
from harness.report.comparison.scores import ScorePoint, reference, score_curves
from harness.report.figures import GUIDE, Drawn, colour, figure

# KID is the headline; the others are drawn where they were computed.
DRAWN = ("kid_efflite0", "fd_efflite0", "judge_accuracy", "pair_psnr", "checkerboard")


def score_figure(experiment: ExperimentFolder) -> Drawn | None:
    """A row a metric, a column a direction; None where nothing was scored."""
    curves = {name: points for name in DRAWN if (points := score_curves(experiment, name))}
    if not curves:
        return None

    def draw(axes: np.ndarray) -> None:
        for name, row in zip(curves, axes, strict=True):
            for axis, direction in zip(row, DIRECTIONS, strict=True):
                _panel(axis, experiment, BY_NAME[name], direction, curves[name])

    return figure(len(curves), 2, (11, 0.4 + 2.8 * len(curves)), draw, "step")


def _panel(
    axis: Axes,
    experiment: ExperimentFolder,
    metric: Metric,
    direction: str,
    curves: dict[tuple[str, str], list[ScorePoint]],
) -> None:
    for name in experiment.present:
        points = curves.get((name, direction), [])
        steps = [point.step for point in points]
        low, middle, high = (
            [getattr(point, bound) * metric.scale for point in points]
            for bound in ("low", "value", "high")
        )
        tone = colour(experiment, name)
        axis.fill_between(steps, low, high, color=tone, alpha=0.18, linewidth=0)
        axis.plot(steps, middle, "o-", color=tone, markersize=3.5, label=experiment.title(name))
    beside = reference(experiment, metric.name, direction)
    for kind, dash in (("identity_baseline", "--"), ("floor", ":")):
        level = beside.get(kind)
        if level is not None:
            axis.axhline(level * metric.scale, color=GUIDE, linewidth=1, linestyle=dash)
    title = f"{metric.titled(beside.get('n'))} {metric.unit}".strip()
    axis.set_title(f"{title}: {experiment.path(direction)}", loc="left", parse_math=False)
