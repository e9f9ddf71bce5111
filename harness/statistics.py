"""Intervals and verdicts (EVALUATION.md, rules 4 and 5).

Three sources of error, three intervals, never mixed:

- *other test images*, one trained model: the grouped jackknife (`jackknife`);
- *other seeds*: a t interval over one number a seed (`seed_interval`), the main error bar;
- *other moments on the same machine*: a bootstrap over pairs of timed blocks (`ratio_interval`).

A number that cannot be had (too few images, seeds or blocks) is None, null in JSON: never a guess.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

BLOCKS = 20
CONFIDENCE = 0.95
MINIMUM_SEEDS = 3
# With five pairs even the whole range of the ratios misses the median too often: 2 * 0.5**5 > 5%.
MINIMUM_PAIRS = 6


@dataclass(frozen=True)
class Interval:
    """A value and the bounds of its 95% interval, in the value's unit; None where unknown."""

    value: float | None
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, value: float, low: float = math.nan, high: float = math.nan) -> Interval:
        """From floats in which NaN or infinity says "cannot be computed"."""
        if not math.isfinite(value):
            return cls(None)
        if not (math.isfinite(low) and math.isfinite(high)):
            return cls(float(value))
        return cls(float(value), float(low), float(high))


@dataclass(frozen=True)
class LeftOut:
    """One sample's part of a grouped jackknife: the statistic without each block in turn."""

    values: np.ndarray  # float64 (blocks,)
    sizes: np.ndarray  # int (blocks,), images in each block


@dataclass(frozen=True)
class Replicates:
    """A statistic and its leave-block-out values, one `LeftOut` for each independent sample.

    Subtracting the replicates of two models that were scored on the same images gives the
    replicates of the difference: that is all the pairing there is.
    """

    value: float
    sides: tuple[LeftOut, ...]

    def __sub__(self, other: Replicates) -> Replicates:
        """Raises ValueError unless both leave out the same blocks."""
        same = len(self.sides) == len(other.sides) and all(
            np.array_equal(mine.sizes, its.sizes)
            for mine, its in zip(self.sides, other.sides, strict=True)
        )
        if not same:
            raise ValueError("a paired difference needs both models scored on the same test images")
        sides = tuple(
            LeftOut(mine.values - its.values, mine.sizes)
            for mine, its in zip(self.sides, other.sides, strict=True)
        )
        return Replicates(self.value - other.value, sides)


def blocks_of(count: int, blocks: int = BLOCKS) -> list[np.ndarray]:
    """Indices 0..count-1 in contiguous blocks, sizes within one; one image a block below `blocks`.

    Contiguous, since neighbours in a split are often shots of one scene and so not independent.
    """
    return np.array_split(np.arange(count), min(blocks, count)) if count else []


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


def jackknife(replicates: Replicates, confidence: float = CONFIDENCE) -> Interval:
    """Grouped jackknife interval for other test images: value +- t * standard error.

    Variances of independent samples add up (Arvesen 1969); blocks of unequal size are weighted
    (delete-m jackknife: Busing, Meijer & van der Leeden 1999, eq. 9); degrees of freedom by
    Satterthwaite. Bias that falls as 1/N cancels in the variance and stays in the value, so the
    interval of a Frechet distance is about its expectation at this N.
    """
    variances = np.array([_variance(replicates.value, side) for side in replicates.sides])
    freedoms = np.array([len(side.values) - 1 for side in replicates.sides])
    total = float(variances.sum())
    if not (len(variances) and math.isfinite(total)):
        return Interval.of(replicates.value)
    if total == 0.0:
        return Interval.of(replicates.value, replicates.value, replicates.value)
    freedom = total**2 / float((variances**2 / freedoms).sum())
    half = float(stats.t.ppf(0.5 + confidence / 2, freedom)) * math.sqrt(total)
    return Interval.of(replicates.value, replicates.value - half, replicates.value + half)


def _variance(value: float, side: LeftOut) -> float:
    if len(side.values) < 2:
        return math.nan
    inverse_share = side.sizes.sum() / side.sizes
    pseudo = inverse_share * value - (inverse_share - 1) * side.values
    centre = float((pseudo / inverse_share).sum())
    return float(((pseudo - centre) ** 2 / (inverse_share - 1)).mean())


def seed_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Mean over seeds with a t interval; no bounds below three seeds (EVALUATION.md rule 4)."""
    array = np.asarray(values, np.float64)
    if not len(array):
        return Interval(None)
    mean = float(array.mean())
    if len(array) < MINIMUM_SEEDS:
        return Interval.of(mean)
    error = float(array.std(ddof=1)) / math.sqrt(len(array))
    half = float(stats.t.ppf(0.5 + confidence / 2, len(array) - 1)) * error
    return Interval.of(mean, mean - half, mean + half)


def ratio_interval(
    a: np.ndarray, b: np.ndarray, seed: int = 0, confidence: float = CONFIDENCE
) -> Interval:
    """How many times as long `a` takes as `b`: the median of the ratios a[i] / b[i].

    `a`, `b`: float (pairs,), seconds a step of alternating blocks, warm-up left out. The ratio is
    taken pair by pair (DESIGN.md, Timing): a machine that slows down slows both blocks of a pair
    and cancels, which it does not in a ratio of medians; the median shrugs off a single hiccup. The
    interval is a percentile bootstrap over pairs. Fewer than six pairs: no bounds. Raises
    ValueError for unpaired, empty or not positive times.
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
    draws = np.random.default_rng(seed).integers(len(ratios), size=(4000, len(ratios)))
    medians = np.median(ratios[draws], axis=1)
    low, high = np.quantile(medians, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return Interval.of(value, float(low), float(high))


@dataclass(frozen=True)
class Verdict:
    """label: "equivalent", "different" or "cannot tell yet"; reason: a sentence for the report."""

    label: str
    further_seeds: int | None  # None: settled, or more than MAXIMUM_SEEDS would be needed
    reason: str


MAXIMUM_SEEDS = 200
POWER = 0.8


def verdict(differences: Sequence[float], margin: float, alpha: float = 0.05) -> Verdict:
    """Two one-sided t tests of a difference between backends against a margin fixed beforehand.

    `differences`: one number a seed, first minus second, in the unit of `margin`. "equivalent" if
    the 1 - 2 * alpha interval of their mean is wholly within +-margin (Schuirmann 1987),
    "different" if the 1 - alpha interval, the one that reports show, is wholly beyond it; else
    "cannot tell yet" with about how many further seeds would settle it with 80% power if mean and
    variance stay as they are. A difference that is surely not zero but smaller than the margin is
    therefore "equivalent". Below three seeds there is no claim (EVALUATION.md rule 4). Raises
    ValueError for a margin not positive or numbers not finite.
    """
    array = np.asarray(differences, np.float64)
    if not (math.isfinite(margin) and margin > 0):
        raise ValueError(f"the margin must be positive, given {margin}")
    if not np.isfinite(array).all():
        raise ValueError(f"differences must be finite, given {array.tolist()}")
    count = len(array)
    if count < MINIMUM_SEEDS:
        missing = MINIMUM_SEEDS - count
        return Verdict(
            "cannot tell yet",
            missing,
            f"{_seeds(count)}: no claim beyond the runs made; at least {missing} more needed",
        )
    mean, deviation = float(array.mean()), float(array.std(ddof=1))
    error = deviation / math.sqrt(count)

    def span(level: float) -> tuple[float, float, str]:
        half = float(stats.t.ppf(0.5 + level / 2, count - 1)) * error
        low, high = mean - half, mean + half
        return low, high, f"{level:.0%} interval {low:.4g} to {high:.4g}, {_seeds(count)}"

    low, high, said = span(1 - 2 * alpha)
    if -margin < low and high < margin:
        return Verdict("equivalent", None, f"{said}: within the margin of +-{margin:.4g}")
    low, high, said = span(1 - alpha)
    if low > margin or high < -margin:
        return Verdict("different", None, f"{said}: beyond the margin of +-{margin:.4g}")
    tail = alpha if abs(mean) < margin else alpha / 2
    further = _further_seeds(abs(abs(mean) - margin), deviation, count, tail)
    needed = (
        f"about {further} more needed"
        if further
        else f"too close to the margin for {MAXIMUM_SEEDS} seeds to settle"
    )
    zero = "not zero, but " if low > 0 or high < 0 else ""
    return Verdict(
        "cannot tell yet", further, f"{said}: {zero}reaches the margin of +-{margin:.4g}; {needed}"
    )


def _further_seeds(gap: float, deviation: float, count: int, tail: float) -> int | None:
    totals = np.arange(count + 1, MAXIMUM_SEEDS + 1)
    quantiles = stats.t.ppf(1 - tail, totals - 1) + stats.t.ppf(POWER, totals - 1)
    enough = totals[quantiles * deviation / np.sqrt(totals) < gap]
    return int(enough[0]) - count if len(enough) else None


def _seeds(count: int) -> str:
    return f"{count} seed" if count == 1 else f"{count} seeds"
