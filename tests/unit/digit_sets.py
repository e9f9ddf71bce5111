"""Writes labelled data sets of digits: image folders and labels.csv, from arrays."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

Split = tuple[np.ndarray, np.ndarray]  # uint8 (n, H, W) or (n, H, W, C), int (n,)


def write_digit_set(folder: Path, splits: Mapping[str, Split]) -> Path:
    """`splits`: trainA, trainB, testA, testB -> images and labels. Returns `folder`."""
    lines = []
    for split, (images, labels) in splits.items():
        (folder / split).mkdir(parents=True)
        for index, (image, label) in enumerate(zip(images, labels, strict=True)):
            name = f"{index:05d}.png"
            Image.fromarray(image).save(folder / split / name)
            lines.append((split, name, int(label)))
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("split", "name", "label"), *lines])
    return folder


def scikit_digits() -> Split:
    """scikit-learn's 1,797 handwritten digits, enlarged to 32 px, ink white on black."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    small = np.rint(digits.images * 255 / 16).astype(np.uint8)
    large = [Image.fromarray(each).resize((32, 32), Image.Resampling.BILINEAR) for each in small]
    return np.stack([np.asarray(each) for each in large]), digits.target
