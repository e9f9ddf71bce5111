"""The built-in `digits` data set: A handwritten, B typeset, all labelled, no download.

Handwritten are scikit-learn's digits (UCI "Optical Recognition of Handwritten Digits", CC BY 4.0),
typeset ones are set here in the fonts that matplotlib ships. White ink on black, any size.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.data.digits import typeset
from harness.data.digits.handwritten import Handwritten
from harness.data.drawing import new_folder
from harness.data.labels import FILE_NAME, write_lines
from harness.data.layout import SPLITS, Progress

SMALLEST = 16
# Far apart, so that train and test never share a typeset digit.
FIRST_TYPESET = {"trainB": 0, "testB": 1_000_000}

Piece = tuple[str, str, int, Image.Image]
"""Split, file name, label and grey picture."""


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
    pieces = _pieces(handwritten, *handwritten.split(train, test), size)
    total = 2 * (train + test)
    with new_folder(folder) as temporary:
        for split in SPLITS:
            (temporary / split).mkdir()
        lines = []
        for done, (split, name, label, picture) in enumerate(pieces, 1):
            picture.save(temporary / split / name)
            lines.append(((split, name), str(label)))
            if progress:
                progress(done, total)
        write_lines(temporary / FILE_NAME, lines)


def _pieces(
    handwritten: Handwritten, train: NDArray[np.intp], test: NDArray[np.intp], size: int
) -> Iterator[Piece]:
    for side, positions in (("train", train), ("test", test)):
        for position in positions.tolist():
            label = int(handwritten.labels[position])
            name = f"handwritten_{position:04d}.png"
            yield f"{side}A", name, label, handwritten.picture(position, size)
        first = FIRST_TYPESET[f"{side}B"]
        for index in range(first, first + len(positions)):
            name = f"typeset_{index:07d}.png"
            yield f"{side}B", name, typeset.label_of(index), typeset.picture(index, size)
