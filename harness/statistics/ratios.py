"""The ratio of two paired means (Fieller 1954). No logarithms: a score may be near zero."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.statistics.intervals import CONFIDENCE, MINIMUM_SEEDS, Interval, t_quantile


def ratio_of_means(
    first: Sequence[float], second: Sequence[float], confidence: float = CONFIDENCE
) -> Interval:
    """Mean of `second` over mean of `first`, a number a seed each, paired, with Fieller's interval.

    It holds every rho for which a t test of the mean of second - rho * first does not reject. That
    is an interval only where the mean of `first` is surely above zero, at the same confidence;
    elsewhere, and below three seeds, there are no bounds. No value where that mean is not positive.
    """
    x, y = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if not len(x) or x.mean() <= 0:
        return Interval(None)
    value = float(y.mean() / x.mean())
    if len(x) < MINIMUM_SEEDS:
        return Interval.of(value)
    factor = t_quantile(len(x) - 1, confidence) ** 2 / len(x)
    (xx, xy), (_, yy) = np.cov(x, y, ddof=1)
    # Roots in rho of (y - rho x)^2 = factor * variance of (second - rho first).
    square = float(x.mean() ** 2 - factor * xx)
    middle = float(x.mean() * y.mean() - factor * xy)
    constant = float(y.mean() ** 2 - factor * yy)
    if square <= 0:
        return Interval.of(value)
    half = math.sqrt(max(0.0, middle**2 - square * constant))
    return Interval.of(value, (middle - half) / square, (middle + half) / square)
