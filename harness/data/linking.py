"""Data-set folders made of links to images that lie elsewhere: nothing is copied or re-encoded."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from harness.data.cache import build_folder, cache_folder, explained_writes
from harness.data.decode import EXTENSIONS
from harness.data.files import files_below, is_image_name
from harness.data.find_layout import Layout
from harness.data.labels import FILE_NAME, read_lines, write_lines
from harness.data.layout import (
    SPLITS,
    TRUTHS,
    DatasetFolder,
    Part,
    Progress,
    counted,
    missing_splits,
    part_of,
    place_of,
)
from harness.data.scan import stamp
from harness.system.errors import UserError
from harness.system.untrusted import is_folder

Labelled = Mapping[tuple[str, str], str]  # (split, name) -> label
Files = dict[str, Path]  # name without folder -> where it lies


def link_layout(name: str, layout: Layout, progress: Progress | None = None) -> Path:
    """The data set as a folder of the published form in the cache; its path.

    Files keep their names; one in a folder `kind` becomes `kind__<name>`. Without test images those
    to validate with are these; without either a tenth of the training images that their names
    choose. All files are linked, also those that are no images: `scan` names them. Made again when
    one came, went or changed. `progress` counts files. Raises UserError for a domain without
    images, and too few to divide.
    """
    tests = layout.both("test") or layout.both("validation")
    files: dict[str, Files] = {}
    for position, letter in enumerate("AB"):
        folder = layout.folders[f"train{letter}"]
        train = linked_files(folder)
        test = linked_files(tests[position]) if tests else None
        train, test = (train, test) if test is not None else _divide(train, "test", folder)
        files[f"train{letter}"], files[f"test{letter}"] = train, test
    for truth in TRUTHS.values():
        if tests and is_folder(layout.root / truth):
            files[truth] = linked_files(layout.root / truth)
    return _link(name, files, _labels(layout.root, layout.folders, files), progress)


def link_validation_split(
    name: str, whole: DatasetFolder, progress: Progress | None = None
) -> Path:
    """A data set's training images, and in place of its test images those to validate with.

    These are the set's own, or the validation part of the training images. Settings are chosen on
    them, so that nothing is chosen on the test images. Those are left out, and so are true
    translations, which only they have. labels.csv follows the images. The folder is in the cache
    and made again when an image or label changed. Raises UserError for training splits too small to
    divide, and for a damaged labels.csv.
    """
    files: dict[str, Files] = {}
    for position, letter in enumerate("AB"):
        folder = whole.folder / f"train{letter}"
        train = linked_files(folder)
        if whole.validation:
            held = linked_files(whole.validation[position])
        else:
            train, held = _divide(train, "validation", folder)
        files[f"train{letter}"], files[f"test{letter}"] = train, held
    folders = {split: whole.folder / split for split in SPLITS}
    return _link(name, files, _labels(whole.folder, folders, files), progress)


def linked_files(folder: Path) -> Files:
    """Every file below `folder` by the name of its link, in a fixed order.

    `kind/<name>` becomes `kind__<name>`, with a dot in front where that would make an image of what
    is none. Raises UserError where two would get one name, and for a folder that cannot be listed.
    """
    files: Files = {}
    for file in files_below(folder):
        name = file.name.replace("/", "__")
        if is_image_name(name) and not is_image_name(file.name):
            name = f".{name}"
        if name in files:
            raise UserError(f"{file.path}: would be called {name}, as {files[name]} is; rename one")
        files[name] = file.path
    return files


def image_names(folder: Path) -> list[str]:
    """The names of the links to images. Raises UserError as `linked_files` does."""
    return [name for name in linked_files(folder) if is_image_name(name)]


def divided(names: list[str], held: Part) -> tuple[list[str], list[str]]:
    """Names of images without and with those that belong to the part `held`.

    Where the rule would leave one of the two empty, the image next to the part changes sides.
    Raises ValueError for less than two.
    """
    if len({place_of(name) for name in names}) < 2:
        raise ValueError(f"{len(names)} images cannot be divided")
    chosen = {place_of(name) for name in names if part_of(name) == held}
    places = {place_of(name) for name in names}
    if not chosen:
        chosen = {max(places)}
    elif chosen == places:
        chosen -= {min(places)}
    return (
        [name for name in names if place_of(name) not in chosen],
        [name for name in names if place_of(name) in chosen],
    )


def _divide(files: Files, held: Part, folder: Path) -> tuple[Files, Files]:
    """`files` without and with those of the part `held`. Raises UserError, naming `folder`."""
    images = [name for name in files if is_image_name(name)]
    if not images:
        endings = ", ".join(sorted(EXTENSIONS))
        raise UserError(f"{folder}: no images in or below it; put some there ({endings})")
    try:
        _, chosen = divided(images, held)
    except ValueError:
        raise UserError(
            f"{folder}: of its {len(images)} images none can be put by for the {held} part;"
            " add images"
        ) from None
    rest = {name: path for name, path in files.items() if name not in set(chosen)}
    return rest, {name: files[name] for name in chosen}


def _labels(root: Path, folders: Mapping[str, Path], files: Mapping[str, Files]) -> Labelled:
    """The lines of `root`/labels.csv, by the split and name that each file has now.

    `folders`: split -> folder, of the splits that the lines name.
    """
    lines = read_lines(root / FILE_NAME)
    if not lines:
        return {}
    by_path = {
        folders[split] / name: label for (split, name), label in lines.items() if split in folders
    }
    return {
        (split, name): by_path[path]
        for split, paths in files.items()
        for name, path in paths.items()
        if split in SPLITS and path in by_path
    }


def _link(
    name: str,
    files: Mapping[str, Files],
    labels: Labelled,
    progress: Progress | None,
) -> Path:
    """A folder in the cache with a link for each file of each split, and labels.csv if any.

    Its name ends in a hash of all that is in it, with sizes and times of change: it is used again
    as long as that stays. Where the file system has no links the files are copied.
    """
    links = [
        (split, file, path.absolute())
        for split, paths in files.items()
        for file, path in paths.items()
    ]
    digest = hashlib.sha256()
    for split, file, path in links:
        item = [split, file, str(path), *stamp(path), labels.get((split, file))]
        digest.update(json.dumps(item).encode())
    folder = cache_folder() / "datasets" / f"{name}-{digest.hexdigest()[:12]}"
    if not missing_splits(folder) and (not labels or (folder / FILE_NAME).is_file()):
        return folder
    with explained_writes(folder), build_folder(folder) as new:
        for split in files:
            (new / split).mkdir()
        for split, file, path in counted(links, len(links), progress):
            try:
                (new / split / file).symlink_to(path)
            except OSError:
                # What is no file is not copied; `scan` says so of a link.
                if path.is_file():
                    shutil.copyfile(path, new / split / file)
        if labels:
            write_lines(new / FILE_NAME, labels.items())
    return folder
