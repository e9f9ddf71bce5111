"""Images as the judge of labelled translations takes them: small and grey."""

from __future__ import annotations

import numpy as np
from PIL import Image

SIDE = 28  # pixels


def small_grey_images(images: np.ndarray) -> np.ndarray:
    """Grey images uint8 (N, 28, 28) from uint8 (N, H, W, C) of any size.

    C is 1 or 3; grey is ITU-R 601 luma; PIL's bicubic antialiases, and stretches what is not
    square. Raises ValueError for other arrays.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
        raise ValueError(f"uint8 NHWC, C 1 or 3, needed, given {images.dtype} {images.shape}")
    small = np.zeros((len(images), SIDE, SIDE), np.uint8)
    for position, image in enumerate(images):
        grey = Image.fromarray(image.squeeze(2) if image.shape[2] == 1 else image).convert("L")
        small[position] = np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    return small
