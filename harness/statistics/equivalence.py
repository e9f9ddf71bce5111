"""Verdicts: equivalent, different, or cannot tell yet (docs/evaluation.md)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from harness.statistics.intervals import MINIMUM_SEEDS, t_quantile


@dataclass(frozen=True)
class Verdict:
    """`reason`: a sentence for the report."""

    label: str  # "equivalent", "different" or "cannot tell yet"
    further_seeds: int | None  # None: settled, or more than MAXIMUM_SEEDS would be needed
    reason: str


MAXIMUM_SEEDS = 200
POWER = 0.8


def verdict(differences: Sequence[float], margin: float, alpha: float = 0.05) -> Verdict:
    """Two one-sided t tests of a difference between backends against a margin fixed beforehand.

    `differences`: one number a seed, first minus second, in the unit of `margin`. "equivalent" if
    the 1 - 2 * alpha interval of their mean is wholly within +-margin (Schuirmann 1987), even where
    it leaves out zero. "different" if the 1 - alpha interval, the one that reports show, is wholly
    beyond it. Else "cannot tell yet", with about how many further seeds would settle it with 80%
    power if mean and variance stay as they are. Below three seeds there is no claim
    (docs/evaluation.md). Raises ValueError for a margin not positive or numbers not finite.
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
        half = t_quantile(count - 1, level) * error
        low, high = mean - half, mean + half
        return low, high, f"{level:.0%} interval {low:.4g} to {high:.4g}, {_seeds(count)}"

    low, high, interval = span(1 - 2 * alpha)
    if -margin < low and high < margin:
        return Verdict("equivalent", None, f"{interval}: within the margin of +-{margin:.4g}")
    low, high, interval = span(1 - alpha)
    if low > margin or high < -margin:
        return Verdict("different", None, f"{interval}: beyond the margin of +-{margin:.4g}")
    tail = alpha if abs(mean) < margin else alpha / 2
    further = _further_seeds(abs(abs(mean) - margin), deviation, count, tail)
    needed = (
        f"about {further} more needed"
        if further
        else f"too close to the margin for {MAXIMUM_SEEDS} seeds to settle"
    )
    zero = "not zero, but " if low > 0 or high < 0 else ""
    return Verdict(
        "cannot tell yet",
        further,
        f"{interval}: {zero}reaches the margin of +-{margin:.4g}; {needed}",
    )


def _further_seeds(gap: float, deviation: float, count: int, tail: float) -> int | None:
    totals = np.arange(count + 1, MAXIMUM_SEEDS + 1)
    quantiles = stdtrit(totals - 1, 1 - tail) + stdtrit(totals - 1, POWER)
    enough = totals[quantiles * deviation / np.sqrt(totals) < gap]
    return int(enough[0]) - count if len(enough) else None


def _seeds(count: int) -> str:
    return f"{count} seed" if count == 1 else f"{count} seeds"
