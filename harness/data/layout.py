"""The folders a data set is made of: the layout the CycleGAN authors publish, plus true pairs."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.system.untrusted import is_folder

SPLITS = ("trainA", "trainB", "testA", "testB")

# Test split -> the true translation of each of its images, where a set has them.
TRUTHS = {"testA": "testA_in_B", "testB": "testB_in_A"}

ALL_SPLITS = (*SPLITS, *TRUTHS.values())

Progress = Callable[[int, int], None]  # done, total (0: not known)


@dataclass(frozen=True)
class DatasetFolder:
    """A data set on disk: `folder` has trainA trainB testA testB. `titles` are the two domains."""

    name: str
    folder: Path
    titles: tuple[str, str]


def is_path(text: str) -> bool:
    """Whether the user meant a path rather than a name."""
    return os.sep in text or text.startswith(("~", "."))


def missing_splits(folder: Path) -> list[str]:
    """The required split folders that `folder` lacks."""
    return [split for split in SPLITS if not is_folder(folder / split)]
