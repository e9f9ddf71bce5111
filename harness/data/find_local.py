"""Data sets that lie on this machine already: given by path, in DATA_DIR, in the cache."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.data.cache import cache_folder
from harness.data.catalogue import Entry, find_entry
from harness.data.class_pairs import is_path
from harness.data.layout import SPLITS, missing_splits
from harness.system.errors import UserError
from harness.system.untrusted import expanded, is_folder

LONGEST = 1000  # characters of a path in a message


@dataclass(frozen=True)
class Located:
    """A data set on disk: `folder` has trainA trainB testA testB. `titles` are the two domains."""

    name: str
    folder: Path
    titles: tuple[str, str]


def find_local(dataset: str, data_dir: Path | None) -> Located | None:
    """The data set where it lies already (path, `data_dir`, cache), or None. Fetches nothing.

    Raises UserError for a folder that was clearly meant but lacks some of the splits, and for a
    `data_dir` that does not exist.
    """
    if not dataset:
        raise UserError("DATASET is empty; give a name or a folder, or leave it out for seasons")
    entry = find_entry(dataset)
    path = expanded(dataset)
    if not missing_splits(path):
        return _named_by_folder(path)
    if is_path(dataset) and (":" not in dataset or is_folder(path)):
        raise UserError(_incomplete(path))
    if data_dir is not None:
        found = _in_data_dir(dataset, entry, expanded(data_dir))
        if found is not None:
            return found
    if entry is None:
        return None
    cached = cache_folder() / "datasets" / entry.name
    return None if missing_splits(cached) else Located(entry.name, cached, entry.titles)


def _named_by_folder(path: Path) -> Located:
    folder = path.resolve()
    entry = find_entry(folder.name)
    if entry is None:
        return Located(folder.name or "root", folder, ("A", "B"))
    return Located(entry.name, folder, entry.titles)


def check_data_dir(data_dir: Path | None) -> None:
    """Raises UserError for a folder that is not there."""
    if data_dir is not None and not is_folder(expanded(data_dir)):
        raise UserError(f"{data_dir}: no such folder; DATA_DIR must hold the data sets' folders")


def _in_data_dir(dataset: str, entry: Entry | None, data_dir: Path) -> Located | None:
    check_data_dir(data_dir)
    names = [dataset] if entry is None else [entry.name, *entry.aliases, dataset]
    folders = [data_dir / name for name in names]
    if data_dir.resolve().name in names:
        folders.append(data_dir)
    for folder in folders:
        if not missing_splits(folder):
            return _under_name(entry, folder)
    for folder in folders[: len(names)]:
        if is_folder(folder):
            raise UserError(_incomplete(folder))
    return None


def _under_name(entry: Entry | None, folder: Path) -> Located:
    if entry is None:
        return _named_by_folder(folder)
    return Located(entry.name, folder.resolve(), entry.titles)


def _incomplete(folder: Path) -> str:
    if not is_folder(folder):
        name = str(folder)[:LONGEST]
        return f"{name}: no such folder; a data set is a folder with {', '.join(SPLITS)}"
    return (
        f"{folder}: no folder {', '.join(missing_splits(folder))} in it;"
        f" a data set is a folder with {', '.join(SPLITS)}"
    )
