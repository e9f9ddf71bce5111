"""Synthetic features whose truth is known: two models' translations of the same scenes, and reals.

Their scale and shape are those of EfficientNet-Lite0 features of the 309 summer photographs of
summer2winter_yosemite, measured: mean square 0.15, of which the mean's is 0.07; effective rank of
the covariance 38 (`(sum l)^2 / sum l^2`), the k-th eigenvalue about 1/k of the first; half of all
numbers are 0; median skewness 3.7 and excess kurtosis 17 of a feature. So N < d always.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

DIMENSIONS = 1280
LATENT = 200  # of the rectified population: enough for an effective rank of 38
SCENE = 0.7  # share of a translation's variance that its scene decides, alike for both models
MEAN_SQUARE, VARIANCE = 0.07, 0.08  # of the mean, and a feature's around it


@dataclass(frozen=True)
class Draw:
    """Features (N, d) of the translations by two models of the same N scenes, and of N reals."""

    first: np.ndarray
    second: np.ndarray
    real: np.ndarray


@dataclass(frozen=True)
class Normal:
    """Mean and variances (d,) of independent features.

    KID and the Frechet distance do not change when all features are rotated, so that a diagonal
    covariance stands for any with these eigenvalues.
    """

    mean: np.ndarray
    variances: np.ndarray


@dataclass(frozen=True)
class GaussianFeatures:
    """Gaussian features; the KID of both models has a closed form."""

    first: Normal
    second: Normal
    real: Normal

    def draw(self, rng: np.random.Generator, count: int) -> Draw:
        """float32 (count, d) each."""
        width = len(self.real.mean)

        def normal() -> np.ndarray:
            return rng.standard_normal((count, width), np.float32)

        def features(of: Normal, z: np.ndarray) -> np.ndarray:
            return of.mean.astype(np.float32) + np.sqrt(of.variances).astype(np.float32) * z

        scene = np.float32(np.sqrt(SCENE)) * normal()
        own = np.float32(np.sqrt(1 - SCENE))
        first, second = (
            features(model, scene + own * normal()) for model in (self.first, self.second)
        )
        return Draw(first, second, features(self.real, normal()))

    def kids(self) -> tuple[float, float]:
        """Population KID of the first and of the second model."""
        return kid_of_gaussians(self.first, self.real), kid_of_gaussians(self.second, self.real)

    def frechet_distances(self) -> tuple[float, float]:
        """What the Frechet distances of the two models tend to as N grows."""
        gaps = [
            np.sum((one.mean - self.real.mean) ** 2)
            + np.sum((np.sqrt(one.variances) - np.sqrt(self.real.variances)) ** 2)
            for one in (self.first, self.second)
        ]
        return float(gaps[0]), float(gaps[1])


@dataclass(frozen=True)
class RectifiedFeatures:
    """Squares of rectified Gaussians: half zeros, skewed, heavy-tailed, each image its own scale.

    `weights` (latent, d) mix latent numbers, the same for all. Only `biases` differ: one array (d,)
    each for the first model, the second and real images.
    """

    weights: np.ndarray
    biases: tuple[np.ndarray, np.ndarray, np.ndarray]
    scale: float

    def draw(self, rng: np.random.Generator, count: int) -> Draw:
        """float32 (count, d) each."""

        def normal(width: int) -> np.ndarray:
            return rng.standard_normal((count, width), np.float32)

        def features(latent: np.ndarray, bias: np.ndarray) -> np.ndarray:
            image = np.float32(self.scale) * np.exp(np.float32(0.1) * normal(1))
            return image * np.maximum(latent @ self.weights + bias, 0) ** 2

        latent = len(self.weights)
        scene = np.float32(np.sqrt(SCENE)) * normal(latent)
        numbers = [scene + np.float32(np.sqrt(1 - SCENE)) * normal(latent) for _ in range(2)]
        numbers.append(normal(latent))
        return Draw(*map(features, numbers, self.biases))


def kid_of_gaussians(x: Normal, y: Normal) -> float:
    """Squared maximum mean discrepancy with the kernel (x.y / d + 1)^3, in closed form."""

    def mean_kernel(x: Normal, y: Normal) -> float:
        first, second, third = moments_of_product(x, y)
        width = len(x.mean)
        return third / width**3 + 3 * second / width**2 + 3 * first / width + 1

    return mean_kernel(x, x) + mean_kernel(y, y) - 2 * mean_kernel(x, y)


def moments_of_product(x: Normal, y: Normal) -> tuple[float, float, float]:
    """E[x.y], E[(x.y)^2], E[(x.y)^3] of independent Gaussian x and y.

    Given y, x.y is normal with mean m_x.y and variance y'S_x y, hence its third moment is
    E[(m_x.y)^3] + 3 E[(m_x.y) (y'S_x y)]: moments of one Gaussian, y (Isserlis 1918).
    """
    dot = float(x.mean @ y.mean)
    traces = float(x.variances @ y.variances)
    bent_x, bent_y = float(x.mean**2 @ y.variances), float(y.mean**2 @ x.variances)
    across = float((x.mean * y.mean) @ (x.variances * y.variances))
    second = dot**2 + bent_x + bent_y + traces
    third = dot**3 + 3 * dot * (bent_x + bent_y + traces) + 6 * across
    return dot, second, third


@cache
def gaussian_features() -> GaussianFeatures:
    """Models with another mean and less variance than real images; KID about 0.015."""
    rng = np.random.Generator(np.random.Philox(1))
    variances = 1 / np.arange(1, DIMENSIONS + 1)
    variances *= VARIANCE * DIMENSIONS / variances.sum()
    mean = _of_square(rng.normal(size=DIMENSIONS), MEAN_SQUARE)
    directions = rng.normal(size=(2, DIMENSIONS)) * np.sqrt(variances)
    shared, own = (_of_square(direction, 1.0) for direction in directions)
    first, second = (0.9 * shared + 0.44 * sign * own for sign in (1, -1))
    return GaussianFeatures(
        Normal(mean + np.sqrt(0.004) * first, 0.85 * variances),
        Normal(mean + np.sqrt(0.0045) * second, 0.83 * variances),
        Normal(mean, variances),
    )


@cache
def rectified_features() -> RectifiedFeatures:
    """Models that differ from real images in every feature, mostly alike; KID about 0.015."""
    rng = np.random.Generator(np.random.Philox(2))
    spectrum = 1 / np.sqrt(np.arange(1, LATENT + 1))
    weights = rng.normal(size=(LATENT, DIMENSIONS)) * spectrum[:, None]
    weights /= np.sqrt((weights**2).sum(axis=0))
    bias = rng.normal(-0.2, 1.0, DIMENSIONS)
    shared, *own = rng.normal(size=(3, DIMENSIONS))
    first = bias + 0.25 * (0.9 * shared + 0.44 * own[0])
    second = bias + 0.26 * (0.9 * shared + 0.44 * own[1])
    latent = rng.normal(size=(4000, LATENT))
    square = float((np.maximum(latent @ weights + bias, 0) ** 4).mean())
    return RectifiedFeatures(
        weights.astype(np.float32),
        (first.astype(np.float32), second.astype(np.float32), bias.astype(np.float32)),
        float(np.sqrt((MEAN_SQUARE + VARIANCE) / square)),
    )


def _of_square(direction: np.ndarray, square: float) -> np.ndarray:
    """Scaled to a mean square over the features."""
    return direction * np.sqrt(square / np.mean(direction**2))
