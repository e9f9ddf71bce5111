"""Exactly which files a comparison uses: every image of every split, by name and SHA-256."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any

from harness.data.decode import EXTENSIONS
from harness.data.layout import ALL_SPLITS, SPLITS, TRUTHS, DatasetFolder, missing_splits
from harness.data.scan import FileFacts, scan
from harness.system.errors import UserError


@dataclass(frozen=True)
class ImageFile:
    """A file of a split: its name without folder, and the SHA-256 of its bytes in hexadecimal."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The usable images of a data set. `folder` says where they lie here; it is not recorded.

    `splits` has trainA, trainB, testA, testB and, where every test image has a known true
    translation, testA_in_B and testB_in_A, whose images stand in the order of testA and testB.
    """

    name: str
    splits: Mapping[str, tuple[ImageFile, ...]]
    folder: Path | None = None

    @property
    def paired(self) -> bool:
        return all(truth in self.splits for truth in TRUTHS.values())

    @cached_property
    def digest(self) -> str:
        """SHA-256 over splits, names and hashes: equal wherever the files lie."""
        text = json.dumps(self._splits_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """The content of manifest.json: see results/README.md."""
        return {
            "name": self.name,
            "digest": self.digest,
            "paired": self.paired,
            "splits": self._splits_json(),
        }

    def _splits_json(self) -> dict[str, list[dict[str, str]]]:
        return {
            split: [{"name": file.name, "sha256": file.sha256} for file in files]
            for split, files in self.splits.items()
        }

    @staticmethod
    def from_json(document: Mapping[str, Any], folder: Path | None = None) -> Manifest:
        """The inverse of `to_json`. Raises UserError if the record is damaged or was edited."""
        try:
            splits = {
                split: tuple(_file_from_json(file) for file in files)
                for split, files in document["splits"].items()
            }
            manifest = Manifest(str(document["name"]), splits, folder)
            if not set(SPLITS) <= set(splits) <= set(ALL_SPLITS):
                raise ValueError(f"splits {sorted(splits)}")
            if manifest.digest != document["digest"]:
                raise ValueError("its digest does not match its files")
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise UserError(
                f"manifest.json: not a manifest of cyclebench ({error!r}); remove it"
            ) from None
        return manifest


def _file_from_json(file: Mapping[str, str]) -> ImageFile:
    name, sha256 = file["name"], file["sha256"]
    # A record may come from another machine: its names must not lead out of the split's folder.
    if PurePath(name).name != name or name == ".." or "\\" in name or "\0" in name:
        raise ValueError(f"file name {name!r}")
    int(sha256, 16)
    return ImageFile(name, sha256)


def build_manifest(located: DatasetFolder, facts: Sequence[FileFacts] | None = None) -> Manifest:
    """The manifest of a data set found by `find_or_fetch`; unreadable files are left out.

    `facts` are the findings of `scan` where the caller has them already. Raises UserError for a
    missing folder, a split without a readable image, and test images without their true pair.
    """
    missing = missing_splits(located.folder)
    if missing:
        raise UserError(
            f"{located.folder}: no folder {', '.join(missing)}; a data set needs all of"
            f" {', '.join(SPLITS)}"
        )
    if facts is None:
        facts = scan(located.folder)
    splits = {split: _usable(located.folder, split, facts) for split in SPLITS}
    truths = [truth for truth in TRUTHS.values() if (located.folder / truth).is_dir()]
    if len(truths) == 1:
        raise UserError(
            f"{located.folder}: {truths[0]} is there, its counterpart is not; true pairs need both "
            + " and ".join(TRUTHS.values())
        )
    for test, truth in TRUTHS.items() if truths else ():
        pictures = _usable(located.folder, truth, facts)
        splits[truth] = _in_order_of(splits[test], pictures, located.folder / truth)
    return Manifest(located.name, splits, located.folder)


def _usable(folder: Path, split: str, facts: Sequence[FileFacts]) -> tuple[ImageFile, ...]:
    files = [fact for fact in facts if fact.split == split]
    usable = tuple(ImageFile(fact.name, fact.sha256) for fact in files if fact.problem is None)
    if usable:
        return usable
    if files:
        raise UserError(
            f"{folder / split}: none of its {len(files)} images can be read"
            f" ({files[0].name}: {files[0].problem}); replace them"
        )
    raise UserError(
        f"{folder / split}: no images; put some there ({', '.join(sorted(EXTENSIONS))})"
    )


def _in_order_of(
    tests: Sequence[ImageFile], truths: Sequence[ImageFile], folder: Path
) -> tuple[ImageFile, ...]:
    """The true translation of every test image: the file of the same stem."""
    by_stem = {PurePath(file.name).stem: file for file in truths}
    for file in tests:
        if PurePath(file.name).stem not in by_stem:
            raise UserError(
                f"{folder}: no readable true translation of {file.name}; add it or"
                f" remove {' and '.join(TRUTHS.values())}"
            )
    return tuple(by_stem[PurePath(file.name).stem] for file in tests)
