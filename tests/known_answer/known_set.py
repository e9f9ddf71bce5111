"""A data set whose every pixel is a formula: two domains, true pairs, labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

NAME = "red2blue"
TITLES = ("A", "B")  # of a folder that no catalogue knows
TRAIN_SIDE, SIDE = 20, 16  # pixels, of images to train on and to test with: no image is resized
COUNTS = {"trainA": 9, "trainB": 8, "testA": 7, "testB": 4}
SHOWN_A, SHOWN_B = [0, 2, 3, 4, 6], [0, 1, 2, 3]  # five at most, evenly spaced, of 7 and of 4
FLOOR_A, FLOOR_B = [0, 2, 4, 6, 8], [0, 2, 5, 7]  # as many as test images, of 9 and of 8
UNLABELLED = ("testA", 3)


def picture(split: str, index: int) -> np.ndarray:
    """uint8 (side, side, 3). No two are alike, none is its own mirror image."""
    side = TRAIN_SIDE if split.startswith("train") else SIDE
    row, column = np.mgrid[:side, :side]
    shift = {"trainA": 13, "trainB": 9, "testA": 0, "testB": 0}[split]
    if split.endswith("A"):
        red = 104 + shift + 6 * index + 2 * column
        green = 60 + 3 * row + shift // 2 + 5 * (index % 3)
        blue = 30 + 2 * index + 3 * (column * row % 5)
    else:
        red = 50 + 4 * index + row + shift // 3
        green = 96 + 5 * index + 2 * ((column + row) % 4) - shift
        blue = 100 + shift + 7 * index + 3 * column
    return np.stack([red, green, blue], axis=-1).astype(np.uint8)


def truth(split: str, index: int) -> np.ndarray:
    """The true translation of a test image, uint8 (side, side, 3)."""
    image = picture(split, index).astype(int)
    if split == "testA":
        return (image + np.array([12, 2 + index, 0])).astype(np.uint8)
    return (image[:, ::-1] + np.array([0, 3, 9 - index])).astype(np.uint8)


def label(split: str, index: int) -> int:
    """What the reader of `known_world.Reader` is to say: is it brighter than the others?"""
    return int(index >= COUNTS[split] // 2) if index % 4 else int(index == 0)


def stack(split: str, indices: Sequence[int]) -> np.ndarray:
    return np.stack([picture(split, index) for index in indices])


def truths(split: str, indices: Sequence[int]) -> np.ndarray:
    return np.stack([truth(split, index) for index in indices])


def file_name(index: int) -> str:
    """Written in another order than their names sort in."""
    return f"image-{index:02d}.png"


def write_set(parent: Path) -> Path:
    folder = parent / NAME
    lines = ["split,name,label"]
    for split, count in COUNTS.items():
        for index in reversed(range(count)):
            _save(folder / split / file_name(index), picture(split, index))
            if (split, index) != UNLABELLED:
                lines.append(f"{split},{file_name(index)},{label(split, index)}")
            if split.startswith("test"):
                other = {"testA": "testA_in_B", "testB": "testB_in_A"}[split]
                _save(folder / other / file_name(index), truth(split, index))
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


def _save(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)
