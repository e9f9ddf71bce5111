"""How far the verdict over seeds can be trusted, from runs whose truth is known. No files.

A/A: runs of one backend against others of the same backend with other seeds: no difference exists.
A/B: the same backend with a difference planted in it. A *comparison* is what a user makes: some
pairs of runs, one verdict. Rates are averaged over many ways to split the runs into comparisons,
which takes the luck of one split out of the estimate; but the runs stay the same, so the interval
is that of as many comparisons as there are in one split, which share no run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import fdtri, stdtrit

from harness.statistics.equivalence import POWER
from harness.statistics.intervals import MINIMUM_SEEDS, Interval, clopper_pearson, seed_interval

SPLITS = 400
Place = Literal["beyond the margin", "within the margin", "unclear"]


@dataclass(frozen=True)
class Rate:
    """Share of comparisons, with the Clopper-Pearson bounds of `comparisons` disjoint ones."""

    share: float
    low: float
    high: float
    comparisons: int


@dataclass(frozen=True)
class Outcome:
    """How often comparisons were called what; the rest is "cannot tell yet".

    `off_zero`: the 95% interval leaves zero out, whatever the margin. Without a true difference
    this is 5% if scores over seeds are near enough to normal.
    """

    different: Rate
    equivalent: Rate
    off_zero: Rate


@dataclass(frozen=True)
class Calibration:
    """Of one metric and direction. None: too few runs for one comparison of `pairs` pairs."""

    pairs: int
    margin: float
    deviation: float  # standard deviation over seeds of A, in the metric's unit
    same: Outcome | None  # A/A: `different` is a false alarm
    planted: Outcome | None  # A/B: `different` is power, where the truth is beyond the margin
    truth: Interval  # B - A over all common seeds
    place: Place  # of the planted truth: only beyond the margin is "different" the right answer

    @property
    def right_answer(self) -> str:
        """What a verdict with any number of seeds would come to."""
        answers = {"beyond the margin": "different", "within the margin": "equivalent"}
        return answers.get(self.place, "not known")

    @property
    def resolvable(self) -> float:
        """Margin at which `pairs` pairs call two equal frameworks equivalent with 80% power."""
        freedom = self.pairs - 1
        # Both one-sided tests must pass, so half of the misses lie on either side.
        quantiles = stdtrit(freedom, 0.95) + stdtrit(freedom, 0.5 + POWER / 2)
        return float(quantiles) * self.deviation * math.sqrt(2 / self.pairs)


def calibrate(
    a: Mapping[int, float], b: Mapping[int, float], margin: float, pairs: int, splits: int = SPLITS
) -> Calibration:
    """`a`, `b`: score by seed without and with the planted difference, in the margin's unit.

    A/A pairs different seeds; A/B equal ones, as a comparison of backends does. Raises ValueError
    for fewer than three pairs a comparison or runs of A, or scores that are not finite.
    """
    first = np.array([a[seed] for seed in sorted(a)], np.float64)
    gaps = np.array([b[seed] - a[seed] for seed in sorted(a.keys() & b.keys())], np.float64)
    if pairs < MINIMUM_SEEDS or len(first) < MINIMUM_SEEDS:
        raise ValueError(f"{MINIMUM_SEEDS} pairs a comparison and runs of A are needed at least")
    if not (np.isfinite(first).all() and np.isfinite(gaps).all()):
        raise ValueError("scores must be finite")
    rng = np.random.default_rng(0)
    same = planted = None
    if comparisons := len(first) // (2 * pairs):
        same = _outcome(_pair_up(first, comparisons * pairs, splits, rng), pairs, margin)
    if len(gaps) >= pairs:
        planted = _outcome(rng.permuted(np.tile(gaps, (splits, 1)), axis=1), pairs, margin)
    truth = seed_interval(gaps.tolist())
    return Calibration(
        pairs=pairs,
        margin=margin,
        deviation=float(first.std(ddof=1)),
        same=same,
        planted=planted,
        truth=truth,
        place=place_of(truth, margin),
    )


def place_of(truth: Interval, margin: float) -> Place:
    """Where a 95% interval lies."""
    if truth.low is None or truth.high is None:
        return "unclear"
    if truth.low > margin or truth.high < -margin:
        return "beyond the margin"
    return "within the margin" if -margin < truth.low and truth.high < margin else "unclear"


def verdicts(
    differences: np.ndarray, margin: float, alpha: float = 0.05
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(different, equivalent, off zero) as bool (...), of `differences` float (..., pairs).

    The rules of `harness.statistics.equivalence.verdict`, for many comparisons at once.
    """
    count = differences.shape[-1]
    mean = differences.mean(axis=-1)
    error = differences.std(axis=-1, ddof=1) / math.sqrt(count)
    wide = float(stdtrit(count - 1, 1 - alpha / 2)) * error
    narrow = float(stdtrit(count - 1, 1 - alpha)) * error
    equivalent = np.abs(mean) + narrow < margin
    different = ~equivalent & (np.abs(mean) - wide > margin)
    return different, equivalent, np.abs(mean) > wide


def variance_ratio(between: Sequence[float], single: Sequence[float]) -> Interval:
    """Variance of paired differences between frameworks over that of differences within one.

    `between`: one difference a seed. `single`: scores of one backend's runs with *other* seeds; two
    such runs differ with twice their variance. The interval is that of the ratio of two variances
    of normal numbers (F); below 1: the same start and plan make paired runs more alike.
    """
    if min(len(between), len(single)) < MINIMUM_SEEDS:
        return Interval(None)
    within = 2 * float(np.var(single, ddof=1))
    if within == 0:
        return Interval(None)
    ratio = float(np.var(between, ddof=1)) / within
    freedom = (len(between) - 1, len(single) - 1)
    low, high = (ratio / float(fdtri(*freedom, q)) for q in (0.975, 0.025))
    return Interval.of(ratio, low, high)


def _pair_up(scores: np.ndarray, pairs: int, splits: int, rng: np.random.Generator) -> np.ndarray:
    """(splits, pairs) differences of runs, each of which is in one pair at most."""
    order = rng.permuted(np.tile(np.arange(len(scores)), (splits, 1)), axis=1)[:, : 2 * pairs]
    return scores[order[:, :pairs]] - scores[order[:, pairs:]]


def _outcome(differences: np.ndarray, pairs: int, margin: float) -> Outcome:
    """`differences` (splits, at least `pairs`): each row is cut into disjoint comparisons."""
    comparisons = differences.shape[1] // pairs
    cut = differences[:, : comparisons * pairs].reshape(len(differences), comparisons, pairs)
    shares = [float(called.mean()) for called in verdicts(cut, margin)]
    # Exact binomial bounds; `share` times `comparisons` need not be whole.
    return Outcome(
        *(Rate(s, *clopper_pearson(s * comparisons, comparisons), comparisons) for s in shares)
    )
