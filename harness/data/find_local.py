"""Data sets that lie on this machine already: given by path, in DATA_DIR, in the cache."""

from __future__ import annotations

from pathlib import Path

from harness.data.cache import cache_folder
from harness.data.catalogue import CatalogueEntry, find_entry
from harness.data.layout import SPLITS, DatasetFolder, is_path, missing_splits
from harness.data.linking import class_folders
from harness.system.errors import UserError
from harness.system.untrusted import expanded, is_folder

LONGEST = 1000  # characters of a path in a message
CLASS_PAIR = "FOLDER:A-B for images in FOLDER/A/<class>/ and FOLDER/B/<class>/"


def find_local(dataset: str, data_dir: Path | None) -> DatasetFolder | None:
    """The data set where it lies already (path, `data_dir`, cache), or None. Fetches nothing.

    Raises UserError for a folder that was clearly meant but lacks some of the splits, and for a
    `data_dir` that does not exist.
    """
    if not dataset:
        raise UserError("DATASET is empty; give a name or a folder, or leave it out for seasons")
    entry = find_entry(dataset)
    # A path that the user typed.
    path = expanded(dataset)
    if not missing_splits(path):
        return _dataset_at(path, None)
    if is_path(dataset) and (":" not in dataset or is_folder(path)):
        raise UserError(_incomplete(path))
    # A folder in `data_dir`, by name or alias, or `data_dir` itself.
    if data_dir is not None:
        data_dir = expanded(data_dir)
        check_data_dir(data_dir)
        names = [dataset] if entry is None else [entry.name, *entry.aliases, dataset]
        inside = [data_dir / name for name in names]
        itself = [data_dir] if data_dir.resolve().name in names else []
        for folder in (*inside, *itself):
            if not missing_splits(folder):
                return _dataset_at(folder, entry)
        for folder in inside:
            if is_folder(folder):
                raise UserError(_incomplete(folder))
    # The cache, where its folder has the catalogue's name.
    if entry is None:
        return None
    cached = cache_folder() / "datasets" / entry.name
    return None if missing_splits(cached) else DatasetFolder(entry.name, cached, entry.titles)


def _dataset_at(folder: Path, entry: CatalogueEntry | None) -> DatasetFolder:
    """`entry` None: that of the catalogue with the folder's name, if there is one."""
    folder = folder.resolve()
    entry = entry or find_entry(folder.name)
    if entry is None:
        return DatasetFolder(folder.name or "root", folder, ("A", "B"))
    return DatasetFolder(entry.name, folder, entry.titles)


def check_data_dir(data_dir: Path | None) -> None:
    """Raises UserError for a folder that is not there."""
    if data_dir is not None and not is_folder(expanded(data_dir)):
        raise UserError(f"{data_dir}: no such folder; DATA_DIR must hold the data sets' folders")


def _incomplete(folder: Path) -> str:
    if not is_folder(folder):
        name = str(folder)[:LONGEST]
        return f"{name}: no such folder; a data set is a folder with {', '.join(SPLITS)}"
    return (
        f"{folder}: no folder {', '.join(missing_splits(folder))} in it;"
        f" a data set is a folder with {', '.join(SPLITS)}"
    )


def find_class_pair(dataset: str, data_dir: Path | None) -> tuple[Path, Path] | None:
    """The two folders of classes that `FOLDER:A-B` means: FOLDER/A and FOLDER/B.

    FOLDER is a path, or a folder in `data_dir`, or `data_dir` itself by its name. None where
    `dataset` is not of that form. Raises UserError for a FOLDER that is not there and domains it
    does not have.
    """
    name, colon, domains = dataset.rpartition(":")
    if not colon or not name:
        return None
    # Where FOLDER may be.
    path = expanded(name)
    places = [path]
    if data_dir is not None and not is_path(name):
        itself = [data_dir] if data_dir.resolve().name == name else []
        places = [data_dir / name, *itself, path]
    root = next((place.resolve() for place in places if is_folder(place)), None)
    if root is None:
        where = "" if data_dir is None else f" in {data_dir}"
        raise UserError(f"{name!r}: no such folder{where}; write {CLASS_PAIR}")
    # Either name may have a hyphen in it: that one divides which leaves two folders.
    cuts = [index for index, letter in enumerate(domains) if letter == "-"]
    pairs = [(domains[:cut], domains[cut + 1 :]) for cut in cuts]
    folders = {folder.name for folder in class_folders(root)}
    fits = [(a, b) for a, b in pairs if a in folders and b in folders and a != b]
    if len(fits) != 1:
        problem = "more than one way to divide it" if fits else "not two different folders there"
        raise UserError(
            f"{dataset!r}: {problem}; {root} has {', '.join(sorted(folders)) or 'no folders'};"
            f" write {CLASS_PAIR}"
        )
    return root / fits[0][0], root / fits[0][1]
