"""Per-image comparisons of translations with known answers. uint8 NHWC in, float64 (N,) out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from skimage.metrics import structural_similarity

WINDOW = 7  # scikit-image's default: uniform 7x7


def psnr(images: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio in dB, peak 255, mean squared error over pixels and channels.

    Equal images would score infinity, and so would every mean with them. They get the score of the
    smallest error that uint8 images can have: one channel of one pixel off by one.
    """
    errors = _per_image(images, truth, lambda a, b: float(np.mean((a - b) ** 2)))
    smallest = 1.0 / max(1, int(np.prod(images.shape[1:])))
    return 10.0 * np.log10(255.0**2 / np.maximum(errors, smallest))


def ssim(images: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Structural similarity (Wang et al. 2004) as scikit-image computes it, mean over channels.

    Uniform 7x7 window; images smaller than that get the largest odd window that fits. Raises
    ValueError for images below 3x3.
    """

    def similarity(a: np.ndarray, b: np.ndarray) -> float:
        side = min(a.shape[:2])
        if side < 3:
            raise ValueError(f"SSIM needs images of 3x3 pixels or more, given {a.shape[:2]}")
        window = min(WINDOW, side - 1 + side % 2)
        return float(
            structural_similarity(a, b, win_size=window, channel_axis=-1, data_range=255.0)
        )

    return _per_image(images, truth, similarity)


def mae(images: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Mean absolute error over pixels and channels, 0 to 255."""
    return _per_image(images, truth, lambda a, b: float(np.mean(np.abs(a - b))))


def _per_image(
    images: np.ndarray, truth: np.ndarray, score: Callable[[np.ndarray, np.ndarray], float]
) -> np.ndarray:
    """One image at a time in float64, so a full-size test split is never copied eightfold."""
    alike = images.shape == truth.shape and images.dtype == truth.dtype == np.uint8
    if not alike or images.ndim != 4:
        raise ValueError(
            f"two uint8 NHWC arrays of one shape needed: {images.dtype} {images.shape}, "
            f"{truth.dtype} {truth.shape}"
        )
    pairs = zip(images, truth, strict=True)
    return np.array([score(a.astype(np.float64), b.astype(np.float64)) for a, b in pairs])
