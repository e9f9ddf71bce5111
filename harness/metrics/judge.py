"""A judge of labelled translations (docs/evaluation.md): is the digit still the one it was?

It learns from real images of the target domain only and reads translated ones, whose labels are
those of their sources; its accuracy on real test images belongs beside the result. It must be fair
to images that are blurred, noisy, pale or a pixel off but plain to read, so it sees contrasts
stretched, strokes smoothed and mostly their directions. scikit-learn throughout: nothing random,
nothing written to disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from harness.data.resize import SMALL_SIDE as SIDE

CELL = 4
DIRECTIONS = 9
MOST_TRAINED_ON = 10_000
CHUNK = 1000  # images whose features are made at a time: about 50 MB
# Names all that decides what is read in given images: change the one, change the other.
RECIPE = "1: grey28-stretch-smooth1-directions9_cells4-thumbnail14-rbf_svc_c10-most10000"


@dataclass(frozen=True)
class Judge:
    """A support vector machine with a radial kernel on `_features`. Made by `train_judge`."""

    machine: Any  # sklearn.svm.SVC

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Labels int64 (N,), of those trained on, for `small_grey_images` uint8 (N, 28, 28).

        About 1 ms an image. Raises ValueError for other arrays.
        """
        read = [self.machine.predict(features) for features in _features(images)]
        return np.concatenate([np.zeros(0, np.int64), *read])


def train_judge(images: np.ndarray, labels: np.ndarray) -> Judge:
    """Learn from real images, `small_grey_images` uint8 (N, 28, 28), with their labels int64 (N,).

    Of more than 10,000 images, that many are used, drawn the same way every time; they take about
    10 s. Raises ValueError for other arrays, negative labels and fewer than two classes.
    """
    if labels.dtype != np.int64 or labels.shape != images.shape[:1]:
        raise ValueError(
            f"one int64 label an image needed: {labels.dtype} {labels.shape} of {images.shape}"
        )
    if len(labels) > MOST_TRAINED_ON:
        chosen = np.random.default_rng(0).permutation(len(labels))[:MOST_TRAINED_ON]
        images, labels = images[chosen], labels[chosen]
    if len(np.unique(labels)) < 2 or labels.min() < 0:
        raise ValueError(f"labels from 0 up, two classes or more, needed: {np.unique(labels)}")
    from sklearn.svm import SVC  # takes a second: only where a judge is trained

    features = np.concatenate([*_features(images)])
    return Judge(SVC(C=10.0, kernel="rbf", gamma="scale").fit(features, labels))


def _features(images: np.ndarray) -> Iterator[np.ndarray]:
    """float32 (n, 637) for some images after the other."""
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (SIDE, SIDE):
        raise ValueError(f"uint8 (N, {SIDE}, {SIDE}) needed, given {images.dtype} {images.shape}")
    for start in range(0, len(images), CHUNK):
        stretched = _stretched(images[start : start + CHUNK])
        # Weighted so that directions make up most of the distance between two digits.
        yield np.concatenate([_directions(stretched) / 6, _thumbnails(stretched) / 9], axis=1)


def _stretched(images: np.ndarray) -> np.ndarray:
    """float32, from 0 (all but the darkest 1%) to 1 (the brightest 0.5%); noise alone is left."""
    values = images.astype(np.float32)
    low, high = np.percentile(values, [1, 99.5], axis=(1, 2), keepdims=True).astype(np.float32)
    return np.clip((values - low) / np.maximum(high - low, 32), 0, 1)


def _directions(images: np.ndarray) -> np.ndarray:
    """Histograms of gradient directions in cells of 4 x 4 px (after Dalal & Triggs 2005).

    Smoothed by 1 px first, else noise fills the empty cells. Nine directions modulo 180 degrees,
    weighted by the gradient's length and shared between the two nearest; each cell is divided by
    the strength around it plus that of the whole image. float32 (n, 7 * 7 * 9).
    """
    rows, columns = np.gradient(gaussian_filter(images, (0, 1, 1)), axis=(1, 2))
    length = np.hypot(rows, columns)
    direction = np.arctan2(rows, columns) % np.pi / np.pi * DIRECTIONS
    histograms = []
    for index in range(DIRECTIONS):
        apart = np.abs((direction - index + DIRECTIONS / 2) % DIRECTIONS - DIRECTIONS / 2)
        histograms.append(_cell_sums(length * np.maximum(0, 1 - apart), CELL))
    cells = np.stack(histograms, axis=3)
    around = np.sqrt(gaussian_filter((cells**2).sum(3, keepdims=True), (0, 1, 1, 0)))
    overall = around.mean(axis=(1, 2), keepdims=True)
    return (cells / (around + overall + 1e-6)).reshape(len(images), -1)


def _thumbnails(images: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 px: float32 (n, 14 * 14)."""
    return _cell_sums(images, 2).reshape(len(images), -1) / 4


def _cell_sums(values: np.ndarray, cell: int) -> np.ndarray:
    """Sums over cells of `cell` x `cell` px: (n, 28, 28) to (n, 28 / cell, 28 / cell)."""
    across = SIDE // cell
    return values.reshape(len(values), across, cell, across, cell).sum(axis=(2, 4))
