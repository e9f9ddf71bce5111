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

from harness.statistics.equivalence import POWER, Margin, decide
from harness.statistics.intervals import (
    MINIMUM_SEEDS,
    Interval,
    clopper_pearson,
    seed_interval,
    t_quantile,
)
from harness.statistics.ratios import ratio_of_means

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
    margin: Margin
    mean: float  # of A over seeds, in the metric's unit
    deviation: float  # standard deviation over seeds of A, in the metric's unit
    same: Outcome | None  # A/A: `different` is a false alarm
    planted: Outcome | None  # A/B: `different` is power, where the truth is beyond the margin
    truth: Interval  # B - A over all common seeds; with a margin of the ratio B / A
    place: Place  # of the planted truth: only beyond the margin is "different" the right answer

    @property
    def right_answer(self) -> str:
        """What a verdict with any number of seeds would come to."""
        answers = {"beyond the margin": "different", "within the margin": "equivalent"}
        return answers.get(self.place, "not known")

    @property
    def margin_in_deviations(self) -> float | None:
        """The margin in standard deviations over seeds; of a ratio, its upper bound's distance."""
        if not self.deviation:
            return None
        value = self.margin.value
        return (value if self.margin.scale == "difference" else (value - 1) * self.mean) / (
            self.deviation
        )

    @property
    def resolvable(self) -> float | None:
        """Margin at which `pairs` pairs call two equal frameworks equivalent with 80% power.

        Of a ratio: about; None where no ratio would do.
        """
        freedom = self.pairs - 1
        # Both one-sided tests must pass, so half of the misses lie on either side.
        quantiles = stdtrit(freedom, 0.95) + stdtrit(freedom, 0.5 + POWER / 2)
        gap = float(quantiles) * self.deviation * math.sqrt(2 / self.pairs)
        if self.margin.scale == "difference":
            return gap
        # The lower bound, 1 / margin, is the nearer one.
        return 1 / (1 - gap / self.mean) if gap < self.mean else None


def calibrate(
    a: Mapping[int, float], b: Mapping[int, float], margin: Margin, pairs: int, splits: int = SPLITS
) -> Calibration:
    """`a`, `b`: score by seed without and with the planted difference.

    A/A pairs different seeds; A/B equal ones, as a comparison of backends does. Raises ValueError
    for fewer than three pairs a comparison or runs of A, or scores that are not finite.
    """
    first = np.array([a[seed] for seed in sorted(a)], np.float64)
    common = sorted(a.keys() & b.keys())
    planted_pairs = np.array([(a[seed], b[seed]) for seed in common], np.float64).reshape(-1, 2)
    if pairs < MINIMUM_SEEDS or len(first) < MINIMUM_SEEDS:
        raise ValueError(f"{MINIMUM_SEEDS} pairs a comparison and runs of A are needed at least")
    if not (np.isfinite(first).all() and np.isfinite(planted_pairs).all()):
        raise ValueError("scores must be finite")
    rng = np.random.default_rng(0)
    same = planted = None
    if comparisons := len(first) // (2 * pairs):
        one, other = _pair_up(first, comparisons * pairs, splits, rng)
        same = _outcome(one, other, pairs, margin)
    if len(common) >= pairs:
        order = rng.permuted(np.tile(np.arange(len(common)), (splits, 1)), axis=1)
        one, other = np.moveaxis(planted_pairs[order], -1, 0)
        planted = _outcome(one, other, pairs, margin)
    if margin.scale == "ratio":
        truth = ratio_of_means(planted_pairs[:, 0].tolist(), planted_pairs[:, 1].tolist())
    else:
        truth = seed_interval((planted_pairs[:, 1] - planted_pairs[:, 0]).tolist())
    return Calibration(
        pairs=pairs,
        margin=margin,
        mean=float(first.mean()),
        deviation=float(first.std(ddof=1)),
        same=same,
        planted=planted,
        truth=truth,
        place=place_of(truth, margin),
    )


def place_of(truth: Interval, margin: Margin) -> Place:
    """Where a 95% interval lies: of the difference, or of the ratio."""
    if truth.low is None or truth.high is None:
        return "unclear"
    least = -margin.value if margin.scale == "difference" else 1 / margin.value
    if truth.low > margin.value or truth.high < least:
        return "beyond the margin"
    inside = least < truth.low and truth.high < margin.value
    return "within the margin" if inside else "unclear"


def verdicts(
    first: np.ndarray, second: np.ndarray, margin: Margin, alpha: float = 0.05
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(different, equivalent, off zero) as bool (...), of scores float (..., pairs).

    The rules of `harness.statistics.equivalence.judge`, for many comparisons at once.
    """
    equivalent, different = decide(first, second, margin, alpha, alpha / 2)
    gaps = first - second
    error = gaps.std(axis=-1, ddof=1) / math.sqrt(gaps.shape[-1])
    off_zero = np.abs(gaps.mean(axis=-1)) > t_quantile(gaps.shape[-1] - 1, 1 - alpha) * error
    return different, equivalent, off_zero


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


def _pair_up(
    scores: np.ndarray, pairs: int, splits: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Two sides, (splits, pairs) each, of runs that are in one pair at most."""
    order = rng.permuted(np.tile(np.arange(len(scores)), (splits, 1)), axis=1)[:, : 2 * pairs]
    return scores[order[:, :pairs]], scores[order[:, pairs:]]


def _outcome(first: np.ndarray, second: np.ndarray, pairs: int, margin: Margin) -> Outcome:
    """Both (splits, at least `pairs`): each row is cut into disjoint comparisons."""
    comparisons = first.shape[1] // pairs
    shape = (len(first), comparisons, pairs)
    one, other = (side[:, : comparisons * pairs].reshape(shape) for side in (first, second))
    shares = [float(called.mean()) for called in verdicts(one, other, margin)]
    # Exact binomial bounds; `share` times `comparisons` need not be whole.
    return Outcome(
        *(Rate(s, *clopper_pearson(s * comparisons, comparisons), comparisons) for s in shares)
    )
