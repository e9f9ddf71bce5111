"""Frechet distance and KID with all their replicates, on one thread as scoring does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.measure import Benchmark, Work
from benchmarks.sizes import Sizes
from harness.metrics.frechet import frechet_replicates
from harness.metrics.kid import kid_replicates
from harness.statistics.intervals import Replicates, jackknife

Score = Callable[[np.ndarray, np.ndarray], Replicates]
SCORES: dict[str, Score] = {"Frechet distance": frechet_replicates, "KID": kid_replicates}


def benchmarks(sizes: Sizes) -> list[Benchmark]:
    return [
        Benchmark(
            f"score: {name}, jackknife",
            f"2 x {count} images, {dimensions} features",
            count,
            "image",
            partial(_scored, score, count, dimensions),
        )
        for name, score in SCORES.items()
        for count, dimensions in sizes.feature_sets
    ]


def _scored(score: Score, count: int, dimensions: int, folder: Path) -> Work:
    draw = np.random.default_rng(0)
    # Pooled activations: none below zero, a few large ones.
    x, y = (draw.gamma(0.5, size=(count, dimensions)).astype(np.float32) for _ in range(2))
    return lambda: jackknife(score(x, y))
