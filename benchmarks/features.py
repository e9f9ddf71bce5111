"""Features of images, in the process that computes them."""

from __future__ import annotations

import itertools
from functools import partial
from pathlib import Path

from benchmarks.cache import photographs
from benchmarks.measure import Benchmark, Work
from benchmarks.sizes import Sizes
from harness.metrics.extractors import EFFICIENTNET
from harness.metrics.features import features


def benchmarks(sizes: Sizes) -> list[Benchmark]:
    """With the start of the process: the time of one image is nothing else."""
    return [
        Benchmark(
            "features: EfficientNet-Lite0",
            f"{count} image{'s' if count > 1 else ''}, 64 px",
            count,
            "image",
            partial(_extracted, count),
        )
        for count in sizes.extracted_images
    ]


def _extracted(count: int, folder: Path) -> Work:
    images, caches = photographs(count, 64), itertools.count()

    def extract() -> None:
        cache = folder / str(next(caches))  # a new one, where nothing is found
        features({"images": images}, EFFICIENTNET, cache, lambda *_: None)

    return extract
