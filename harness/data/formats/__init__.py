"""Readers of published files of labelled images, a module a format.

None of them trusts a file: sizes are looked at before memory is taken, damage is a UserError.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.system.errors import UserError

# Twice the largest published file of digits, SVHN's "extra" one: above this a header lies.
MOST_BYTES = 4 * 2**30
MOST_IMAGES = 2_000_000
LARGEST_SIDE = 1024


@dataclass(frozen=True)
class LabelledImages:
    """`images` uint8 (N, h, w) or (N, h, w, 3), `labels` int64 (N,) of 0 to 9."""

    images: np.ndarray
    labels: np.ndarray


def checked_shape(path: Path, shape: tuple[int, ...]) -> None:
    """Raises UserError unless (N, h, w) or (N, h, w, 3) is a size that a set of images can have."""
    sides = shape[1:3]
    if len(shape) not in (3, 4) or shape[3:] not in ((), (3,)):
        raise UserError(f"{path}: an array of shape {shape} is no set of images; fetch it again")
    if shape[0] < 1:
        raise UserError(f"{path}: holds no image; fetch it again")
    if (
        shape[0] > MOST_IMAGES
        or math.prod(shape) > MOST_BYTES
        or not all(1 <= s <= LARGEST_SIDE for s in sides)
    ):
        raise UserError(
            f"{path}: claims {shape[0]} images of {sides[1]} x {sides[0]} px, more than is"
            " accepted; it is damaged or another file"
        )


def labelled(path: Path, images: np.ndarray, labels: np.ndarray) -> LabelledImages:
    """Images and labels that belong together. Raises UserError, naming `path`, if they do not."""
    checked_shape(path, images.shape)
    if labels.shape != (len(images),):
        raise UserError(
            f"{path}: {len(images)} images, but {labels.size} labels; fetch the files again"
        )
    codes = labels.astype(np.int64)
    wrong = np.flatnonzero((codes != labels) | (codes < 0) | (codes > 9))
    if wrong.size:
        raise UserError(
            f"{path}: label {labels[wrong[0]]} of image {wrong[0]} is no digit from 0 to 9;"
            " fetch it again"
        )
    return LabelledImages(images, codes)
