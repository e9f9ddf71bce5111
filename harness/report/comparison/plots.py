"""Which figures a report has, and how each is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator

from backends.objective import LOSS_TERMS
from harness.config.metric_table import BY_NAME, Metric
from harness.records.experiment import ExperimentFolder
from harness.records.run import RunRecord
from harness.report.comparison.divergence import divergence_figure
from harness.report.comparison.findings import ComparisonFindings
from harness.report.comparison.forest import FEW, forest_figure, forest_rows
from harness.report.comparison.losses import conventions, curves, cycle_curves
from harness.report.comparison.scores import (
    ScorePoint,
    primary_rows,
    reference,
    score_curves,
)
from harness.report.comparison.timing import block_times
from harness.report.figures import GUIDE, PALETTE, Drawn, colour, curve, figure, files

BINS = 60  # of a histogram of the discriminators' outputs
# Beside the primary score, where they were computed.
DRAWN = ("kid_efflite0", "fd_efflite0", "judge_accuracy", "pair_psnr", "checkerboard")
PATCHES = [f"{target}_{side}" for side in "ab" for target in ("real", "fake")]


def figures(experiment: ExperimentFolder, findings: ComparisonFindings) -> dict[str, bytes]:
    """File name in figures/ -> PNG, SVG or PDF; nothing where no run is complete."""
    if not experiment.runs:
        return {}
    metrics, apart = findings.metrics, findings.divergences
    drawn = {
        "cycle.png": cycle_figure(experiment),
        "losses.png": loss_figure(experiment),
        "accuracies.png": accuracy_figure(experiment),
    }
    blocks = {
        f"blocks_{device}.png": block_figure(experiment, device) for device in experiment.devices
    }
    forest = forest_rows(metrics)
    primary = {row.metric.name for row in primary_rows(metrics)}
    scored = list(dict.fromkeys([*sorted(primary), *DRAWN]))
    few = max(FEW, sum(row.primary for row in forest))
    # Of one pair the line has no backend's colour.
    tones = PALETTE if len(apart) < 2 else [colour(experiment, pair.second) for pair in apart]
    optional = {
        "divergence.png": divergence_figure(experiment, apart, tones) if apart else None,
        "devices.png": device_figure(experiment),
        "primary.png": score_figure(experiment, [name for name in scored if name in primary]),
        "scores.png": score_figure(experiment, [name for name in scored if name not in primary]),
        "forest.png": forest_figure(experiment, forest[:few]),
        "forest_all.png": forest_figure(experiment, forest) if len(forest) > few else None,
        "discriminators.png": output_figure(experiment),
    }
    drawn |= {name: drawing for name, drawing in optional.items() if drawing}
    return files(drawn | blocks)


def runs_curves(
    axis: Axes,
    experiment: ExperimentFolder,
    values: Callable[[Sequence[RunRecord]], np.ndarray],
) -> None:
    """A curve a backend; `values` of its runs: (runs, steps)."""
    for name in experiment.present:
        runs = experiment.of(name)
        curve(axis, values(runs), colour(experiment, name), experiment.title(name))


def cycle_figure(experiment: ExperimentFolder) -> Drawn:
    """Mean of both cycle losses, a panel a convention: the same curve on three scales."""
    units = conventions(experiment)
    labels = {
        "unnormalised": "unnormalised: sum over the image",
        "normalised": "normalised: 0 to 1",
        "weighted": "weighted: times lambda",
    }

    def draw(axes: np.ndarray) -> None:
        for axis, (convention, label) in zip(axes.flat, labels.items(), strict=True):
            runs_curves(axis, experiment, partial(cycle_curves, units=units, convention=convention))
            axis.set_title(label, loc="left")

    return figure(1, 3, (11, 3.4), draw, "step")


def loss_figure(experiment: ExperimentFolder) -> Drawn:
    """All eight terms as recorded: means over elements."""

    def draw(axes: np.ndarray) -> None:
        for axis, term in zip(axes.flat, LOSS_TERMS, strict=True):
            runs_curves(axis, experiment, partial(curves, column=term))
            axis.set_title(term.replace("_", " "), loc="left")

    return figure(4, 2, (11, 10), draw, "step")


def block_figure(experiment: ExperimentFolder, device: str) -> Drawn:
    """Milliseconds a step of every timed block, in the order in which the backends took turns."""
    backends = experiment.on(device)

    def draw(axes: np.ndarray) -> None:
        axis = axes.flat[0]
        runs = {name: experiment.of(name, device) for name in backends}
        times = {name: block_times(runs[name]) for name in backends}
        places = {
            key: i for i, key in enumerate(sorted({k for t in times.values() for k in t.index}))
        }
        under_load: list[Any] = []
        for turn, (name, series) in enumerate(times.items()):
            turns = [places[key] * len(backends) + turn for key in series.index]
            tone = colour(experiment, name)
            axis.plot(turns, series.to_numpy() * 1000, color=tone, linewidth=0.8, alpha=0.4)
            axis.scatter(turns, series.to_numpy() * 1000, s=12, color=tone,
                         label=experiment.title(name))  # fmt: skip
            clean = block_times(runs[name], clean=True).index
            loaded = [(turn, value * 1000) for turn, (key, value)
                      in zip(turns, series.items(), strict=True) if key not in clean]  # fmt: skip
            if loaded:
                under_load.append(axis.scatter(*zip(*loaded, strict=True), s=40, color="black",
                                               marker="x", linewidth=0.8))  # fmt: skip
        if under_load:
            under_load[0].set_label("under load")
        axis.set_ylim(bottom=0)
        axis.set_ylabel("ms a step")
        axis.set_title(experiment.device_title(device), loc="left", parse_math=False)

    return figure(1, 1, (11, 3.0), draw, "block, in the order they ran")


def device_figure(experiment: ExperimentFolder) -> Drawn | None:
    """Median step time of every backend by device; None where there is but one to draw."""
    backends = experiment.present
    times = {
        device: {name: block_times(experiment.of(name, device)) * 1000 for name in backends}
        for device in experiment.devices
    }
    times = {device: row for device, row in times.items() if any(len(t) for t in row.values())}
    if len(times) < 2:
        return None

    def draw(axes: np.ndarray) -> None:
        axis = axes.flat[0]
        for place, name in enumerate(backends):
            shift = 0.6 * (place - (len(backends) - 1) / 2) / len(backends)
            rows = [(i, row[name]) for i, row in enumerate(times.values()) if len(row[name])]
            fast, middle, slow = (
                np.array([series.quantile(share) for _, series in rows])
                for share in (0.05, 0.5, 0.95)
            )
            axis.errorbar(middle, [i + shift for i, _ in rows], xerr=[middle - fast, slow - middle],
                          fmt="o", capsize=3, color=colour(experiment, name),
                          label=experiment.title(name))  # fmt: skip
        titles = [experiment.device_title(device) for device in times]
        axis.set_yticks(range(len(titles)), titles, parse_math=False)
        axis.set_ylim(len(titles) - 0.5, -0.5)
        axis.set_xscale("log")
        low, high = axis.get_xlim()
        close = high < 10 * low
        numbers = [n / 2 for n in range(2, 20)] if close else [1, 1.5, 2, 3, 5, 7]
        axis.set_xlim(low / 1.1, high * 1.1)
        axis.xaxis.set_major_locator(LogLocator(subs=numbers))
        axis.xaxis.set_minor_locator(NullLocator())
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")

    inches = (11, 1.3 + 0.3 * len(times) * len(backends))
    return figure(1, 1, inches, draw, "ms a step, median", counting=False)


def accuracy_figure(experiment: ExperimentFolder) -> Drawn:
    """Share of patches each discriminator judges rightly: in training, and on the test split."""

    def draw(axes: np.ndarray) -> None:
        for axis, column in zip(axes.flat, PATCHES, strict=True):
            target, side = column.split("_")
            runs_curves(axis, experiment, partial(curves, column=f"accuracy_{column}"))
            for name in experiment.present:
                by_step: dict[int, list[float]] = {}
                for row in experiment.metrics.get("discriminators", []):
                    if row["backend"] == name and row["domain"] == side:
                        by_step.setdefault(row["step"], []).append(row[f"accuracy_{target}"])
                steps = sorted(by_step)
                means = [float(np.mean(by_step[step])) for step in steps]
                axis.plot(steps, means, "D", color=colour(experiment, name), markersize=4.5,
                          markeredgecolor="white", markeredgewidth=0.7, zorder=3)  # fmt: skip
            axis.set_title(f"discriminator {side}, {target} patches", loc="left")
            axis.set_ylim(0, 1.02)
            axis.axhline(0.5, color=GUIDE, linewidth=0.8, linestyle=":")

    return figure(2, 2, (11, 5.4), draw, "step")


def output_figure(experiment: ExperimentFolder) -> Drawn | None:
    """Histograms of the discriminators' outputs for patches of test images, after the last step.

    None unless all runs have them.
    """
    outputs: dict[str, dict[str, np.ndarray]] = {}
    for backend in experiment.present:
        finals = [run.final_evaluation for run in experiment.of(backend)]
        if not all(f"patches_{name}" in arrays for arrays in finals for name in PATCHES):
            return None
        outputs[backend] = {
            name: np.concatenate([arrays[f"patches_{name}"].ravel() for arrays in finals])
            for name in PATCHES
        }
    pooled = np.concatenate([array for arrays in outputs.values() for array in arrays.values()])
    low, high = (float(np.quantile(pooled, share)) for share in (0.001, 0.999))
    edges = np.linspace(low, high, BINS + 1)
    middle = conventions(experiment).objective.middle

    def draw(axes: np.ndarray) -> None:
        for axis, side in zip(axes.flat, "ab", strict=True):
            for name, arrays in outputs.items():
                for target, dash in (("real", "-"), ("fake", "--")):
                    counts, _ = np.histogram(arrays[f"{target}_{side}"], edges, density=True)
                    label = f"{experiment.title(name)}, {target}"
                    axis.stairs(counts, edges, color=colour(experiment, name), linestyle=dash,
                                linewidth=1.6, label=label)  # fmt: skip
            axis.axvline(middle, color=GUIDE, linewidth=0.8, linestyle=":")
            axis.set_yticks([])
            title = f"discriminator {side}: {experiment.domain(side)}"
            axis.set_title(title, loc="left", parse_math=False)

    return figure(1, 2, (11, 3.2), draw, "output for a patch (high: real, low: translated)")


def score_figure(experiment: ExperimentFolder, names: Sequence[str]) -> Drawn | None:
    """Scores at every evaluated step: a row a metric, a column a direction.

    None where none of `names` was scored.
    """
    scores = {name: points for name in names if (points := score_curves(experiment, name))}
    if not scores:
        return None

    def draw(axes: np.ndarray) -> None:
        for name, row in zip(scores, axes, strict=True):
            for axis, direction in zip(row, experiment.directions, strict=True):
                _score_panel(axis, experiment, BY_NAME[name], direction, scores[name])

    columns = len(experiment.directions)
    return figure(len(scores), columns, (11, 0.4 + 2.8 * len(scores)), draw, "step")


def _score_panel(
    axis: Axes,
    experiment: ExperimentFolder,
    metric: Metric,
    direction: str,
    scores: dict[tuple[str, str], list[ScorePoint]],
) -> None:
    """Curves of all backends, the baseline (dashed) and the floor (dotted)."""
    for name in experiment.present:
        points = scores.get((name, direction), [])
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
    reals = experiment.setting("evaluation.reals", "test")
    title = f"{metric.against(reals).titled(beside.get('n'))} {metric.unit}".strip()
    axis.set_title(f"{title}: {experiment.path(direction)}", loc="left", parse_math=False)
