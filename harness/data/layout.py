"""The folders a data set is made of: the layout the CycleGAN authors publish, plus true pairs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.system.untrusted import is_folder

SPLITS = ("trainA", "trainB", "testA", "testB")

# Test split -> the true translation of each of its images, where a set has them.
TRUTHS = {"testA": "testA_in_B", "testB": "testB_in_A"}

ALL_SPLITS = (*SPLITS, *TRUTHS.values())

Progress = Callable[[int, int], None]  # done, total (0: not known)


def missing_splits(folder: Path) -> list[str]:
    """The required split folders that `folder` lacks."""
    return [split for split in SPLITS if not is_folder(folder / split)]
