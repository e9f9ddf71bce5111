"""Intervals (docs/evaluation.md); `make calibrate` shows how often they cover the truth.

Three sources of error, three intervals, never mixed:

- *other test images*, one trained model: the grouped jackknife (`jackknife`);
- *other seeds*: a t interval over one number a seed (`seed_interval`), the main error bar;
- *other moments on the same machine*: ordered pairs of timed blocks (`ratio_interval`), and where
  processes are started several times, one ratio a start (`over_starts`).

A number that cannot be computed (too few images, seeds or blocks) is None, null in JSON.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtrit

BLOCKS = 20
CONFIDENCE = 0.95
ROUNDING = 1e-12  # of a value: smaller errors are those of its sum
MINIMUM_SEEDS = 3
# With five pairs even the whole range of the ratios misses the median too often: 2 * 0.5**5 > 5%.
MINIMUM_PAIRS = 6
# Starts end once the interval is narrow; with fewer than these it is too often so by chance.
LEAST_STARTS = 6


@dataclass(frozen=True)
class Interval:
    """A value and the bounds of its 95% interval, in the value's unit; None where unknown."""

    value: float | None
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, value: float, low: float = math.nan, high: float = math.nan) -> Interval:
        """From floats; NaN or infinity means "cannot be computed"."""
        if not math.isfinite(value):
            return cls(None)
        if not (math.isfinite(low) and math.isfinite(high)):
            return cls(float(value))
        return cls(float(value), float(low), float(high))

    def exp(self) -> Interval:
        """The interval of a ratio, from that of its logarithm."""
        parts = (self.value, self.low, self.high)
        return Interval.of(*(math.nan if part is None else math.exp(part) for part in parts))


def joint_confidence(intervals: int) -> float:
    """Of each of so many intervals that hold together at 95 % (Bonferroni)."""
    return 1 - (1 - CONFIDENCE) / max(1, intervals)


def t_quantile(freedom: float, confidence: float = CONFIDENCE) -> float:
    """Half the width of a t interval, in standard errors."""
    return float(stdtrit(freedom, 0.5 + confidence / 2))


def t_interval(
    value: float, error: float, freedom: float, confidence: float = CONFIDENCE
) -> Interval:
    """`error`: standard error of `value`, with `freedom` degrees of freedom."""
    half = t_quantile(freedom, confidence) * error
    return Interval.of(value, value - half, value + half)


def interval_of_sum(
    value: float, variances: np.ndarray, freedoms: np.ndarray, confidence: float = CONFIDENCE
) -> Interval:
    """t interval of a sum or difference of independent estimates: their variances add up.

    `variances`, `freedoms`: of each estimate. Degrees of freedom by Satterthwaite.
    """
    total = float(variances.sum())
    if not (len(variances) and math.isfinite(total)):
        return Interval.of(value)
    if total == 0.0:
        return Interval.of(value, value, value)
    freedom = total**2 / float((variances**2 / freedoms).sum())
    return t_interval(value, math.sqrt(total), freedom, confidence)


@dataclass(frozen=True)
class LeftOut:
    """One sample's part of a grouped jackknife: the statistic without each block in turn."""

    values: np.ndarray  # float64 (blocks,)
    sizes: np.ndarray  # int (blocks,), images in each block


@dataclass(frozen=True)
class Replicates:
    """A statistic and its leave-block-out values, one `LeftOut` for each independent sample.

    The replicates of two models that were scored on the same images, subtracted, are those of the
    paired difference. `bounds`: the least and the largest score of an image, where the statistic is
    a share or a difference of shares.
    """

    value: float
    sides: tuple[LeftOut, ...]
    bounds: tuple[float, float] | None = None

    def __sub__(self, other: Replicates) -> Replicates:
        """Raises ValueError unless both leave out the same blocks."""
        pairs = list(zip(self.sides, other.sides, strict=False))
        alike = all(np.array_equal(mine.sizes, its.sizes) for mine, its in pairs)
        if len(self.sides) != len(other.sides) or not alike:
            raise ValueError("a paired difference needs both models scored on the same test images")
        sides = tuple(LeftOut(mine.values - its.values, mine.sizes) for mine, its in pairs)
        bounds = None
        if self.bounds and other.bounds:
            bounds = (self.bounds[0] - other.bounds[1], self.bounds[1] - other.bounds[0])
        return Replicates(self.value - other.value, sides, bounds)


def blocks_of(count: int) -> list[np.ndarray]:
    """Indices 0..count-1 in contiguous blocks whose sizes differ by at most one.

    Contiguous, since neighbours in a split are often shots of one scene and so not independent.
    With fewer images than BLOCKS, each is a block.
    """
    return np.array_split(np.arange(count), min(BLOCKS, count)) if count else []


def leave_out(statistic: Callable[[np.ndarray], float], count: int) -> LeftOut:
    """`statistic(indices kept)` without each block of `count` images in turn."""
    everything = np.arange(count)
    blocks = blocks_of(count)
    values = [statistic(np.delete(everything, block)) for block in blocks]
    return LeftOut(np.array(values, np.float64), np.array([len(block) for block in blocks], int))


def mean_replicates(values: np.ndarray) -> Replicates:
    """Replicates of a mean over test images; `values` float (N,)."""
    values = np.asarray(values, np.float64)
    if not len(values):
        return Replicates(math.nan, ())

    def kept_mean(kept: np.ndarray) -> float:
        return float(values[kept].mean()) if len(kept) else math.nan

    return Replicates(float(values.mean()), (leave_out(kept_mean, len(values)),))


def share_replicates(hits: np.ndarray) -> Replicates:
    """Replicates of a share of hits among test images; `hits` bool (N,)."""
    return replace(mean_replicates(hits), bounds=(0.0, 1.0))


def jackknife(replicates: Replicates) -> Interval:
    """Grouped jackknife interval for other test images: value +- t * standard error.

    Variances of independent samples add up (Arvesen 1969); blocks of unequal size are weighted
    (delete-m jackknife: Busing, Meijer & van der Leeden 1999, eq. 9). Bias that falls as 1/N
    cancels in the variance and stays in the value, so the interval of a Frechet distance is about
    its expectation at this N.

    A share near 0 or 1 has too few misses for the blocks to show its error: with 40 images and a
    share of 98% there is none in 45% of samples. Its interval is therefore centred and widened as
    with two more hits and two more misses (Agresti & Coull 1998); that of a difference as if each
    model alone were right once more (Agresti & Caffo 2000, Bonett & Price 2012). The value stays
    as it is.
    """
    if replicates.bounds is not None:
        return _share_interval(replicates, *replicates.bounds)
    variances = np.array([_variance(replicates.value, side) for side in replicates.sides])
    if math.sqrt(variances.sum()) <= ROUNDING * abs(replicates.value):
        # Images that do not differ say nothing of others; that two models are equal they do say.
        return Interval.of(replicates.value) if replicates.value else Interval.of(0.0, 0.0, 0.0)
    freedoms = np.array([len(side.values) - 1 for side in replicates.sides])
    return interval_of_sum(replicates.value, variances, freedoms)


def _share_interval(replicates: Replicates, low: float, high: float) -> Interval:
    """`low`, `high`: 0 and 1 of a share, -1 and 1 of a difference."""
    (side,) = replicates.sides or (LeftOut(np.empty(0), np.empty(0, int)),)
    images, added = int(side.sizes.sum()), 2 / (high - low)
    total = images + 2 * added
    centre = (images * replicates.value + added * (low + high)) / total
    of_blocks = _variance(replicates.value, side) * (images / total) ** 2
    if not math.isfinite(of_blocks):
        return Interval.of(replicates.value)
    variance = of_blocks + added * ((centre - low) ** 2 + (high - centre) ** 2) / total**2
    # Only the variance between the blocks is an estimate.
    freedom = (len(side.values) - 1) * (variance / of_blocks) ** 2 if of_blocks > 0 else math.inf
    half = t_quantile(freedom) * math.sqrt(variance)
    return Interval.of(replicates.value, max(low, centre - half), min(high, centre + half))


def _variance(value: float, side: LeftOut) -> float:
    if len(side.values) < 2:
        return math.nan
    inverse_share = side.sizes.sum() / side.sizes
    pseudo = inverse_share * value - (inverse_share - 1) * side.values
    centre = float((pseudo / inverse_share).sum())
    return float(((pseudo - centre) ** 2 / (inverse_share - 1)).mean())


def seed_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Mean over seeds with a t interval; no bounds below three seeds (docs/evaluation.md)."""
    array = np.asarray(values, np.float64)
    if not len(array):
        return Interval(None)
    mean = float(array.mean())
    if len(array) < MINIMUM_SEEDS:
        return Interval.of(mean)
    error = float(array.std(ddof=1)) / math.sqrt(len(array))
    return t_interval(mean, error, len(array) - 1, confidence)


def ratio_interval(a: np.ndarray, b: np.ndarray, confidence: float = CONFIDENCE) -> Interval:
    """How many times as long `a` takes as `b`: the median of the ratios a[i] / b[i].

    `a`, `b`: float (pairs,), seconds a step of alternating blocks, warm-up left out. The ratio is
    taken pair by pair (docs/evaluation.md): a machine that slows down slows both blocks of a pair,
    which cancels; in a ratio of medians it does not. A single slow block hardly moves the median.
    The interval lies between ordered ratios: whatever the distribution, the median is beyond the
    k-th from one end with the chance that a fair coin falls on one side fewer than k times. Between
    two such pairs of ratios it is interpolated (Hettmansperger & Sheather 1986). A bootstrap can
    only choose ratios, and so covers 87.5% with seven pairs. Fewer than six pairs: no bounds; nor
    where all pairs together do not reach `confidence`.
    Raises ValueError for unpaired, empty or not positive times.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or a.ndim != 1 or not len(a):
        raise ValueError(f"paired block times needed, given shapes {a.shape} and {b.shape}")
    if not (np.all(a > 0) and np.all(b > 0) and np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("block times must be positive and finite")
    ratios = a / b
    value = float(np.median(ratios))
    if len(ratios) < MINIMUM_PAIRS:
        return Interval.of(value)
    from scipy.stats import binom  # takes half a second

    count, ordered = len(ratios), np.sort(ratios)
    coverage = 1 - 2 * binom.cdf(np.arange(count // 2 + 1), count, 0.5)  # k - 1: of the k-th
    if coverage[0] < confidence:
        return Interval.of(value)
    k = int((coverage >= confidence).sum())
    excess = (coverage[k - 1] - confidence) / (coverage[k - 1] - coverage[k])
    inward = min(1.0, max(0.0, (count - k) * excess / (k + (count - 2 * k) * excess)))
    low, high = ((1 - inward) * line[k - 1] + inward * line[k] for line in (ordered, ordered[::-1]))
    return Interval.of(value, float(low), float(high))


def over_starts(ratios: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Geometric mean of one ratio for each start of the processes, with a t interval of its log.

    Two processes of one program differ by a per cent or two for all their life, because of where
    their memory lies: many blocks of one start say nothing about the next.
    """
    return seed_interval(np.log(ratios).tolist(), confidence).exp()


def width(ratio: Interval) -> float:
    """Of an interval, relative to its value; infinite without bounds."""
    if ratio.value is None or ratio.low is None or ratio.high is None:
        return math.inf
    return (ratio.high - ratio.low) / ratio.value


def enough_starts(ratios: Sequence[float], wanted: float, confidence: float = CONFIDENCE) -> bool:
    """Whether `over_starts` is at most `wanted` wide, relative to its value, and not by luck."""
    return len(ratios) >= LEAST_STARTS and width(over_starts(ratios, confidence)) <= wanted


def clopper_pearson(hits: float, trials: int) -> tuple[float, float]:
    """Exact two-sided 95% bounds of a share (Clopper & Pearson 1934); `hits` need not be whole."""
    from scipy.stats import beta  # takes half a second

    tail = (1 - CONFIDENCE) / 2
    low = float(beta.ppf(tail, hits, trials - hits + 1)) if hits > 0 else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, trials - hits)) if hits < trials else 1.0
    return low, high
