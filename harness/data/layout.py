"""What a data set is made of: its folders as the CycleGAN authors publish them, and its parts.

A file whose publisher did not say to which part it belongs is put into one by its name alone, so
adding files never moves one. Files of one stem share a part: of true pairs that are named alike,
neither half is trained on while the other is tested on.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal, TypeVar

from harness.system.untrusted import is_folder

SPLITS = ("trainA", "trainB", "testA", "testB")

# Test split -> the true translation of each of its images, where a set has them.
TRUTHS = {"testA": "testA_in_B", "testB": "testB_in_A"}

ALL_SPLITS = (*SPLITS, *TRUTHS.values())

Part = Literal["train", "validation", "test"]
HoldOut = Literal["test", "validation"]

# With this number each part of very small sets (PACS with 3 images a class) has some images.
# Another number divides differently: results are not comparable then.
RULE = "cyclebench parts 19"
TRAIN, VALIDATION = 0.8, 0.1  # the rest is test

Progress = Callable[[int, int], None]  # done, total (0: not known)
Item = TypeVar("Item")


@dataclass(frozen=True)
class DatasetFolder:
    """A data set on disk: `folder` has trainA trainB testA testB. `titles` are the two domains.

    `validation`: folders with images of A and of B to choose settings on, where it has some.
    """

    name: str
    folder: Path
    titles: tuple[str, str]
    validation: tuple[Path, Path] | None = None


def is_path(text: str) -> bool:
    """Whether the user meant a path rather than a name."""
    return os.sep in text or text.startswith(("~", "."))


def missing_splits(folder: Path) -> list[str]:
    """The required split folders that `folder` lacks."""
    return [split for split in SPLITS if not is_folder(folder / split)]


def part_of(name: str) -> Part:
    """The part of the file `name` (without folder): 80 % train, 10 % validation, 10 % test."""
    place = place_of(name)
    if place < TRAIN:
        return "train"
    return "validation" if place < TRAIN + VALIDATION else "test"


def place_of(name: str) -> float:
    """A number from 0 to 1 that decides the part of a file; files of one stem have the same."""
    stem = PurePath(name).stem
    digest = hashlib.sha256(f"{RULE}\n{stem}".encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def counted(items: Iterable[Item], total: int, progress: Progress | None) -> Iterator[Item]:
    """The items; `progress` is called each time the caller is done with one."""
    for done, item in enumerate(items, 1):
        yield item
        if progress:
            progress(done, total)
