"""Exactly which files a comparison uses, and what a reader of its numbers should know about them.

The manifest has every image of every split, by name and SHA-256. The audit has leaks, oddities and
what was left out.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path, PurePosixPath
from typing import Any

from harness.data.decode import EXTENSIONS
from harness.data.files import is_image_name
from harness.data.layout import ALL_SPLITS, SPLITS, TRUTHS, DatasetFolder, missing_splits
from harness.data.scan import FileFacts, scan
from harness.system.errors import UserError

# One placeholder image copied a thousand times would make half a million pairs.
LARGEST_LISTED_GROUP = 16

TRAIN = ("trainA", "trainB")


@dataclass(frozen=True)
class ImageFile:
    """A file of a split: its path from there, with `/`, and the SHA-256 of its bytes."""

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
        splits: dict[str, tuple[ImageFile, ...]] = {}
        try:
            for split, files in document["splits"].items():
                splits[split] = tuple(ImageFile(file["name"], file["sha256"]) for file in files)
                for file in splits[split]:
                    # A record may come from another machine: its names must not lead elsewhere.
                    name = file.name
                    parts = name.split("/")
                    if {"", ".", ".."} & set(parts) or set(name) & {"\\", "\0"}:
                        raise ValueError(f"file name {name!r}")
                    int(file.sha256, 16)
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
        by_stem = {_stem(file): file for file in _usable(located.folder, truth, facts)}
        stems = [_stem(file) for file in splits[test]]
        for stem, file in zip(stems, splits[test], strict=True):
            if stem not in by_stem:
                raise UserError(
                    f"{located.folder / truth}: no readable true translation of {file.name}; add it"
                    f" or remove {' and '.join(TRUTHS.values())}"
                )
        splits[truth] = tuple(by_stem[stem] for stem in stems)
    return Manifest(located.name, splits, located.folder)


def _stem(file: ImageFile) -> str:
    return str(PurePosixPath(file.name).with_suffix(""))


def _usable(folder: Path, split: str, facts: Sequence[FileFacts]) -> tuple[ImageFile, ...]:
    files = [fact for fact in facts if fact.split == split]
    usable = tuple(ImageFile(fact.name, fact.sha256) for fact in files if fact.problem is None)
    if usable:
        return usable
    damaged = [fact for fact in files if is_image_name(fact.name)]
    if damaged:
        raise UserError(
            f"{folder / split}: none of its {len(damaged)} images can be read"
            f" ({damaged[0].name}: {damaged[0].problem}); replace them"
        )
    seen = f" among its {len(files)} files ({files[0].name}: {files[0].problem})" if files else ""
    raise UserError(
        f"{folder / split}: no images{seen}; put some there ({', '.join(sorted(EXTENSIONS))})"
    )


@dataclass(frozen=True)
class Duplicate:
    """Two files of equal size and equal RGB pixels."""

    split: str
    name: str
    other_split: str
    other_name: str


@dataclass(frozen=True)
class Oddity:
    """An image that is used, but that the reader of a report should know of."""

    split: str
    name: str


@dataclass(frozen=True)
class Unreadable:
    """A file left out of the manifest, and why."""

    split: str
    name: str
    problem: str


@dataclass(frozen=True)
class Audit:
    """The findings; `counts` has the images of each split of the manifest.

    `greyscale`: the three channels are equal everywhere, however it is stored. `turned`: a camera's
    mark says to turn or mirror it, which is not done. `unreadable`: every file below a split's
    folder that is not used.
    """

    duplicates: tuple[Duplicate, ...]
    greyscale: tuple[Oddity, ...]
    turned: tuple[Oddity, ...]
    unreadable: tuple[Unreadable, ...]
    counts: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """The content of audit.json: see results/README.md."""
        return asdict(self)


def audit(manifest: Manifest, facts: Sequence[FileFacts]) -> Audit:
    """Findings on the files that `scan` saw, of which `manifest` uses the readable ones."""
    readable = [fact for fact in facts if fact.problem is None]
    unreadable = [Unreadable(fact.split, fact.name, fact.problem) for fact in facts if fact.problem]
    return Audit(
        tuple(_duplicates(readable)),
        tuple(Oddity(fact.split, fact.name) for fact in readable if fact.greyscale),
        tuple(Oddity(fact.split, fact.name) for fact in readable if fact.turned),
        tuple(unreadable),
        {split: len(files) for split, files in manifest.splits.items()},
    )


def _duplicates(facts: Sequence[FileFacts]) -> Iterator[Duplicate]:
    groups: dict[str, list[FileFacts]] = defaultdict(list)
    for fact in sorted(facts, key=lambda fact: (ALL_SPLITS.index(fact.split), fact.name)):
        groups[fact.pixels].append(fact)
    for group in groups.values():
        few = len(group) <= LARGEST_LISTED_GROUP
        pairs = combinations(group, 2) if few else _pairs_with_ends(group)
        for one, other in pairs:
            if is_finding(one.split, other.split):
                yield Duplicate(one.split, one.name, other.split, other.name)


def _pairs_with_ends(group: Sequence[FileFacts]) -> Iterator[tuple[FileFacts, FileFacts]]:
    """Every member once: with the first, or with the last where the first is in the same split."""
    first, last = group[0], group[-1]
    for fact in group[1:]:
        if is_finding(first.split, fact.split) or fact is last:
            yield first, fact
        else:
            yield fact, last


def is_finding(split: str, other: str) -> bool:
    """Whether equal images in these two splits say something about the numbers.

    Within a training split a duplicate only weighs an image more. A true translation may well be
    a test image of the other domain (that is what makes a pair); in a training split it is a leak.
    """
    truths = TRUTHS.values()
    if split in truths or other in truths:
        return split in TRAIN or other in TRAIN
    return split != other or split not in TRAIN
