"""Where the images of a data set lie in a folder: as published, or as people have them.

Looked for in the folder itself, else one level below, else two: whoever unpacks an archive twice
has its folder in another of the same name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.data.files import has_images, sub_folders
from harness.data.layout import SPLITS, missing_splits
from harness.system.errors import UserError

PARTS = {
    "train": ("train", "training"),
    "test": ("test", "testing"),
    "validation": ("val", "valid", "validation"),
}
ALL = {word for words in PARTS.values() for word in words}
LEVELS = 2
MOST_SHOWN = 8
TWO_FOLDERS = "FOLDER:A-B for images in or below FOLDER/A and FOLDER/B"
WANTED = f"a data set is a folder with {', '.join(SPLITS)}, or {TWO_FOLDERS}"

Domains = tuple[str, str]


@dataclass(frozen=True)
class Layout:
    """`folders`: trainA, trainB, and testA, testB, validationA, validationB where they are there.

    `root` is the folder that has them all.
    """

    root: Path
    folders: Mapping[str, Path]

    @property
    def published(self) -> bool:
        """Whether the set can be used as it lies: the four folders under the published names."""
        return not missing_splits(self.root)

    def both(self, part: str) -> tuple[Path, Path] | None:
        """The folders of a part, of A and of B, if there are both."""
        a, b = (self.folders.get(f"{part}{letter}") for letter in "AB")
        return (a, b) if a and b else None


def find_layout(folder: Path, domains: Domains | None = None) -> Layout | None:
    """The layout of the data set in `folder` or below; None where there is nothing like one.

    The folders' names are those of a part and a domain in either order, in one or one in the other:
    `trainA`, `train_a`, `train/A`, `A/train`. `domains`: the names in place of A and B; two folders
    of these names are a data set without parts. Raises UserError for some of the folders without
    the others, and where more than one data set, or folder, is meant.
    """
    places = [folder]
    for level in range(LEVELS + 1):
        found = [layout for place in places if (layout := _layout(place, domains, level == 0))]
        if len(found) > 1:
            names = ", ".join(str(layout.root) for layout in found[:MOST_SHOWN])
            raise UserError(f"{folder}: more than one data set in it; give one of {names}")
        if found:
            return found[0]
        if level < LEVELS:
            places = [below for place in places for below in sub_folders(place)]
    return None


def nothing_found(folder: Path) -> str:
    """What to say of a folder in which there is no data set: what was seen, and what would do."""
    return f"{folder}: no folder {', '.join(SPLITS)} in it; {_seen(folder)}; {WANTED}"


def _layout(folder: Path, domains: Domains | None, strict: bool) -> Layout | None:
    """`strict`: whether some of the folders without the others are refused."""
    found = dict(_parts(folder, domains))
    missing = [split for split in SPLITS if split not in found]
    trained = "trainA" in found and "trainB" in found
    tested = len({"testA", "testB"} & set(found))
    if trained and tested != 1:
        return Layout(folder, found)
    if domains is not None and not found:
        a, b = (folder / domain for domain in domains)
        here = sub_folders(folder)
        return Layout(folder, {"trainA": a, "trainB": b}) if a in here and b in here else None
    if strict and (found.keys() & SPLITS):
        raise UserError(
            f"{folder}: no folder {', '.join(missing)} in it; {_seen(folder)}; {WANTED}"
        )
    return None


def _parts(folder: Path, domains: Domains | None) -> Iterator[tuple[str, Path]]:
    """(trainA, its folder) and so on. Raises UserError where two folders could be one of them."""
    children = {path: _readable_folders(path) for path in sub_folders(folder)}
    for part, words in PARTS.items():
        for letter, domain in zip("AB", domains or "AB", strict=True):
            split, known = f"{part}{letter}", set(words)
            pairs = {_plain(name) for word in words for name in (word + domain, domain + word)}
            places = [path for path in children if _plain(path.name) in pairs]
            for path, inside in children.items():
                # Classes may have such names, too: DomainNet has pictures of trains.
                only_parts = {_plain(place.name) for place in inside} <= ALL
                if _plain(path.name) in known:
                    places += [place for place in inside if _plain(place.name) == _plain(domain)]
                elif _plain(path.name) == _plain(domain) and only_parts:
                    places += [place for place in inside if _plain(place.name) in known]
            if folder / split in places:
                places = [folder / split]
            if len(places) > 1:
                these = " and ".join(str(place.relative_to(folder)) for place in places)
                raise UserError(
                    f"{folder}: {these} could each be {split}; rename or remove one of them"
                )
            if places:
                yield split, places[0]


def _readable_folders(folder: Path) -> list[Path]:
    """Those in it; none where it cannot be listed: it may have nothing to do with the data set."""
    try:
        return sub_folders(folder)
    except UserError:
        return []


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter not in "_- .")


def _seen(folder: Path) -> str:
    """What there is in its place, on one line."""
    names = [f"{path.name}/" for path in sub_folders(folder)]
    if len(names) > MOST_SHOWN:
        names[MOST_SHOWN:] = [f"{len(names) - MOST_SHOWN} more folders"]
    if not names:
        return "there are images, but no folders" if has_images(folder) else "there are no folders"
    return f"there are {', '.join(names)}"
