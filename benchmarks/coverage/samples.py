"""Synthetic scores of images, scores over seeds and block times whose truth is known."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.special import ndtri

SCENE = 0.7  # share of the variance that two models have in common: their scenes are the same
FAILED = 10.0  # how far off a failed training is, in standard deviations of the others
RATIO = 1.35  # true ratio of step times
Shape = Literal["normal", "skewed", "very skewed", "one in ten fails"]


def scene_noise(rng: np.random.Generator, count: int, run: int = 1) -> np.ndarray:
    """Standard normal numbers (2, count): two models, the same scenes.

    `run` neighbouring images show one scene, as shots of one place do.
    """
    scene = np.repeat(rng.standard_normal(-(-count // run)), run)[:count]
    return np.sqrt(SCENE) * scene + np.sqrt(1 - SCENE) * rng.standard_normal((2, count))


def skewed_scores(noise: np.ndarray, best: float, means: np.ndarray) -> np.ndarray:
    """Scores with the given mean that fall below `best` by a lognormal: skewness -1.75.

    `means`: of each row of `noise`, as a column.
    """
    return best - (best - means) * np.exp(0.5 * noise - 0.125)


def hits(noise: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """bool: whether a judge is right; hard scenes are hard for every model. `shares`: a column."""
    return noise < ndtri(shares)


def energies(noise: np.ndarray, medians: np.ndarray) -> np.ndarray:
    """Lognormal energies, as skewed as those of photographs. `medians`: a column."""
    return medians * np.exp(noise)


def seed_scores(rng: np.random.Generator, shape: Shape, count: int) -> np.ndarray:
    """Scores (count,) of one backend over seeds, with mean 0 and standard deviation about 1.

    "skewed": skewness 1. "very skewed": skewness 2, an exponential. "one in ten fails": normal, but
    for failed trainings.
    """
    if shape == "normal":
        return rng.standard_normal(count)
    if shape == "skewed":
        return (rng.standard_gamma(4.0, count) - 4.0) / 2.0
    if shape == "very skewed":
        return rng.standard_exponential(count) - 1.0
    return rng.standard_normal(count) + FAILED * ((rng.random(count) < 0.1) - 0.1)


def block_times(
    rng: np.random.Generator, pairs: int, memory: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Seconds a step (pairs,) of blocks of two backends by turns; the first takes RATIO as long.

    The machine's speed wanders by a third, blocks have 2% noise of their own, and in one of twenty
    something else runs: it takes twice as long, on average. `memory`: correlation of a block's
    noise with that of the block before by the same backend.
    """
    speed = np.exp(0.3 * np.cumsum(rng.standard_normal(pairs)) / np.sqrt(pairs))
    noise = rng.standard_normal((2, pairs))
    for i in range(1, pairs):
        noise[:, i] = memory * noise[:, i - 1] + np.sqrt(1 - memory**2) * noise[:, i]
    hiccups = 1 + (rng.random((2, pairs)) < 0.05) * rng.standard_exponential((2, pairs))
    first, second = speed * hiccups * np.exp(0.02 * noise)
    return RATIO * first, second


def start_ratio(rng: np.random.Generator, spread: float) -> float:
    """Ratio of step times in one start of two processes, RATIO but for a lognormal factor."""
    return RATIO * float(np.exp(spread * rng.standard_normal()))
