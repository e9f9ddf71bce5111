"""Data-set folders made of links to images that lie elsewhere: nothing is copied or re-encoded."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from harness.data.cache import build_folder, cache_folder, explained_writes
from harness.data.decode import EXTENSIONS
from harness.data.labels import FILE_NAME, write_lines
from harness.data.layout import Progress, missing_splits
from harness.data.scan import image_files, stamp
from harness.data.split_rule import Part, part_of
from harness.system.errors import UserError
from harness.system.untrusted import is_folder

Labelled = Mapping[tuple[str, str], str]  # (split, name) -> label


def pair_of_classes(name: str, a: Path, b: Path, progress: Progress | None = None) -> Path:
    """The images of `a`/<class>/ and `b`/<class>/ as a data set in the cache; its folder.

    A file becomes `<class>__<name>`. By that name it is a tenth's test image or one to train on,
    whatever else is there. Made again when a file came, went or changed. `progress` counts files.
    Raises UserError for a folder without images, and too few to divide.
    """
    files: dict[str, dict[str, Path]] = {}
    for letter, folder in (("A", a), ("B", b)):
        train, test = divide_files(class_files(folder), "test", folder)
        files[f"train{letter}"], files[f"test{letter}"] = train, test
    return link_files(name, files, {}, progress)


def class_files(folder: Path) -> dict[str, Path]:
    """`<class>__<name>` -> path, for every image of every class of a domain, in a fixed order.

    Hidden folders and files and what has no image's extension are left out. Raises UserError where
    there is none, where two files would get one name, and for a folder that cannot be listed.
    """
    files: dict[str, Path] = {}
    for path in (path for kind in class_folders(folder) for path in image_files(kind)):
        name = f"{path.parent.name}__{path.name}"
        if name in files:
            raise UserError(f"{path}: would be called {name}, as {files[name]} is; rename one")
        files[name] = path
    if not files:
        raise UserError(
            f"{folder}: no <class>/<image> in it; it needs a folder of images for each class"
            f" ({', '.join(sorted(EXTENSIONS))})"
        )
    return files


def class_folders(folder: Path) -> list[Path]:
    """The visible folders in `folder`, by name."""
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise UserError(f"{folder}: cannot be listed ({error.strerror}); check it") from None
    return [path for path in paths if is_folder(path)]


def divide_files(
    files: Mapping[str, Path], held: Part, folder: Path
) -> tuple[dict[str, Path], dict[str, Path]]:
    """`files` without and with those whose name puts them into the part `held`.

    Raises UserError, naming `folder`, where one of the two would be empty.
    """
    chosen = {name: path for name, path in files.items() if part_of(name) == held}
    rest = {name: path for name, path in files.items() if name not in chosen}
    if not chosen or not rest:
        share = "all" if chosen else "none"
        raise UserError(
            f"{folder}: {share} of its {len(files)} images belong to the {held} part, the tenth"
            " that their names choose; add images"
        )
    return rest, chosen


def link_files(
    name: str,
    files: Mapping[str, Mapping[str, Path]],
    labels: Labelled,
    progress: Progress | None = None,
) -> Path:
    """A folder in the cache with a link for each file of each split, and labels.csv if any.

    Its name ends in a hash of all that is in it, with sizes and times of change: it is used again
    as long as that stays. Where the file system has no links the files are copied.
    """
    folder = cache_folder() / "datasets" / f"{name}-{_identity(files, labels)}"
    if not missing_splits(folder) and (not labels or (folder / FILE_NAME).is_file()):
        return folder
    total, done = sum(map(len, files.values())), 0
    with explained_writes(folder), build_folder(folder) as new:
        for split, paths in files.items():
            (new / split).mkdir()
            for file, path in paths.items():
                _link(new / split / file, path.absolute())
                done += 1
                if progress:
                    progress(done, total)
        if labels:
            write_lines(new / FILE_NAME, labels.items())
    return folder


def _link(link: Path, target: Path) -> None:
    try:
        link.symlink_to(target)
    except OSError:
        shutil.copyfile(target, link)


def _identity(files: Mapping[str, Mapping[str, Path]], labels: Labelled) -> str:
    digest = hashlib.sha256()
    for split, paths in files.items():
        for name, path in paths.items():
            item = [split, name, str(path.absolute()), *stamp(path), labels.get((split, name))]
            digest.update(json.dumps(item).encode())
    return digest.hexdigest()[:12]
