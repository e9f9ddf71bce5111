"""What resizing and grey should give, computed from their definitions, without PIL."""

from __future__ import annotations

import numpy as np

from harness.data.resize import Resize


def noise(height: int, width: int) -> np.ndarray:
    draw = np.random.default_rng(1000 * height + width)
    return draw.integers(256, size=(height, width, 3), dtype=np.uint8)


def luma(pixels: np.ndarray) -> np.ndarray:
    """ITU-R BT.601, float64 (..., 1)."""
    return pixels.astype(float) @ np.array([[0.299], [0.587], [0.114]])


def triangle(before: int, after: int) -> np.ndarray:
    """Weights float64 (after, before) of linear interpolation, as wide as a pixel of the result."""
    scale = before / after
    centres = (np.arange(after) + 0.5) * scale
    apart = np.abs(np.arange(before) + 0.5 - centres[:, None]) / max(scale, 1)
    weights = np.maximum(0, 1 - apart)
    return weights / weights.sum(axis=1, keepdims=True)


def cubic(before: int, after: int) -> np.ndarray:
    """The same for Keys's cubic with a = -1/2, which is PIL's."""
    scale = before / after
    centres = (np.arange(after) + 0.5) * scale
    x = np.abs(np.arange(before) + 0.5 - centres[:, None]) / max(scale, 1)
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    weights = np.where(x < 1, near, np.where(x < 2, far, 0))
    return weights / weights.sum(axis=1, keepdims=True)


def by_weights(pixels: np.ndarray, height: int, width: int, method: Resize) -> np.ndarray:
    """float64 (height, width, C), not rounded; across first and cut to bytes there, as PIL does."""
    weights = {"bicubic": cubic, "bilinear": triangle}[method]
    across = np.einsum("jw,hwc->hjc", weights(pixels.shape[1], width), pixels.astype(float))
    down = np.einsum("ih,hjc->ijc", weights(pixels.shape[0], height), np.clip(across, 0, 255))
    return np.clip(down, 0, 255)
