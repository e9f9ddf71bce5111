"""Outputs of the discriminators for real and for translated images."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from harness.records.experiment import ExperimentFolder
from harness.report.comparison.losses import conventions, curves
from harness.report.figures import GUIDE, Drawn, colour, curve, figure

BINS = 60


def accuracy_figure(experiment: ExperimentFolder) -> Drawn:
    """Share of patches each discriminator judges rightly: in training, and on the test split."""
    names = [f"{target}_{side}" for side in "ab" for target in ("real", "fake")]

    def draw(axes: np.ndarray) -> None:
        for axis, column in zip(axes.flat, names, strict=True):
            for name in experiment.present:
                values = curves(experiment.of(name), f"accuracy_{column}")
                curve(axis, values, colour(experiment, name), experiment.title(name))
            target, side = column.split("_")
            _mark_held_out(axis, experiment, target, side)
            axis.set_title(f"discriminator {side}, {target} patches", loc="left")
            axis.set_ylim(0, 1.02)
            axis.axhline(0.5, color=GUIDE, linewidth=0.8, linestyle=":")

    return figure(2, 2, (11, 5.4), draw, "step")


def output_figure(experiment: ExperimentFolder) -> Drawn | None:
    """Histograms of their outputs, patch by patch, on the test split after the last step."""
    by_backend = {name: _outputs(experiment, name) for name in experiment.present}
    if not all(by_backend.values()):
        return None
    pooled = np.concatenate([x for outputs in by_backend.values() for x in outputs.values()])
    low, high = (float(np.quantile(pooled, share)) for share in (0.001, 0.999))
    edges = np.linspace(low, high, BINS + 1)
    middle = conventions(experiment).objective.middle

    def draw(axes: np.ndarray) -> None:
        for axis, side in zip(axes.flat, "ab", strict=True):
            for name, outputs in by_backend.items():
                for target, dash in (("real", "-"), ("fake", "--")):
                    counts, _ = np.histogram(outputs[f"{target}_{side}"], edges, density=True)
                    label = f"{experiment.title(name)}, {target}"
                    axis.stairs(counts, edges, color=colour(experiment, name), linestyle=dash,
                                linewidth=1.6, label=label)  # fmt: skip
            axis.axvline(middle, color=GUIDE, linewidth=0.8, linestyle=":")
            axis.set_yticks([])
            title = f"discriminator {side}: {experiment.domain(side)}"
            axis.set_title(title, loc="left", parse_math=False)

    return figure(1, 2, (11, 3.2), draw, "output for a patch (high: real, low: translated)")


def _outputs(experiment: ExperimentFolder, backend: str) -> dict[str, np.ndarray]:
    """Patch scores by "real_a", ..., of all of a backend's runs; empty unless all have them."""
    names = [f"{target}_{side}" for side in "ab" for target in ("real", "fake")]
    finals = [run.final_evaluation for run in experiment.of(backend)]
    if not all(f"patches_{name}" in arrays for arrays in finals for name in names):
        return {}
    return {
        name: np.concatenate([arrays[f"patches_{name}"].ravel() for arrays in finals])
        for name in names
    }


def _mark_held_out(axis: Axes, experiment: ExperimentFolder, target: str, side: str) -> None:
    """Points for the test split, beside the curve for the images of each training step."""
    for name in experiment.present:
        by_step: dict[int, list[float]] = {}
        for row in experiment.metrics.get("discriminators", []):
            if row["backend"] == name and row["domain"] == side:
                by_step.setdefault(row["step"], []).append(row[f"accuracy_{target}"])
        steps = sorted(by_step)
        means = [float(np.mean(by_step[step])) for step in steps]
        axis.plot(steps, means, "D", color=colour(experiment, name), markersize=4.5,
                  markeredgecolor="white", markeredgewidth=0.7, zorder=3)  # fmt: skip
