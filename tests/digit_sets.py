"""Labelled data-set folders written from arrays of digits."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from harness.data.layout import SPLITS

Digits = tuple[np.ndarray, np.ndarray]
"""Images uint8 (N, h, w) or (N, h, w, 3), and what they show, int (N,)."""


def write_digit_set(
    folder: Path,
    a: Digits,
    b: Digits,
    test_a: Digits,
    test_b: Digits,
    *,
    side: int | None = None,
    labelled: Sequence[str] = SPLITS,
) -> Path:
    """A data set of PNG files 00000.png, 00001.png, ... a split, in the order of the arrays.

    `side`: pixels to resize to, bilinear as the digit presets do; None leaves the images alone.
    `labelled`: splits that labels.csv names; without any it is not written. Returns `folder`.
    """
    rows = []
    for split, (images, labels) in zip(SPLITS, (a, b, test_a, test_b), strict=True):
        (folder / split).mkdir(parents=True)
        for index, (pixels, label) in enumerate(zip(images, labels, strict=True)):
            name = f"{index:05d}.png"
            image = Image.fromarray(pixels)
            if side is not None:
                image = image.resize((side, side), Image.Resampling.BILINEAR)
            image.save(folder / split / name)
            if split in labelled:
                rows.append((split, name, str(label)))
    if rows:
        write_labels(folder, rows)
    return folder


def write_labels(folder: Path, rows: Iterable[Sequence[str]]) -> Path:
    """`labels.csv` of (split, name, label)."""
    path = folder / "labels.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("split", "name", "label"), *rows])
    return path


def bundled_digits(start: int, stop: int) -> Digits:
    """Some of scikit-learn's 1,797 digits, 8 x 8 px, ink white on black."""
    bunch = load_digits()
    images = np.rint(bunch.images[start:stop] * 255 / 16).astype(np.uint8)
    return images, bunch.target[start:stop].astype(np.int64)


def published_digits(path: Path, train: int, test: int) -> tuple[Digits, Digits]:
    """The first train and test images of `mnist.npz` or `usps.npz`, in the size published."""
    with np.load(path, allow_pickle=False) as arrays:
        return (
            (arrays["x_train"][:train], arrays["y_train"][:train].astype(np.int64)),
            (arrays["x_test"][:test], arrays["y_test"][:test].astype(np.int64)),
        )
