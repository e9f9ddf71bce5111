"""Kernel Inception Distance (Binkowski et al., arXiv:1801.01401) on any features.

The full unbiased U-statistic of the squared maximum mean discrepancy with the cubic polynomial
kernel (x.y / d + 1)^3. Without random subsets: their spread is often mistaken for an error bar.
"""

from __future__ import annotations

import math

import numpy as np

from harness.statistics.intervals import LeftOut, Replicates, blocks_of


def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Cubic polynomial kernel, float64 (n, m), of features `x` (n, d) and `y` (m, d)."""
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(f"two feature matrices of one width needed: {x.shape}, {y.shape}")
    return (x.astype(np.float64) @ y.astype(np.float64).T / x.shape[1] + 1.0) ** 3


def kid(x: np.ndarray, y: np.ndarray) -> float:
    """Unbiased KID of feature sets (n, d) and (m, d); may be below zero. NaN below two rows."""
    return kid_replicates(x, y).value


def kid_replicates(x: np.ndarray, y: np.ndarray) -> Replicates:
    """KID, and without each block of rows of `x`, then of `y` (see `jackknife`).

    Leaving a block out only takes away that block's sums of kernels, so all replicates together
    cost one pass.
    """
    xx, yy, xy = kernel(x, x), kernel(y, y), kernel(x, y)
    within_x, within_y = _mean_within(xx), _mean_within(yy)
    value = within_x + within_y - 2.0 * (float(xy.mean()) if xy.size else math.nan)
    return Replicates(value, (_left_out(xx, xy, within_y), _left_out(yy, xy.T, within_x)))


def _left_out(own: np.ndarray, cross: np.ndarray, within_other: float) -> LeftOut:
    """KID without each block of the rows of `own` (n, n) and `cross` (n, m)."""
    blocks = blocks_of(len(own))
    within, across = own.sum() - np.trace(own), cross.sum()
    values = []
    for block in blocks:
        inner = own[np.ix_(block, block)]
        # Off-diagonal terms that touch the block: its rows and columns, counted once.
        touching = 2.0 * own[block].sum() - inner.sum() - np.trace(inner)
        left = len(own) - len(block)
        if left < 2 or not cross.size:
            values.append(math.nan)
            continue
        mean_within = (within - touching) / (left * (left - 1))
        mean_across = (across - cross[block].sum()) / (left * cross.shape[1])
        values.append(mean_within + within_other - 2.0 * mean_across)
    return LeftOut(np.array(values, np.float64), np.array([len(block) for block in blocks], int))


def _mean_within(kernels: np.ndarray) -> float:
    """Mean off the diagonal: an image is never compared with itself."""
    count = len(kernels)
    if count < 2:
        return math.nan
    return float(kernels.sum() - np.trace(kernels)) / (count * (count - 1))
