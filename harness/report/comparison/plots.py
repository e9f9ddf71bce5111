"""Which figures a report has; those of losses and of timing are drawn here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.ticker import LogLocator, NullLocator

from backends.objective import LOSS_TERMS
from harness.records.experiment import ExperimentFolder
from harness.report.comparison.discriminator_plots import accuracy_figure, output_figure
from harness.report.comparison.divergence import Divergence, divergence_figure
from harness.report.comparison.losses import conventions, curves, cycle_curves
from harness.report.comparison.score_plots import score_figure
from harness.report.comparison.timing import block_times
from harness.report.figures import PALETTE, Drawn, colour, curve, figure, files


def figures(experiment: ExperimentFolder, apart: Sequence[Divergence]) -> dict[str, bytes]:
    """File name in figures/ -> PNG, SVG or PDF; nothing where no run is complete."""
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
    optional = {
        "divergence.png": divergence_figure(experiment, apart, PALETTE) if apart else None,
        "devices.png": device_figure(experiment),
        "scores.png": score_figure(experiment),
        "discriminators.png": output_figure(experiment),
    }
    return files({**drawn, **{name: drawing for name, drawing in optional.items() if drawing},
                  **blocks})  # fmt: skip


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
            for name in experiment.present:
                values = cycle_curves(experiment.of(name), units, convention)
                curve(axis, values, colour(experiment, name), experiment.title(name))
            axis.set_title(label, loc="left")

    return figure(1, 3, (11, 3.4), draw, "step")


def loss_figure(experiment: ExperimentFolder) -> Drawn:
    """All eight terms as recorded: means over elements."""

    def draw(axes: np.ndarray) -> None:
        for axis, term in zip(axes.flat, LOSS_TERMS, strict=True):
            for name in experiment.present:
                values = curves(experiment.of(name), term)
                curve(axis, values, colour(experiment, name), experiment.title(name))
            axis.set_title(term.replace("_", " "), loc="left")

    return figure(4, 2, (11, 10), draw, "step")


def block_figure(experiment: ExperimentFolder, device: str) -> Drawn:
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
