"""Any two folders of classes as a data set: `FOLDER:A-B` for FOLDER/A/<class>/* and FOLDER/B/..."""

from __future__ import annotations

from pathlib import Path

from harness.data.layout import is_path
from harness.data.linking import class_folders
from harness.system.errors import UserError
from harness.system.untrusted import expanded, is_folder

SYNTAX = "FOLDER:A-B for images in FOLDER/A/<class>/ and FOLDER/B/<class>/"


def find_class_pair(dataset: str, data_dir: Path | None) -> tuple[Path, Path] | None:
    """The two domains' folders that `FOLDER:A-B` means; None where `dataset` is not of that form.

    FOLDER is a path, or a folder in `data_dir`, or `data_dir` itself by its name. Raises UserError
    for a FOLDER that is not there and domains it does not have.
    """
    name, colon, domains = dataset.rpartition(":")
    if not colon or not name:
        return None
    root = _root(name, data_dir)
    # Either name may have a hyphen in it: that one divides which leaves two folders.
    cuts = [index for index, letter in enumerate(domains) if letter == "-"]
    pairs = [(domains[:cut], domains[cut + 1 :]) for cut in cuts]
    there = {folder.name for folder in class_folders(root)}
    fits = [(a, b) for a, b in pairs if a in there and b in there and a != b]
    if len(fits) != 1:
        problem = "more than one way to divide it" if fits else "not two different folders there"
        raise UserError(
            f"{dataset!r}: {problem}; {root} has {', '.join(sorted(there)) or 'no folders'};"
            f" write {SYNTAX}"
        )
    return root / fits[0][0], root / fits[0][1]


def _root(name: str, data_dir: Path | None) -> Path:
    path = expanded(name)
    places = [path]
    if data_dir is not None and not is_path(name):
        places = [data_dir / name, path]
        if data_dir.resolve().name == name:
            places.insert(1, data_dir)
    for place in places:
        if is_folder(place):
            return place.resolve()
    where = "" if data_dir is None else f" in {data_dir}"
    raise UserError(f"{name!r}: no such folder{where}; write {SYNTAX}")
