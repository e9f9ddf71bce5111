"""Intervals that are in use elsewhere, and that reports do not print; the rows show why.

`value` is always the estimate itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from harness.metrics.frechet import frechet_distance
from harness.metrics.kid import kernel
from harness.statistics.intervals import (
    CONFIDENCE,
    Interval,
    Replicates,
    jackknife,
    t_interval,
)

TAILS = (0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2)
SIZES = 15  # of the extrapolation, as Chong & Forsyth have it
SUBSETS = 100  # as torch-fidelity and torchmetrics have it
DRAWS = 1000  # of bootstraps that are cheap


def unpaired(first: Replicates, second: Replicates) -> Interval:
    """Difference of two models' scores as if each had test images of its own."""
    return jackknife(Replicates(first.value - second.value, first.sides + second.sides))


def bootstrap_kid(
    x: np.ndarray, y: np.ndarray, rng: np.random.Generator, draws: int = 400
) -> Interval:
    """Percentile bootstrap over images: features (n, d) and (m, d) are drawn with replacement."""
    kernels = kernel(x, x), kernel(y, y), kernel(x, y)
    times_x, times_y = (
        rng.multinomial(count, np.full(count, 1 / count), draws).astype(np.float64)
        for count in (len(x), len(y))
    )
    drawn = _kid_of_copies(*kernels, times_x, times_y)
    value = _kid_of_copies(*kernels, np.ones((1, len(x))), np.ones((1, len(y))))
    return Interval.of(float(value[0]), *np.quantile(drawn, TAILS))


def _kid_of_copies(
    xx: np.ndarray, yy: np.ndarray, xy: np.ndarray, times_x: np.ndarray, times_y: np.ndarray
) -> np.ndarray:
    """KID (draws,) where image i is there times_x[draw, i] times; copies count as images."""

    def within(kernels: np.ndarray, times: np.ndarray) -> np.ndarray:
        total = np.einsum("di,di->d", times @ kernels, times)
        count = len(kernels)
        return (total - times @ np.diag(kernels)) / (count * (count - 1))

    across = np.einsum("di,di->d", times_x @ xy, times_y) / xy.size
    return within(xx, times_x) + within(yy, times_y) - 2 * across


def subset_kid(x: np.ndarray, y: np.ndarray, rng: np.random.Generator, size: int) -> Interval:
    """Mean +- 1.96 standard deviations of KID over random subsets of `size`, as libraries print."""
    xx, yy, xy = kernel(x, x), kernel(y, y), kernel(x, y)
    values = []
    for _ in range(SUBSETS):
        i, j = (rng.permutation(len(features))[:size] for features in (x, y))
        once = np.ones((1, size))
        values += list(
            _kid_of_copies(xx[np.ix_(i, i)], yy[np.ix_(j, j)], xy[np.ix_(i, j)], once, once)
        )
    mean, half = float(np.mean(values)), 1.96 * float(np.std(values))
    return Interval.of(mean, mean - half, mean + half)


def bootstrap_frechet(
    x: np.ndarray, y: np.ndarray, rng: np.random.Generator, draws: int = 100
) -> Interval:
    """Percentile bootstrap over images of features (n, d) and (m, d)."""
    x, y = _in_their_span(x, y)
    n, m = len(x), len(y)
    drawn = [
        frechet_distance(x[rng.integers(n, size=n)], y[rng.integers(m, size=m)])
        for _ in range(draws)
    ]
    return Interval.of(frechet_distance(x, y), *np.quantile(drawn, TAILS))


def extrapolated_frechet(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Interval:
    """FID-infinity (arXiv:1911.07023): a line through distances at fewer images, at 1/N = 0.

    The interval is that of the line's intercept.
    """
    x, y = _in_their_span(x, y)
    count = min(len(x), len(y))
    sizes = np.linspace(count // 2, count, SIZES).astype(int)
    values = [
        frechet_distance(x[rng.permutation(len(x))[:size]], y[rng.permutation(len(y))[:size]])
        for size in sizes
    ]
    from scipy.stats import linregress  # takes half a second, of every process

    line = linregress(1 / sizes, values)
    return t_interval(line.intercept, line.intercept_stderr, SIZES - 2)


def _in_their_span(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates in the n + m directions the rows span: distances stay, at a tenth of the cost."""
    rows = np.concatenate([x, y]).astype(np.float64)
    coordinates = np.asarray(np.linalg.qr(rows.T, "r")).T
    return coordinates[: len(x)], coordinates[len(x) :]


def student(values: np.ndarray) -> Interval:
    """t interval of the mean of independent values (n,), however few."""
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    return t_interval(float(values.mean()), error, len(values) - 1)


def bootstrap(
    statistic: Callable[..., np.ndarray], values: np.ndarray, rng: np.random.Generator
) -> Interval:
    """Percentile bootstrap of np.mean or np.median of values (n,)."""
    drawn = values[rng.integers(len(values), size=(DRAWS, len(values)))]
    return Interval.of(float(statistic(values)), *np.quantile(statistic(drawn, axis=1), TAILS))


def ratio_of_means(a: np.ndarray, b: np.ndarray, rng: np.random.Generator) -> Interval:
    """Mean time over mean time, percentile bootstrap over pairs of blocks (pairs,)."""
    drawn = rng.integers(len(a), size=(DRAWS, len(a)))
    ratios = a[drawn].mean(axis=1) / b[drawn].mean(axis=1)
    return Interval.of(float(a.mean() / b.mean()), *np.quantile(ratios, TAILS))
