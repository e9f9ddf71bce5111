"""Images: decoded and resized into the cache, and opened there."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.measure import Benchmark, Work
from benchmarks.sizes import Sizes
from harness.data import ImageFile, Manifest, load_images
from harness.data.cache import cache_folder

SPLIT = "trainA"
SIDE = 286  # px, the loading size of images that are cropped to 256


def benchmarks(sizes: Sizes) -> list[Benchmark]:
    files, side = sizes.files, sizes.file_side
    size = f"{files} JPEG files, {side} to {SIDE} px"
    return [
        Benchmark("cache: filled", size, files, "image", partial(_filled, files, side)),
        Benchmark("cache: opened", size, files, "image", partial(_opened, files, side)),
    ]


def photographs(count: int, side: int, seed: int = 0) -> np.ndarray:
    """uint8 (count, side, side, 3): smooth, with some noise, so that they compress like any."""
    draw = np.random.default_rng(seed)
    coarse = draw.integers(256, size=(count, 6, 6, 3), dtype=np.uint8)
    size = (side, side)
    smooth = [Image.fromarray(each).resize(size, Image.Resampling.BICUBIC) for each in coarse]
    noisy = np.stack([np.asarray(each) for each in smooth]) + draw.normal(0, 6, (side, side, 1))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def _manifest(count: int, side: int, folder: Path) -> Manifest:
    (folder / SPLIT).mkdir()
    files = []
    for number in range(count):
        path = folder / SPLIT / f"{number:05d}.jpg"
        Image.fromarray(photographs(1, side, number)[0]).save(path, quality=90)
        files.append(ImageFile(path.name, hashlib.sha256(path.read_bytes()).hexdigest()))
    return Manifest("benchmark", {SPLIT: tuple(files)}, folder)


def _filled(count: int, side: int, folder: Path) -> Work:
    manifest = _manifest(count, side, folder)

    def fill() -> None:
        for kept in (cache_folder() / "images").glob("*.npy"):
            kept.unlink()
        load_images(manifest, SPLIT, SIDE)

    return fill


def _opened(count: int, side: int, folder: Path) -> Work:
    manifest = _manifest(count, side, folder)
    load_images(manifest, SPLIT, SIDE)
    return partial(load_images, manifest, SPLIT, SIDE)
