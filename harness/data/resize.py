"""Ways to resize an image and to fit it; which ones a training sees are options."""

from __future__ import annotations

from typing import Literal

import numpy as np
import PIL
from PIL import Image

Resize = Literal["bicubic", "bilinear", "bilinear_aliased"]
Fit = Literal["stretch", "centre", "shorter_side"]

# As PIL's own limit: a strip a thousand times longer than wide would fill the memory.
MOST_PIXELS = 89_478_485

SMALL_SIDE = 28  # pixels, of what a judge is given


def resize(image: Image.Image, size: int, method: Resize, fit: Fit = "stretch") -> np.ndarray:
    """An image of mode RGB or L as uint8 (height, width, channels).

    `method`: "bicubic" with antialias, as the authors' `Resize([size, size], BICUBIC)` of a PIL
    image; "bilinear", PIL's too, hence with antialias; "bilinear_aliased" as TensorFlow does.
    `fit`: "stretch" to `size` x `size`, the aspect ratio is not kept; "centre" takes the central
    square first, a pixel left or up of the middle if it must be; with "shorter_side" that side
    becomes `size` and the longer one is rounded. Raises ValueError as `fitted` does.
    """
    if fit == "centre":
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        image = image.crop((left, top, left + side, top + side))
    height, width = fitted(image.height, image.width, size, fit)
    if method == "bilinear_aliased":
        return bilinear_aliased(_pixels(image), height, width)
    return _pixels(image.resize((width, height), Image.Resampling[method.upper()]))


def fitted(height: int, width: int, size: int, fit: Fit) -> tuple[int, int]:
    """Height and width of an image of `height` x `width` pixels once it is resized.

    Halves are rounded up. Raises ValueError if that would be more than 89 million pixels.
    """
    if fit != "shorter_side":
        return size, size
    shorter = min(height, width)
    tall, wide = ((2 * side * size + shorter) // (2 * shorter) for side in (height, width))
    if tall * wide > MOST_PIXELS:
        raise ValueError(
            f"{width} x {height} px, too narrow to become {size} px on the shorter side"
        )
    return tall, wide


def recipe(method: Resize, channels: int = 3, fit: Fit = "stretch") -> str:
    """All that decides the pixels besides the file, as text for the keys of the cache."""
    names: dict[Resize, str] = {
        "bicubic": "bicubic-antialias",
        "bilinear": "bilinear-antialias",
        "bilinear_aliased": "bilinear-aliased",
    }
    colours = "rgb" if channels == 3 else "grey"
    fitting = "" if fit == "stretch" else f" {fit}"
    return f"{colours} {names[method]} pillow {PIL.__version__}{fitting}"  # which decodes, too


def _pixels(image: Image.Image) -> np.ndarray:
    """uint8 (height, width, channels) of a picture that is RGB or L."""
    pixels = np.asarray(image)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def bilinear_aliased(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """uint8 (H, W, C) to (height, width, C), as `tf.image.resize` does by default.

    Half-pixel centres, edges repeated, no antialias: a pixel of a smaller image is made of at most
    four of a larger one. In integers up to the last division, so exact, then rounded half to even;
    TensorFlow leaves float32, which is rounded nowhere.
    """
    top, bottom, down = _neighbours(pixels.shape[0], height)
    left, right, across = _neighbours(pixels.shape[1], width)
    down, across = down[:, None, None], across[:, None]
    wide = pixels.astype(np.int64)
    # The weights of a pair of neighbours add up to twice the number of pixels on that side.
    rows = wide[top] * (2 * height - down) + wide[bottom] * down
    cells = rows[:, left] * (2 * width - across) + rows[:, right] * across
    # A weighted mean of bytes is within 0 to 255: there is nothing to clip.
    return np.rint(cells / (4 * height * width)).astype(np.uint8)


def _neighbours(before: int, after: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each of `after` pixels: the two of `before` beside it, the second's weight * 2 * after.

    The centre of pixel x lies at (x + 1/2) * before / after - 1/2, on the first or last pixel
    where that is beyond it.
    """
    centre = (2 * np.arange(after) + 1) * before - after  # times 2 * after
    first, weight = np.divmod(np.clip(centre, 0, 2 * after * (before - 1)), 2 * after)
    return first, np.minimum(first + 1, before - 1), weight


def small_grey_images(images: np.ndarray) -> np.ndarray:
    """Images as the judge of labelled translations takes them: uint8 (N, 28, 28), grey.

    From uint8 (N, H, W, C) of any size, C being 1 or 3. Grey is ITU-R 601 luma; PIL's bicubic
    antialiases, and stretches what is not square. Raises ValueError for other arrays.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
        raise ValueError(f"uint8 NHWC, C 1 or 3, needed, given {images.dtype} {images.shape}")
    small = np.zeros((len(images), SMALL_SIDE, SMALL_SIDE), np.uint8)
    for position, image in enumerate(images):
        grey = Image.fromarray(image.squeeze(2) if image.shape[2] == 1 else image).convert("L")
        small[position] = resize(grey, SMALL_SIDE, "bicubic").squeeze(2)
    return small
