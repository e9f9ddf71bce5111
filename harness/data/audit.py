"""What a reader of the numbers should know about the images: leaks, oddities, what was left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from harness.data.layout import ALL_SPLITS, TRUTHS
from harness.data.manifest import Manifest
from harness.data.scan import FileFacts

# One placeholder image copied a thousand times would make half a million pairs.
LARGEST_LISTED_GROUP = 16

TRAIN = ("trainA", "trainB")


@dataclass(frozen=True)
class Duplicate:
    """Two files of equal size and equal RGB pixels."""

    split: str
    name: str
    other_split: str
    other_name: str


@dataclass(frozen=True)
class Greyscale:
    """An image whose three channels are equal everywhere, however it is stored."""

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
    """The findings; `counts` has the images of each split of the manifest."""

    duplicates: tuple[Duplicate, ...]
    greyscale: tuple[Greyscale, ...]
    unreadable: tuple[Unreadable, ...]
    counts: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """The content of audit.json: see results/README.md."""
        return {**asdict(self), "counts": dict(self.counts)}


def audit(manifest: Manifest, facts: Sequence[FileFacts]) -> Audit:
    """Findings on the files that `scan` saw, of which `manifest` uses the readable ones."""
    readable = [fact for fact in facts if fact.problem is None]
    unreadable = [Unreadable(fact.split, fact.name, fact.problem) for fact in facts if fact.problem]
    return Audit(
        tuple(_duplicates(readable)),
        tuple(Greyscale(fact.split, fact.name) for fact in readable if fact.greyscale),
        tuple(unreadable),
        {split: len(files) for split, files in manifest.splits.items()},
    )


def _duplicates(facts: Sequence[FileFacts]) -> Iterator[Duplicate]:
    groups: dict[str, list[FileFacts]] = defaultdict(list)
    for fact in sorted(facts, key=lambda fact: (ALL_SPLITS.index(fact.split), fact.name)):
        groups[fact.pixels].append(fact)
    for group in groups.values():
        pairs = (
            combinations(group, 2)
            if len(group) <= LARGEST_LISTED_GROUP
            else _pairs_with_ends(group)
        )
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
