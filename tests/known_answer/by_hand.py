"""What the harness computes, written down once more in plain NumPy, without its code."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import t as student

Bounds = tuple[float, float, float]  # value, low, high

# ------------------------------------------------------------------------ distances of features


def kid(x: np.ndarray, y: np.ndarray, dimensions: int) -> float:
    """Unbiased squared MMD, kernel (x.y / d + 1)^3, pair by pair."""

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return float((a @ b / dimensions + 1) ** 3)

    n, m = len(x), len(y)
    xx = sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    yy = sum(k(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return xx + yy - 2 * sum(k(a, b) for a in x for b in y) / (n * m)


def frechet(x: np.ndarray, y: np.ndarray) -> float:
    """|mean - mean|^2 + tr(C + D - 2 (C D)^(1/2)), of the eigenvalues of C D."""
    c, d = np.cov(x.T), np.cov(y.T)
    roots = np.sqrt(np.maximum(np.linalg.eigvals(c @ d).real, 0)).sum()
    gap = x.mean(0) - y.mean(0)
    return float(gap @ gap + np.trace(c) + np.trace(d) - 2 * roots)


# ----------------------------------------------------------------------------------- of pixels


def psnr(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """dB, an image each; of equal images as if a single number were off by one."""
    gaps = (one.astype(float) - other) ** 2
    errors = gaps.reshape(len(one), -1).mean(1)
    return 20 * np.log10(255) - 10 * np.log10(np.maximum(errors, 1 / gaps[0].size))


def mae(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.abs(one.astype(float) - other).reshape(len(one), -1).mean(1)


def ssim(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Wang et al. 2004: windows of 7 x 7, sample covariances, mean over channels."""
    first, second = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    view = np.lib.stride_tricks.sliding_window_view
    values = []
    for a, b in zip(one.astype(float), other.astype(float), strict=True):
        x, y = (view(image, (7, 7), axis=(0, 1)).reshape(-1, 49) for image in (a, b))
        mx, my = x.mean(1), y.mean(1)
        xx, yy = x.var(1, ddof=1), y.var(1, ddof=1)
        xy = ((x - mx[:, None]) * (y - my[:, None])).sum(1) / 48
        top = (2 * mx * my + first) * (2 * xy + second)
        values.append((top / ((mx**2 + my**2 + first) * (xx + yy + second))).mean())
    return np.array(values)


def recoloured(images: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Every channel with the mean and the deviation that it has in `like`."""
    out = np.empty(images.shape)
    for channel in range(3):
        own, other = images[..., channel].astype(float), like[..., channel].astype(float)
        out[..., channel] = (own - own.mean()) / own.std() * other.std() + other.mean()
    return np.rint(np.clip(out, 0, 255)).astype(np.uint8)


# ----------------------------------------------------------------------------------- intervals


def without_each(statistic: Callable[..., float], *samples: np.ndarray) -> list[np.ndarray]:
    """`statistic` without each member of each sample: an array a sample."""
    found = []
    for place, sample in enumerate(samples):
        others = list(samples)
        values = []
        for gone in range(len(sample)):
            others[place] = np.delete(sample, gone, axis=0)
            values.append(statistic(*others))
        found.append(np.array(values))
    return found


def jackknife(value: float, left_out: Sequence[np.ndarray]) -> Bounds:
    """Of independent samples, each image a block: variances add up, Satterthwaite's freedom.

    NaN where the images do not differ: that says nothing of other images.
    """
    variances, freedoms = [], []
    for values in left_out:
        n = len(values)
        pseudo = n * value - (n - 1) * values
        variances.append(float(pseudo.var(ddof=1) / n))
        freedoms.append(n - 1)
    total = sum(variances)
    if total <= (1e-12 * value) ** 2:
        return (value, math.nan, math.nan) if value else (0.0, 0.0, 0.0)
    freedom = total**2 / sum(v**2 / f for v, f in zip(variances, freedoms, strict=True))
    half = float(student.ppf(0.975, freedom)) * math.sqrt(total)
    return value, value - half, value + half


def mean_interval(values: Sequence[float]) -> Bounds:
    """t interval over seeds."""
    array, n = np.array(values), len(values)
    half = float(student.ppf(0.975, n - 1)) * float(array.std(ddof=1)) / math.sqrt(n)
    return float(array.mean()), float(array.mean()) - half, float(array.mean()) + half


def ratio_interval(first: Sequence[float], second: Sequence[float]) -> Bounds:
    """Mean of `second` over that of `first`: every rho that a paired t test does not reject."""
    x, y, n = np.array(first), np.array(second), len(first)
    value, quantile = float(y.mean() / x.mean()), float(student.ppf(0.975, n - 1))

    def rejected(rho: float) -> bool:
        gaps = y - rho * x
        return abs(gaps.mean()) > quantile * gaps.std(ddof=1) / math.sqrt(n)

    ends = []
    for direction in (-1, 1):
        near, far = value, value + direction
        while not rejected(far):
            far += direction * abs(far - value)
            if abs(far) > 1e6:
                return value, math.nan, math.nan
        for _ in range(200):
            middle = (near + far) / 2
            near, far = (near, middle) if rejected(middle) else (middle, far)
        ends.append(near)
    return value, ends[0], ends[1]


# ---------------------------------------------------------------------------------- agreement


def same(found: float | None, wanted: float, what: object, tolerance: float = 1e-6) -> None:
    """`what`: for the message."""
    assert found is not None, f"{what}: nothing, not {wanted}"
    assert abs(found - wanted) <= tolerance * max(1.0, abs(wanted)), (
        f"{what}: {found}, not {wanted}"
    )


def same_interval(found: dict, wanted: Bounds, what: object, tolerance: float = 1e-6) -> None:
    for name, number in zip(("value", "low", "high"), wanted, strict=True):
        if math.isnan(number):
            assert found[name] is None, f"{what}, {name}: {found[name]}, not nothing"
        else:
            same(found[name], number, f"{what}, {name}", tolerance)
