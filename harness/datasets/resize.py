"""Two ways to resize an image; which one a training sees is an option, `data.resize`."""

from __future__ import annotations

from typing import Literal

import numpy as np
import PIL
from PIL import Image

Resize = Literal["bicubic", "bilinear_aliased"]


def resize(image: Image.Image, size: int, method: Resize) -> np.ndarray:
    """An RGB image at uint8 (size, size, 3); the aspect ratio is not kept.

    `bicubic`: with antialias, as the authors' `Resize([size, size], BICUBIC)` of a PIL image.
    """
    if method == "bicubic":
        return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))
    return bilinear_aliased(np.asarray(image), size)


def recipe(method: Resize) -> str:
    """All that decides the pixels besides the file, for cache keys: another recipe, other ones."""
    if method == "bicubic":
        return f"rgb bicubic-antialias pillow {PIL.__version__}"
    return f"rgb bilinear-aliased pillow {PIL.__version__}"  # which still decodes the file


def bilinear_aliased(pixels: np.ndarray, size: int) -> np.ndarray:
    """uint8 (H, W, C) to (size, size, C), as `tf.image.resize` does by default.

    Half-pixel centres, edges repeated, no antialias: a pixel of a smaller image is made of at most
    four of a larger one. In integers up to the last division, so exact, then rounded half to even;
    TensorFlow leaves float32, which is rounded nowhere.
    """
    height, width = pixels.shape[:2]
    top, bottom, down = _neighbours(height, size)
    left, right, across = _neighbours(width, size)
    whole = 2 * size  # what both weights of a pair of neighbours add up to
    wide = pixels.astype(np.int64)
    down, across = down[:, None, None], across[:, None]
    rows = wide[top] * (whole - down) + wide[bottom] * down
    cells = rows[:, left] * (whole - across) + rows[:, right] * across
    # A weighted mean of bytes is within 0 to 255: there is nothing to clip.
    return np.rint(cells / whole**2).astype(np.uint8)


def _neighbours(before: int, after: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each of `after` pixels: the two of `before` beside it, the second's weight * 2 * after.

    The centre of pixel x lies at (x + 1/2) * before / after - 1/2, on the first or last pixel
    where that is beyond it.
    """
    centre = (2 * np.arange(after) + 1) * before - after  # times 2 * after
    first, weight = np.divmod(np.clip(centre, 0, 2 * after * (before - 1)), 2 * after)
    return first, np.minimum(first + 1, before - 1), weight
