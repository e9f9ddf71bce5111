"""Photographs, and changes of uint8 images (N, H, W, C) that scores are tested with."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter


def opened(folder, count, side):
    """Evenly spaced photographs of a folder: uint8 (count, side, side, 3)."""
    files = sorted(folder.iterdir())
    chosen = [files[i * len(files) // count] for i in range(count)]
    pictures = [Image.open(file).convert("RGB").resize((side, side)) for file in chosen]
    return np.stack([np.asarray(picture) for picture in pictures])


def rounded(values):
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def noisy(images, deviation):
    return rounded(images + np.random.default_rng(0).normal(0, deviation, images.shape))


def with_pil(images, change):
    return np.stack([np.asarray(change(Image.fromarray(image))) for image in images])


def blurred(images, radius):
    return with_pil(images, lambda image: image.filter(ImageFilter.GaussianBlur(radius)))
