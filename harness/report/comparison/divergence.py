"""How far the losses of two backends are apart, step by step, in runs of one seed.

Both begin with the same weights and see the same images: what differs at the first step is rounding
and the implementation; what differs later is that, grown by training.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
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

APART = 0.01  # from here on curves can be told apart by eye
ROUNDING = 1e-4  # of float32 after a whole forward pass, with room to spare
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
        """The first step at which the middle pair is a hundredth apart."""
        beyond = np.flatnonzero(np.median(self.backends, axis=0) > APART)
        return int(beyond[0]) if len(beyond) else None

    @property
    def at_end(self) -> float:
        return _tail(self.backends)

    @property
    def seeds_at_end(self) -> float | None:
        return _tail(self.seeds) if len(self.seeds) else None


def divergences(experiment: ExperimentFolder) -> list[Divergence]:
    """One for each pair of backends that have runs of the same seed on one device, with steps."""
    terms = [name for name in LOSS_TERMS if conventions(experiment).objective.weights[name]]
    found = []
    for first, second in itertools.combinations(experiment.present, 2):
        apart = [_distance(a, b, terms) for a, b in _pairs(experiment, first, second)]
        own = itertools.combinations(_of_one_device(experiment, first), 2)
        seeds = [_distance(a, b, terms) for a, b in own]
        if apart and all(len(row) for row in apart):
            found.append(Divergence(first, second, _stacked(apart), _stacked(seeds)))
    return found


def why(experiment: ExperimentFolder, found: list[Divergence]) -> list[str]:
    """What the distances say, a paragraph a pair, and what they cannot say."""
    paragraphs = [words(experiment, each) for each in found]
    paragraphs.append(
        "Whether a gap between frameworks is more than the noise that either has by itself, and "
        "what each default of a framework would cost, is not in these runs: "
        f"make consistency DATASET={experiment.dataset} measures both."
    )
    return paragraphs


def words(experiment: ExperimentFolder, each: Divergence) -> str:
    first, second = experiment.title(each.first), experiment.title(each.second)
    start = "rounding alone could do that" if each.at_start < ROUNDING else "more than rounding"
    told = (
        f"From the same weights and images the losses of {first} and {second} differ by "
        f"{share(each.at_start)} of their size at the first step ({start})"
    )
    apart = each.apart_from
    told += f", by more than 1 % from step {apart:,} on" if apart else ""
    told += f", and by {share(each.at_end)} over the last tenth"
    if each.seeds_at_end is not None:
        told += f", where two seeds of {first} differ by {share(each.seeds_at_end)}"
    return f"{told}."


def share(value: float) -> str:
    """ "2.3e-07", "0.4 %", "12 %"."""
    return f"{value:.1e}" if value < 1e-3 else f"{significant(100 * value, 2)} %"


def divergence_figure(
    experiment: ExperimentFolder, found: Sequence[Divergence], tones: Sequence[str]
) -> Drawn:
    """Distance by step, both axes logarithmic; `tones`: a colour a pair."""

    def draw(axes: np.ndarray) -> None:
        axis = axes.flat[0]
        for each, tone in zip(found, tones, strict=False):
            label = f"{experiment.title(each.first)} and {experiment.title(each.second)}"
            _lines(axis, each.backends, label, color=tone, linewidth=1.4)
        label = f"two seeds of {experiment.title(found[0].first)}"
        _lines(axis, found[0].seeds, label, color=GUIDE, linewidth=1, linestyle="--")
        axis.axhline(APART, color=GUIDE, linewidth=0.8, linestyle=":")
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_ylabel("relative distance")

    return figure(1, 1, (11, 3.4), draw, "step (the first is 1)", counting=False)


def _lines(axis: Axes, rows: np.ndarray, label: str, **style: Any) -> None:
    for number, row in enumerate(rows):
        axis.plot(*_thinned(row), label=label if number == 0 else None, **style)


def _thinned(row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Steps from 1, and medians over windows that are equally wide on a logarithmic axis."""
    steps = np.arange(1, len(row) + 1)
    edges = np.unique(np.geomspace(1, len(row) + 1, int(np.log(len(row) + 1) / np.log(WIDTH)) + 2)
                      .round().astype(int))  # fmt: skip
    parts = [slice(low - 1, high - 1) for low, high in itertools.pairwise(edges)]
    middles = np.array([np.median(row[part]) for part in parts])
    kept = np.isfinite(middles) & (middles > 0)
    return np.array([steps[part].mean() for part in parts])[kept], middles[kept]


def _pairs(
    experiment: ExperimentFolder, first: str, second: str
) -> Iterator[tuple[RunRecord, RunRecord]]:
    for device in experiment.devices:
        others = {run.seed: run for run in experiment.of(second, device)}
        for run in experiment.of(first, device):
            if run.seed in others:
                yield run, others[run.seed]


def _of_one_device(experiment: ExperimentFolder, backend: str) -> tuple[RunRecord, ...]:
    return max((experiment.of(backend, d) for d in experiment.devices), key=len, default=())


def _distance(one: RunRecord, other: RunRecord, terms: list[str]) -> np.ndarray:
    """Sum of absolute differences over terms, over the mean of both sums; (steps,)."""
    a, b = (np.stack([curves([run], term)[0][: _shorter(one, other)] for term in terms])
            for run in (one, other))  # fmt: skip
    size = (np.abs(a) + np.abs(b)).sum(axis=0) / 2
    return np.abs(a - b).sum(axis=0) / np.where(size > 0, size, np.nan)


def _shorter(*runs: RunRecord) -> int:
    return min(len(run.losses) for run in runs)


def _stacked(rows: list[np.ndarray]) -> np.ndarray:
    if not rows:
        return np.empty((0, 0))
    steps = min(map(len, rows))
    return np.stack([row[:steps] for row in rows])


def _tail(rows: np.ndarray) -> float:
    steps = rows.shape[1]
    return float(np.median(rows[:, steps - max(1, steps // TAIL) :]))
