"""The built-in `digits` data set: A handwritten, B typeset, all labelled, no download.

Handwritten are the 1,797 that scikit-learn ships, 8 x 8 px, enlarged. They are the test half of
"Optical Recognition of Handwritten Digits" (Alpaydin & Kaynak 1998, UCI Machine Learning
Repository, CC BY 4.0): ink of 0 to 16, 13 writers one after the other. Typeset ones are set here in
the fonts that matplotlib ships. White ink on black, any size.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

from harness.data.cache import build_folder
from harness.data.digits import typeset
from harness.data.labels import FILE_NAME, write_lines
from harness.data.layout import SPLITS, Progress, counted

SMALLEST = 16
# Far apart, so that train and test never share a typeset digit.
FIRST_TYPESET = {"train": 0, "test": 1_000_000}
MARGIN = 1  # black pixels around the 8 x 8, whose ink runs up to the edge
SHUFFLE = 1797


class Handwritten:
    """The digits in one shuffled order, the same every time, so that a part has all the writers."""

    def __init__(self) -> None:
        bunch = load_digits()
        self.ink = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
        self.labels: NDArray[np.int64] = bunch.target.astype(np.int64)
        keys = np.random.Generator(np.random.Philox(key=SHUFFLE)).random(len(self.ink))
        self.order = np.argsort(keys, kind="stable")

    def split(self, train: int, test: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Positions in scikit-learn's order, sorted: `train` to train with, `test` others to test.

        The one from the front of the shuffled order, the other from its end: the test images are
        the same however many there are to train with. Raises ValueError if there are too few.
        """
        if train + test > len(self.ink):
            raise ValueError(
                f"there are {len(self.ink)} handwritten digits, not {train} to train with and"
                f" {test} others to test with"
            )
        return np.sort(self.order[:train]), np.sort(self.order[len(self.order) - test :])

    def picture(self, position: int, size: int) -> Image.Image:
        """Grey, `size` x `size`: enlarged by PIL's bicubic, with a black margin."""
        framed = np.pad(self.ink[position], MARGIN)
        return Image.fromarray(framed).resize((size, size), Image.Resampling.BICUBIC)


def write_digits(
    folder: Path,
    size: int,
    train: int,
    test: int,
    progress: Progress | None = None,
) -> None:
    """Write the data set as grey PNG files, `size` pixels wide and high, into the new `folder`.

    `trainA`, `testA`: handwritten_NNNN.png, NNNN being scikit-learn's index; no digit is in both,
    every writer may be. `trainB`, `testB`: typeset_NNNNNNN.png, no two alike, in the same fonts.
    `labels.csv` says what each shows. `progress(done, total)` is called after every image.
    `folder` appears complete or not at all. Raises UserError if it exists already, ValueError for
    impossible numbers, among them more handwritten digits than there are.
    """
    if size < SMALLEST or train < 1 or test < 1:
        raise ValueError(
            f"cannot draw {size=}, {train=}, {test=}: give at least {SMALLEST} px and 1 of each"
        )
    handwritten = Handwritten()
    # Split, file name, label, and what draws it.
    digits: list[tuple[str, str, int, Callable[[], Image.Image]]] = []
    for part, positions in zip(("train", "test"), handwritten.split(train, test), strict=True):
        for position in map(int, positions):
            name, label = f"handwritten_{position:04d}.png", int(handwritten.labels[position])
            digits.append((f"{part}A", name, label, partial(handwritten.picture, position, size)))
        for index in range(FIRST_TYPESET[part], FIRST_TYPESET[part] + len(positions)):
            name, label = f"typeset_{index:07d}.png", typeset.label_of(index)
            digits.append((f"{part}B", name, label, partial(typeset.picture, index, size)))
    with build_folder(folder, replace=False) as new:
        for split in SPLITS:
            (new / split).mkdir()
        for split, name, _, draw in counted(digits, len(digits), progress):
            draw().save(new / split / name)
        lines = (((split, name), str(label)) for split, name, label, _ in digits)
        write_lines(new / FILE_NAME, lines)
