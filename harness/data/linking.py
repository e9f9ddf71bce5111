"""Data-set folders made of links to images that lie elsewhere: nothing is copied or re-encoded."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from harness.data.cache import build_folder, cache_folder, explained_writes
from harness.data.decode import EXTENSIONS
from harness.data.labels import FILE_NAME, read_lines, write_lines
from harness.data.layout import Part, Progress, counted, missing_splits, part_of
from harness.data.scan import image_files, stamp
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
        train, test = _divide(class_files(folder), "test", folder)
        files[f"train{letter}"], files[f"test{letter}"] = train, test
    return _link(name, files, {}, progress)


def link_validation_split(name: str, folder: Path, progress: Progress | None = None) -> Path:
    """A data set's training images, those of the validation part in place of its test images.

    Settings are chosen on them, so that nothing is chosen on the test images. Those are left out,
    and so are true translations, which only they have. labels.csv follows the images. The folder is
    in the cache and made again when an image or label changed. Raises UserError for training splits
    too small to divide, and for a damaged labels.csv.
    """
    files: dict[str, dict[str, Path]] = {}
    for letter in "AB":
        source = folder / f"train{letter}"
        images = {path.name: path for path in image_files(source)}
        train, held = _divide(images, "validation", source)
        files[f"train{letter}"], files[f"test{letter}"] = train, held
    lines = read_lines(folder / FILE_NAME) or {}
    labels = {
        (split, file): lines[f"train{split[-1]}", file]
        for split, paths in files.items()
        for file in paths
        if (f"train{split[-1]}", file) in lines
    }
    return _link(name, files, labels, progress)


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


def _divide(
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


def _link(
    name: str,
    files: Mapping[str, Mapping[str, Path]],
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
                shutil.copyfile(path, new / split / file)
        if labels:
            write_lines(new / FILE_NAME, labels.items())
    return folder
