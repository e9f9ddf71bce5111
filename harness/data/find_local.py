"""Data sets that lie on this machine already: given by path, in DATA_DIR, in the cache."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.data.cache import cache_folder
from harness.data.catalogue import CatalogueEntry, find_entry
from harness.data.files import sub_folders
from harness.data.find_layout import TWO_FOLDERS, Layout, find_layout, nothing_found
from harness.data.layout import SPLITS, is_path, missing_splits
from harness.system.errors import UserError
from harness.system.untrusted import expanded, is_file, is_folder

LONGEST = 1000  # characters of a path in a message


@dataclass(frozen=True)
class LocalSet:
    """A data set found: `path` is its folder, or a zip, whose `layout` is not known yet."""

    name: str
    titles: tuple[str, str]
    path: Path
    layout: Layout | None


def find_local(dataset: str, data_dir: Path | None) -> LocalSet | None:
    """The data set where it lies already (path, `data_dir`, cache), or None. Fetches nothing.

    `dataset` is a name, a path, or `FOLDER:A-B` for two folders in FOLDER, which is a path, a
    folder in `data_dir`, or `data_dir` itself by its name. Raises UserError for a folder that was
    clearly meant but is no data set, and for a `data_dir` that does not exist.
    """
    if not dataset:
        raise UserError("DATASET is empty; give a name or a folder, or leave it out for seasons")
    entry = find_entry(dataset)
    # A path that the user typed. A folder that happens to have a name may be no data set.
    path = expanded(dataset)
    meant = is_path(dataset) and (":" not in dataset or is_folder(path))
    if is_file(path) and (meant or path.suffix.lower() == ".zip"):
        return _of_file(path, None)
    if meant and not is_folder(path):
        name = str(path)[:LONGEST]
        raise UserError(f"{name}: no such folder; a data set is a folder with {', '.join(SPLITS)}")
    if local := _of_folder(path, None, meant):
        return local
    # A folder or a zip in `data_dir`, by name or alias, or `data_dir` itself.
    if data_dir is not None:
        data_dir = expanded(data_dir)
        check_data_dir(data_dir)
        names = [dataset] if entry is None else [entry.name, *entry.aliases, dataset]
        itself = [data_dir] if data_dir.resolve().name in names else []
        if local := _first_of([data_dir / name for name in names], itself, entry):
            return local
    if pair := _two_folders(dataset, data_dir):
        return pair
    # The cache, where its folder has the catalogue's name.
    if entry is None:
        return None
    cached = cache_folder() / "datasets" / entry.name
    return None if missing_splits(cached) else _of_folder(cached, entry, meant=True)


def check_data_dir(data_dir: Path | None) -> None:
    """Raises UserError for a folder that is not there."""
    if data_dir is not None and not is_folder(expanded(data_dir)):
        raise UserError(f"{data_dir}: no such folder; DATA_DIR must hold the data sets' folders")


def _first_of(
    inside: list[Path], itself: Iterable[Path], entry: CatalogueEntry | None
) -> LocalSet | None:
    """The first that is a data set. Raises UserError where a folder of the name is none."""
    zips = [path.with_name(f"{path.name}.zip") for path in inside]
    problems: list[UserError] = []
    for folder, meant in [*((path, True) for path in inside), *((path, False) for path in itself)]:
        try:
            if local := _of_folder(folder, entry, meant and is_folder(folder)):
                return local
        except UserError as error:
            problems.append(error)
    for file in zips:
        if is_file(file):
            return _of_file(file, entry)
    if problems:
        raise problems[0]
    return None


def _of_folder(folder: Path, entry: CatalogueEntry | None, meant: bool) -> LocalSet | None:
    """`meant`: whether UserError is raised where it is no data set; else the answer is None.

    `entry` None: that of the catalogue with the folder's name, if there is one.
    """
    if not is_folder(folder):
        return None
    try:
        layout = find_layout(folder.resolve())
        if layout is None:
            raise UserError(nothing_found(folder))
    except UserError:
        if meant:
            raise
        return None
    name, titles = _called(layout.root.name or "root", entry)
    return LocalSet(name, titles, layout.root, layout)


def _of_file(file: Path, entry: CatalogueEntry | None) -> LocalSet:
    if file.suffix.lower() != ".zip":
        raise UserError(
            f"{file}: a file; a data set is a zip, or a folder with {', '.join(SPLITS)}"
        )
    name, titles = _called(file.stem, entry)
    return LocalSet(name, titles, file.resolve(), None)


def _called(name: str, entry: CatalogueEntry | None) -> tuple[str, tuple[str, str]]:
    entry = entry or find_entry(name)
    return (name, ("A", "B")) if entry is None else (entry.name, entry.titles)


def _two_folders(dataset: str, data_dir: Path | None) -> LocalSet | None:
    """What `FOLDER:A-B` means; None where `dataset` is not of that form.

    Raises UserError for a FOLDER that is not there and domains it does not have.
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
        raise UserError(f"{name!r}: no such folder{where}; write {TWO_FOLDERS}")
    # Either name may have a hyphen in it: that one divides which leaves two folders.
    cuts = [index for index, letter in enumerate(domains) if letter == "-"]
    pairs = [(domains[:cut], domains[cut + 1 :]) for cut in cuts]
    fits = [
        (pair, layout)
        for pair in pairs
        if pair[0] != pair[1] and (layout := find_layout(root, pair))
    ]
    if len(fits) != 1:
        problem = "more than one way to divide it" if fits else "not two different folders there"
        folders = ", ".join(path.name for path in sub_folders(root)) or "no folders"
        raise UserError(f"{dataset!r}: {problem}; {root} has {folders}; write {TWO_FOLDERS}")
    (a, b), layout = fits[0]
    return LocalSet(f"{layout.root.name}-{a}-{b}", (a, b), layout.root, layout)
