"""Handwritten digits: the 1,797 that scikit-learn ships, 8 x 8 px, enlarged.

They are the test half of "Optical Recognition of Handwritten Digits" (Alpaydin & Kaynak 1998, UCI
Machine Learning Repository, CC BY 4.0): ink of 0 to 16, 13 writers one after the other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

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
