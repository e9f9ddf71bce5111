"""Figures of the report as PNG: one colour a backend everywhere, no pyplot state."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from backends.interface import LOSS_TERMS
from harness.metrics.table import BY_NAME
from harness.report.experiment import DIRECTIONS, Experiment
from harness.report.losses import conventions, curves, cycle_curves, smooth
from harness.report.scores import HEADLINE, reference, score_curves
from harness.report.timing import block_times

# Okabe & Ito's palette: told apart with any colour vision. A backend's place gives its colour.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
STYLE: dict[str, Any] = {
    "font.size": 10.5,
    "axes.titlesize": 10.5,
    "axes.edgecolor": "#999999",
    "axes.labelcolor": "#444444",
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "grid.color": "#e6e6e6",
    "legend.frameon": False,
}
Draw = Callable[[np.ndarray], None]
POINTS = 1500  # a raw curve is thinned to this many points


def colour(experiment: Experiment, backend: str) -> str:
    return PALETTE[experiment.backends.index(backend) % len(PALETTE)]


def figures(experiment: Experiment) -> dict[str, bytes]:
    """File name in figures/ -> PNG; nothing where no run is complete."""
    if not experiment.runs:
        return {}
    drawn = {
        "cycle.png": cycle_figure(experiment),
        "losses.png": loss_figure(experiment),
        "accuracies.png": accuracy_figure(experiment),
    }
    blocks = {
        f"blocks_{device}.png": block_figure(experiment, device) for device in experiment.devices
    }
    scores = score_figure(experiment)
    return {**drawn, **({"scores.png": scores} if scores else {}), **blocks}


def cycle_figure(experiment: Experiment) -> bytes:
    """Mean of both cycle losses, a panel a convention: the same curve on three scales."""
    units = conventions(experiment)
    labels = {
        "unnormalised": "unnormalised: sum over the image",
        "normalised": "normalised: 0 to 1",
        "weighted": "weighted: times lambda",
    }

    def draw(axes: np.ndarray) -> None:
        for axis, (convention, label) in zip(axes.flat, labels.items(), strict=True):
            for name in experiment.present:
                values = cycle_curves(experiment.of(name), units, convention)
                _curve(axis, values, colour(experiment, name), experiment.title(name))
            axis.set_title(label, loc="left")

    return _figure(1, 3, (11, 3.4), draw, experiment, "step")


def loss_figure(experiment: Experiment) -> bytes:
    """All eight terms as recorded: means over elements."""

    def draw(axes: np.ndarray) -> None:
        for axis, term in zip(axes.flat, LOSS_TERMS, strict=True):
            for name in experiment.present:
                values = curves(experiment.of(name), term)
                _curve(axis, values, colour(experiment, name), experiment.title(name))
            axis.set_title(term.replace("_", " "), loc="left")

    return _figure(4, 2, (11, 10), draw, experiment, "step")


def accuracy_figure(experiment: Experiment) -> bytes:
    """Share of patches each discriminator judges rightly."""
    names = [f"{target}_{side}" for side in "ab" for target in ("real", "fake")]

    def draw(axes: np.ndarray) -> None:
        for axis, column in zip(axes.flat, names, strict=True):
            for name in experiment.present:
                values = curves(experiment.of(name), f"accuracy_{column}")
                _curve(axis, values, colour(experiment, name), experiment.title(name))
            target, side = column.split("_")
            axis.set_title(f"discriminator {side}, {target} patches", loc="left")
            axis.set_ylim(0, 1.02)
            axis.axhline(0.5, color="#777777", linewidth=0.8, linestyle=":")

    return _figure(2, 2, (11, 5.4), draw, experiment, "step")


def score_figure(experiment: Experiment) -> bytes | None:
    """The headline score at every evaluated step: mean over runs, and their range."""
    metric, curves_of = BY_NAME[HEADLINE], score_curves(experiment)
    if not curves_of:
        return None

    def draw(axes: np.ndarray) -> None:
        for axis, direction in zip(axes.flat, DIRECTIONS, strict=True):
            heights = []
            for name in experiment.present:
                points = curves_of.get((name, direction), {})
                steps, values = sorted(points), [points[step] for step in sorted(points)]
                tone = colour(experiment, name)
                middle = [float(np.mean(v)) * metric.scale for v in values]
                low, high = ([f(v) * metric.scale for v in values] for f in (min, max))
                heights += low + high
                axis.fill_between(steps, low, high, color=tone, alpha=0.18, linewidth=0)
                axis.plot(steps, middle, "o-", color=tone, markersize=4,
                          label=experiment.title(name))  # fmt: skip
            for kind, dash in (("identity_baseline", "--"), ("floor", ":")):
                level = reference(experiment, HEADLINE, direction).get(kind)
                if level is not None:
                    axis.axhline(level * metric.scale, color="#555555", linewidth=1, linestyle=dash)
            axis.set_yscale("symlog", linthresh=10)
            axis.set_ylim(min([0, *heights]) * 1.5 - 1, max([10, *heights]) * 1.8)
            axis.yaxis.set_major_formatter(ScalarFormatter())
            axis.set_title(experiment.path(direction), loc="left", parse_math=False)

    return _figure(1, 2, (11, 3.4), draw, experiment, "step")


def block_figure(experiment: Experiment, device: str) -> bytes:
    """Milliseconds a step of every timed block, in the order in which the backends took turns."""
    backends = experiment.on(device)

    def draw(axes: np.ndarray) -> None:
        axis = axes.flat[0]
        times = {name: block_times(experiment.of(name, device)) for name in backends}
        places = {
            key: i for i, key in enumerate(sorted({k for t in times.values() for k in t.index}))
        }
        for turn, (name, series) in enumerate(times.items()):
            turns = [places[key] * len(backends) + turn for key in series.index]
            tone = colour(experiment, name)
            axis.plot(turns, series.to_numpy() * 1000, color=tone, linewidth=0.8, alpha=0.4)
            axis.scatter(turns, series.to_numpy() * 1000, s=12, color=tone,
                         label=experiment.title(name))  # fmt: skip
        axis.set_ylim(bottom=0)
        axis.set_ylabel("ms a step")
        axis.set_title(experiment.device_title(device), loc="left", parse_math=False)

    return _figure(1, 1, (11, 3.0), draw, experiment, "block, in the order they ran")


def _figure(
    rows: int,
    columns: int,
    inches: tuple[float, float],
    draw: Draw,
    experiment: Experiment,
    xlabel: str,
) -> bytes:
    """Axes in the report's style, drawn by `draw(axes)`, one legend above them all; PNG bytes."""
    style: dict[Any, Any] = {**sns.axes_style("whitegrid"), **STYLE}
    with mpl.rc_context(style):
        figure = Figure(figsize=inches, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, columns, squeeze=False)
        draw(axes)
        for axis in axes.flat:
            sns.despine(ax=axis)
            axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        for axis in axes[-1]:
            axis.set_xlabel(xlabel)
        handles, labels = axes.flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=len(labels) or 1)
        buffer = io.BytesIO()
        # Without the library's name and version in it the same records give the same bytes.
        figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
        return buffer.getvalue()


def _curve(axis: Axes, values: np.ndarray, tone: str, label: str) -> None:
    """`values` (runs, steps): one run smoothed over its raw self; several as mean and range."""
    steps = np.arange(values.shape[1])
    if not len(steps):
        return
    smoothed = smooth(values)
    thin = slice(None, None, max(1, len(steps) // POINTS))
    if len(values) == 1:
        axis.plot(steps[thin], values[0][thin], color=tone, linewidth=0.6, alpha=0.16)
        centre = smoothed[0]
    else:
        # A step at which every run diverged has no mean: nothing is drawn there.
        centre, low, high = _across(smoothed)
        axis.fill_between(steps[thin], low[thin], high[thin], color=tone, alpha=0.18, linewidth=0)
    axis.plot(steps[thin], centre[thin], color=tone, linewidth=1.8, label=label)
    axis.set_ylim(bottom=0)
    _cap(axis, values, smoothed)


def _across(smoothed: np.ndarray) -> Sequence[np.ndarray]:
    kept = np.where(np.isnan(smoothed).any(axis=0), np.nan, smoothed)
    return kept.mean(axis=0), kept.min(axis=0), kept.max(axis=0)


def _cap(axis: Axes, values: np.ndarray, smoothed: np.ndarray) -> None:
    """A lone spike must not flatten the curves: the axis ends at the raw 99th percentile."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return
    top = 1.08 * max(float(np.quantile(finite, 0.99)), float(np.nanmax(smoothed)))
    before = axis.get_ylim()[1] if len(axis.lines) > 2 else 0.0
    axis.set_ylim(0, max(top, before if before < 3 * top else top) or 1.0)
