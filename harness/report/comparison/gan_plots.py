"""The figures of a report on GANs."""

from __future__ import annotations

from functools import partial

import numpy as np
from matplotlib.axes import Axes

from backends.gan import GanObjective
from harness.config.metric_table import GAN_METRICS
from harness.records.experiment import ExperimentFolder
from harness.report.comparison.findings import ComparisonFindings
from harness.report.comparison.forest import forest_figure, forest_rows
from harness.report.comparison.galleries import shown_runs
from harness.report.comparison.gan_findings import shown_steps
from harness.report.comparison.losses import curves
from harness.report.comparison.plots import block_figure, device_figure, runs_curves, score_figure
from harness.report.comparison.scores import primary_rows
from harness.report.figures import GUIDE, Drawn, colour, figure, files, panels

BINS = 40
CURVES = ("generator", "discriminator", "accuracy_real", "accuracy_fake")


def gan_figures(experiment: ExperimentFolder, findings: ComparisonFindings) -> dict[str, bytes]:
    """File name in figures/ -> PNG, SVG or PDF; nothing where no run is complete."""
    if not experiment.runs:
        return {}
    primary = {row.metric.name for row in primary_rows(findings.metrics)}
    others = [metric.name for metric in GAN_METRICS if metric.name not in primary]
    forest = forest_rows(findings.metrics)
    drawn = {
        "losses.png": gan_loss_figure(experiment),
        "histograms.png": histogram_figure(experiment),
        "classes.png": class_figure(experiment),
        "primary.png": score_figure(experiment, sorted(primary)),
        "scores.png": score_figure(experiment, others),
        "forest.png": forest_figure(experiment, forest),
        "devices.png": device_figure(experiment),
        **{
            f"blocks_{device}.png": block_figure(experiment, device)
            for device in experiment.devices
        },
    }
    return files({name: drawing for name, drawing in drawn.items() if drawing})


def gan_loss_figure(experiment: ExperimentFolder) -> Drawn:
    """Both losses, and how often the discriminator is right in training."""

    def draw(axes: np.ndarray) -> None:
        for axis, column in zip(axes.flat, CURVES, strict=True):
            runs_curves(axis, experiment, partial(curves, column=column))
            axis.set_title(column.replace("_", " "), loc="left")
            # A critic's loss is below zero.
            if not column.startswith("accuracy"):
                axis.autoscale(axis="y")
                axis.set_ylim(auto=True)

    return figure(2, 2, (11, 5.4), draw, "step")


def histogram_figure(experiment: ExperimentFolder) -> Drawn | None:
    """What the discriminators say of real test images and of samples, at evaluated steps.

    Of the runs in the gallery. None where a run has no such outputs.
    """
    runs = shown_runs(experiment)
    outputs: dict[int, dict[str, dict[str, np.ndarray]]] = {}
    for step in shown_steps(runs):
        outputs[step] = {}
        for run in runs:
            arrays = run.evaluation(step)
            if not all(f"patches_{kind}_a" in arrays for kind in ("real", "fake")):
                return None
            outputs[step][run.backend] = {
                kind: arrays[f"patches_{kind}_a"].ravel() for kind in ("real", "fake")
            }
    objective = experiment.setting("objective.adversarial")
    middle = GanObjective(adversarial=objective).middle

    def draw(axis: Axes, step: int) -> None:
        pooled = np.concatenate([x for by_kind in outputs[step].values() for x in by_kind.values()])
        low, high = (float(np.quantile(pooled, share)) for share in (0.002, 0.998))
        edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
        for name, by_kind in outputs[step].items():
            for kind, dash in (("real", "-"), ("fake", "--")):
                counts, _ = np.histogram(by_kind[kind], edges, density=True)
                axis.stairs(counts, edges, color=colour(experiment, name), linestyle=dash,
                            linewidth=1.6, label=f"{experiment.title(name)}, {kind}")  # fmt: skip
        axis.axvline(middle, color=GUIDE, linewidth=0.8, linestyle=":")
        axis.set_yticks([])
        axis.set_title(f"after {step:,} steps", loc="left")

    return panels(list(outputs), 3, (0.5, 2.4), draw, "output for an image (high: real, low: made)")


def class_figure(experiment: ExperimentFolder) -> Drawn | None:
    """Shares of classes that the judge reads after the last step, and in real test images.

    Bars: means over runs; lines: their range. None without a judge.
    """
    recorded = experiment.metrics.get("classes") or {}
    real, samples = recorded.get("real"), recorded.get("samples")
    if not real or not samples:
        return None

    def draw(axes: np.ndarray) -> None:
        axis, names = axes.flat[0], experiment.present
        places = np.arange(len(real))
        width = 0.8 / (len(names) + 1)
        axis.bar(places - 0.4 + width / 2, np.array(real) * 100, width, color=GUIDE, label="real")
        for number, name in enumerate(names, 1):
            rows = np.array([row["shares"] for row in samples if row["backend"] == name]) * 100
            if not len(rows):
                continue
            mean = rows.mean(0)
            spread = np.stack([mean - rows.min(0), rows.max(0) - mean])
            axis.bar(places - 0.4 + width * (number + 0.5), mean, width, yerr=spread,
                     color=colour(experiment, name), label=experiment.title(name),
                     error_kw={"linewidth": 0.8})  # fmt: skip
        axis.set_xticks(places, [str(place) for place in places])
        axis.set_ylabel("% of images")

    return figure(1, 1, (11, 3.0), draw, "class that the judge reads", counting=False)
