"""From what the user typed to a folder with images: local folders, the cache, a download."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from harness.datasets.archive import MAX_BYTES, unpack
from harness.datasets.cache import cache_folder, explained_writes
from harness.datasets.catalogue import CATALOGUE, Archive, BuiltIn, Entry, find_entry
from harness.datasets.connection import fetch_text
from harness.datasets.download import download
from harness.datasets.layout import SPLITS, missing_splits
from harness.errors import UserError

MIRROR_VARIABLE = "CYCLEBENCH_MIRROR"
DRAWING = Path(__file__).parent

Report = Callable[[str], None]
StageProgress = Callable[[str, int, int], None]  # stage, done, total (0: not known)


@dataclass(frozen=True)
class Located:
    """A data set on disk: `folder` has trainA trainB testA testB. `titles` are the two domains."""

    name: str
    folder: Path
    titles: tuple[str, str]


def locate(
    dataset: str,
    data_dir: Path | None,
    *,
    size: int,
    counts: tuple[int, int],
    report: Report = lambda line: None,
    progress: StageProgress | None = None,
) -> Located:
    """Find a data set, or make or fetch it into the cache.

    Looked for, in this order: a folder given by path; `data_dir`; the cache; the publisher's
    address, or the mirror named by CYCLEBENCH_MIRROR. `size` (pixels) and `counts` (train and test
    images of a domain) matter to the built-in `seasons` only, which is never looked for elsewhere.
    `report` gets a line on what is done. Raises UserError if nothing can be had: what was tried and
    where to put the files.
    """
    entry = find_entry(dataset)
    if entry is not None and isinstance(entry.source, BuiltIn):
        return _draw(entry, entry.source, size, counts, report, progress)
    found = find_local(dataset, data_dir)
    if found is not None:
        report(f"{found.name}: found in {found.folder}")
        return found
    if entry is None or not isinstance(entry.source, Archive):
        raise UserError(_unknown(dataset, data_dir))
    folder = cache_folder() / "datasets" / entry.name
    try:
        _fetch(entry, entry.source, folder, report, progress)
    except UserError as error:
        raise UserError(f"{error}. {_advice(entry, data_dir)}") from None
    return Located(entry.name, folder, entry.titles)


def find_local(dataset: str, data_dir: Path | None) -> Located | None:
    """The data set where it lies already (path, `data_dir`, cache), or None. Fetches nothing.

    Raises UserError for a folder that was clearly meant but lacks some of the splits, and for a
    `data_dir` that does not exist.
    """
    if not dataset:
        raise UserError("DATASET is empty; give a name or a folder, or leave it out for seasons")
    entry = find_entry(dataset)
    path = Path(dataset).expanduser()
    if not missing_splits(path):
        return _named_by_folder(path)
    if _is_path(dataset):
        raise UserError(_incomplete(path))
    if data_dir is not None:
        found = _in_data_dir(dataset, entry, data_dir.expanduser())
        if found is not None:
            return found
    if entry is None:
        return None
    cached = cache_folder() / "datasets" / entry.name
    return None if missing_splits(cached) else Located(entry.name, cached, entry.titles)


def _is_path(dataset: str) -> bool:
    return os.sep in dataset or dataset.startswith(("~", "."))


def _named_by_folder(path: Path) -> Located:
    folder = path.resolve()
    entry = find_entry(folder.name)
    if entry is None:
        return Located(folder.name or "root", folder, ("A", "B"))
    return Located(entry.name, folder, entry.titles)


def _in_data_dir(dataset: str, entry: Entry | None, data_dir: Path) -> Located | None:
    if not data_dir.is_dir():
        raise UserError(f"{data_dir}: no such folder; DATA_DIR must hold the data sets' folders")
    names = [dataset] if entry is None else [entry.name, *entry.aliases, dataset]
    folders = [data_dir / name for name in names]
    if data_dir.resolve().name in names:
        folders.append(data_dir)
    for folder in folders:
        if not missing_splits(folder):
            return _under_name(entry, folder)
    for folder in folders[: len(names)]:
        if folder.is_dir():
            raise UserError(_incomplete(folder))
    return None


def _under_name(entry: Entry | None, folder: Path) -> Located:
    if entry is None:
        return _named_by_folder(folder)
    return Located(entry.name, folder.resolve(), entry.titles)


def _incomplete(folder: Path) -> str:
    if not folder.is_dir():
        return f"{folder}: no such folder; a data set is a folder with {', '.join(SPLITS)}"
    return (
        f"{folder}: no folder {', '.join(missing_splits(folder))} in it;"
        f" a data set is a folder with {', '.join(SPLITS)}"
    )


def _unknown(dataset: str, data_dir: Path | None) -> str:
    names = ", ".join(entry.name for entry in CATALOGUE)
    where = f" and not in {data_dir}" if data_dir else ""
    return (
        f"{dataset!r}: not a known data set{where}; give one of {names},"
        f" or the path of a folder with {', '.join(SPLITS)}"
    )


def _advice(entry: Entry, data_dir: Path | None) -> str:
    tried = [*([str(data_dir)] if data_dir else []), str(cache_folder() / "datasets")]
    return (
        f"Not in {' nor in '.join(tried)} either: put {entry.name} into"
        f" {data_dir or 'DATA_DIR'}/{entry.name}/{{{','.join(SPLITS)}}} and give DATA_DIR,"
        " or use DATASET=seasons, which needs no files"
    )


def _fetch(
    entry: Entry, source: Archive, folder: Path, report: Report, progress: StageProgress | None
) -> None:
    """Download and unpack into `folder`; a partial download stays only if it can be continued."""
    archive, limit = _from_mirror(entry, source)
    size = f"{archive.size / 1e6:.0f} MB, " if archive.size else ""
    report(f"{entry.name}: downloading {archive.url} ({size}{entry.licence})")
    zip_file = folder.with_name(f".{entry.name}.zip")
    with explained_writes(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists():
            shutil.rmtree(folder)  # a cached copy someone took a split from
    try:
        download(
            archive.url,
            zip_file,
            sha256=archive.sha256,
            size_limit=limit,
            progress=progress and partial(progress, "download"),
        )
        report(f"{entry.name}: unpacking into {folder}")
        _unpack(zip_file, folder, archive.url, progress)
    finally:
        zip_file.unlink(missing_ok=True)
        with suppress(OSError):
            folder.parent.rmdir()  # only if empty


def _unpack(zip_file: Path, folder: Path, url: str, progress: StageProgress | None) -> None:
    try:
        unpack(zip_file, folder, progress and partial(progress, "unpack"))
    except UserError as error:
        # The user knows the address, not the temporary file.
        raise UserError(str(error).replace(str(zip_file), url)) from None


def _from_mirror(entry: Entry, source: Archive) -> tuple[Archive, int]:
    """The archive to fetch and the most bytes it may have.

    A mirror may publish NAME.zip.sha256 (as `sha256sum` prints it): who names the mirror trusts
    it. Without one the published archive's checksum holds.
    """
    base = os.environ.get(MIRROR_VARIABLE, "").rstrip("/")
    if not base:
        return source, source.size
    url = f"{base}/{entry.name}.zip"
    listed = fetch_text(f"{url}.sha256")
    if listed is None:
        return replace(source, url=url), source.size
    line = re.match(r"\\?([0-9a-fA-F]{64})(\s|$)", listed)
    if line is None:
        raise UserError(f"{url}.sha256: not a line of sha256sum; mend it or remove it")
    return Archive(url, 0, line[1].lower()), MAX_BYTES


def _draw(
    entry: Entry,
    source: BuiltIn,
    size: int,
    counts: tuple[int, int],
    report: Report,
    progress: StageProgress | None,
) -> Located:
    """The built-in set, drawn into the cache unless this very version of it is there."""
    train, test = counts
    name = f"{entry.name}-{size}px-{train}x{test}-{_version_of_drawing(source)}"
    folder = cache_folder() / "datasets" / name
    if not all((folder / part).exists() for part in source.parts):
        report(f"{entry.name}: drawing {train} + {test} images a domain of {size} px into {folder}")
        write = getattr(import_module(f"harness.datasets.{source.package}"), source.writer)
        with explained_writes(folder):
            if folder.exists():
                shutil.rmtree(folder)
            folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                write(folder, size, train, test, progress and partial(progress, "draw"))
            except ValueError as error:
                raise UserError(f"{entry.name}: {error}; give other sizes or counts") from None
    return Located(entry.name, folder, entry.titles)


def _version_of_drawing(source: BuiltIn, code: Path = DRAWING) -> str:
    """Changes with the code that draws, so that an older drawing is never taken for this one's."""
    digest = hashlib.sha256()
    for path in sorted((code / source.package).glob("*.py")):
        digest.update(path.read_bytes())
    for library in source.libraries:
        digest.update(f"{library} {version(library)}\n".encode())
    return digest.hexdigest()[:8]
