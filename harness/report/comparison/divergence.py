"""The relative difference of two backends' losses, step by step, in runs of one seed.

Both start from the same weights and see the same images. The difference at the first step is due to
rounding and to the implementation; training amplifies it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from backends.objective import LOSS_TERMS
from harness.records.experiment import ExperimentFolder
from harness.records.run import RunRecord
from harness.report.comparison.losses import TAIL, conventions, curves
from harness.report.figures import GUIDE, Drawn, figure
from harness.report.formatting import significant

APART = 0.01  # from here on the curves are visibly different
ROUNDING = 1e-4  # more than float32 rounding causes in a whole forward pass
WIDTH = 1.12  # from one end of a drawn window of steps to the other


@dataclass(frozen=True)
class Divergence:
    """Relative distances, float64 (pairs of runs, steps); NaN where a loss is not finite.

    `backends`: two backends, same seed, same device. `seeds`: two seeds of the first backend, no
    rows where it has but one.
    """

    first: str
    second: str
    backends: np.ndarray
    seeds: np.ndarray

    @property
    def at_start(self) -> float:
        return float(np.median(self.backends[:, 0]))

    @property
    def apart_from(self) -> int | None:
        """The first step at which the median pair differs by more than APART."""
        beyond = np.flatnonzero(np.median(self.backends, axis=0) > APART)
        return int(beyond[0]) if len(beyond) else None

    @property
    def at_end(self) -> float:
        return _tail(self.backends)

    @property
    def seeds_at_end(self) -> float | None:
        return _tail(self.seeds) if len(self.seeds) else None


def divergences(experiment: ExperimentFolder) -> list[Divergence]:
    """For each backend with runs of the same seed on one device as the first, that have steps."""
    terms = [name for name in LOSS_TERMS if conventions(experiment).objective.weights[name]]
    divergences = []
    for first, second in itertools.product(experiment.present[:1], experiment.present[1:]):
        distances = [
            _distance(one, other, terms)
            for device in experiment.devices
            for one in experiment.of(first, device)
            for other in experiment.of(second, device)
            if one.seed == other.seed
        ]
        # Of the device on which the first backend has most seeds.
        runs = max((experiment.of(first, d) for d in experiment.devices), key=len, default=())
        seeds = [_distance(a, b, terms) for a, b in itertools.combinations(runs, 2)]
        if distances and all(map(len, distances)):
            divergences.append(Divergence(first, second, _stacked(distances), _stacked(seeds)))
    return divergences


def why(experiment: ExperimentFolder, divergences: Sequence[Divergence]) -> list[str]:
    """What the distances say, a paragraph a pair, and what they cannot say."""
    paragraphs = []
    for pair in divergences:
        first, second = experiment.title(pair.first), experiment.title(pair.second)
        cause = "rounding alone can cause it" if pair.at_start < ROUNDING else "more than rounding"
        text = (
            f"{first} and {second} start from the same weights and see the same images. The"
            f" relative difference of their losses is {share(pair.at_start)} at the first step"
            f" ({cause})"
        )
        if pair.apart_from:
            text += f", exceeds 1 % from step {pair.apart_from:,} on,"
        text += f" and is {share(pair.at_end)} over the last tenth of training."
        if pair.seeds_at_end is not None:
            text += f" Between two seeds of {first} it is {share(pair.seeds_at_end)} there."
        paragraphs.append(text)
    paragraphs.append(
        "These runs do not show whether a difference between frameworks is larger than the noise"
        " of one framework, nor what each default of a framework costs:"
        f" make consistency DATASET={experiment.dataset} measures both."
    )
    return paragraphs


def share(value: float) -> str:
    """ "2.3e-07", "0.4 %", "12 %"."""
    return f"{value:.1e}" if value < 1e-3 else f"{significant(100 * value, 2)} %"


def divergence_figure(
    experiment: ExperimentFolder, divergences: Sequence[Divergence], tones: Sequence[str]
) -> Drawn:
    """Distance by step, both axes logarithmic; `tones`: a colour a pair."""

    def draw(axes: np.ndarray) -> None:
        axis = axes.flat[0]
        for pair, tone in zip(divergences, tones, strict=False):
            label = f"{experiment.title(pair.first)} and {experiment.title(pair.second)}"
            _lines(axis, pair.backends, label, color=tone, linewidth=1.4)
        label = f"two seeds of {experiment.title(divergences[0].first)}"
        _lines(axis, divergences[0].seeds, label, color=GUIDE, linewidth=1, linestyle="--")
        axis.axhline(APART, color=GUIDE, linewidth=0.8, linestyle=":")
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_ylabel("relative distance")

    return figure(1, 1, (11, 3.4), draw, "step (the first is 1)", counting=False)


def _lines(axis: Axes, rows: np.ndarray, label: str, **style: Any) -> None:
    """A line a row (steps,): medians over windows, equally wide on a logarithmic axis."""
    for number, row in enumerate(rows):
        steps = np.arange(1, len(row) + 1)
        windows = int(np.log(len(row) + 1) / np.log(WIDTH)) + 1
        edges = np.unique(np.geomspace(1, len(row) + 1, windows + 1).round().astype(int))
        parts = [slice(low - 1, high - 1) for low, high in itertools.pairwise(edges)]
        centres = np.array([steps[part].mean() for part in parts])
        medians = np.array([np.median(row[part]) for part in parts])
        kept = np.isfinite(medians) & (medians > 0)
        name = label if number == 0 else None
        axis.plot(centres[kept], medians[kept], label=name, **style)


def _distance(one: RunRecord, other: RunRecord, terms: list[str]) -> np.ndarray:
    """Sum of absolute differences over terms, over the mean of both sums; (steps,)."""
    steps = min(len(one.losses), len(other.losses))
    a, b = (np.stack([curves([run], term)[0][:steps] for term in terms]) for run in (one, other))
    size = (np.abs(a) + np.abs(b)).sum(axis=0) / 2
    return np.abs(a - b).sum(axis=0) / np.where(size > 0, size, np.nan)


def _stacked(rows: list[np.ndarray]) -> np.ndarray:
    if not rows:
        return np.empty((0, 0))
    steps = min(map(len, rows))
    return np.stack([row[:steps] for row in rows])


def _tail(rows: np.ndarray) -> float:
    steps = rows.shape[1]
    return float(np.median(rows[:, steps - max(1, steps // TAIL) :]))
