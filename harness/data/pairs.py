"""Data sets made of two sets of one domain each: their files found, fetched and put together."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from harness.data.archive import unpack_classes
from harness.data.cache import cache_folder, explained_writes
from harness.data.catalogue import Archive, CatalogueEntry, Pair
from harness.data.fetch import Report, StageProgress, fetch, fetch_and_unpack
from harness.data.linking import class_folders, pair_of_classes
from harness.data.packed import Packed, packed_as_published, packed_in_npz, pair_of_digits
from harness.data.scan import image_files
from harness.data.single_domains import SINGLES
from harness.data.sources import SOURCES, Classes, Digits, file_name
from harness.system.errors import UserError


def make_pair(
    entry: CatalogueEntry,
    source: Pair,
    data_dir: Path | None,
    report: Report,
    progress: StageProgress | None,
) -> Path:
    """The folder of a pair of the catalogue, made of files in `data_dir`, the cache or fetched.

    Raises UserError for files that are incomplete, damaged or not to be had.
    """
    a, b = SOURCES[source.a], SOURCES[source.b]
    if isinstance(a, Digits) and isinstance(b, Digits):
        return pair_of_digits(
            entry.name,
            _digits(source.a, a, data_dir, report, progress),
            _digits(source.b, b, data_dir, report, progress),
            progress and partial(progress, "write"),
        )
    if isinstance(a, Classes) and isinstance(b, Classes):
        return pair_of_classes(
            entry.name,
            _classes(source.a, a, data_dir, report, progress),
            _classes(source.b, b, data_dir, report, progress),
            progress and partial(progress, "link"),
        )
    raise UserError(f"{entry.name}: digits and folders of classes make no pair; give two alike")


def find_single(name: str, data_dir: Path | None) -> Path | None:
    """Where the set of one domain lies already: its folder, .npz or zip. Fetches nothing."""
    source = SOURCES[name]
    if isinstance(source, Classes):
        return find_classes(name, source, data_dir)
    packed = find_digits(name, source, data_dir)
    if packed is None:
        return None
    return packed.files[0] if len(packed.files) == 1 else packed.files[0].parent


def archives_of(name: str) -> tuple[Archive, ...]:
    """The published files of a set of one domain."""
    source = SOURCES[name]
    return (*source.train, *source.test) if isinstance(source, Digits) else (source.archive,)


def find_digits(name: str, source: Digits, data_dir: Path | None) -> Packed | None:
    """The set `name` in `data_dir`, its sub-folders `digits` and `name`, or the cache.

    As `name`.npz or in the publisher's files. Raises UserError where only some of these are there.
    """
    folders = [_cached()]
    if data_dir is not None:
        folders = [data_dir / "digits", data_dir, data_dir / name, *folders]
    for folder in folders:
        if (folder / f"{name}.npz").is_file():
            return packed_in_npz(folder / f"{name}.npz")
        train = [folder / file_name(archive) for archive in source.train]
        test = [folder / file_name(archive) for archive in source.test]
        missing = [file for file in (*train, *test) if not file.is_file()]
        if not missing:
            return packed_as_published(source, train, test)
        if len(missing) < len(train) + len(test) and folder != _cached():
            raise UserError(
                f"{folder}: has files of {SINGLES[name].title}, but not"
                f" {', '.join(file.name for file in missing)}; add that or remove the others"
            )
    return None


def find_classes(name: str, source: Classes, data_dir: Path | None) -> Path | None:
    """The domain's folder of classes, else its zip: in `data_dir`, its `domainnet` or the cache."""
    if data_dir is not None:
        places = (data_dir / "domainnet", data_dir)
        for folder in places:
            if has_classes(folder / name):
                return folder / name
        for folder in places:
            if (folder / file_name(source.archive)).is_file():
                return folder / file_name(source.archive)
    cached = _cached() / "domainnet" / name
    return cached if has_classes(cached) else None


def has_classes(folder: Path) -> bool:
    """Whether `folder` has a folder with an image in it."""
    return folder.is_dir() and any(image_files(kind) for kind in class_folders(folder))


def _cached() -> Path:
    return cache_folder() / "datasets" / "sources"


def _digits(
    name: str,
    source: Digits,
    data_dir: Path | None,
    report: Report,
    progress: StageProgress | None,
) -> Packed:
    single = SINGLES[name]
    if (digits := find_digits(name, source, data_dir)) is None:
        with explained_writes(_cached()):
            _cached().mkdir(parents=True, exist_ok=True)
        for archive in archives_of(name):
            target = _cached() / file_name(archive)
            if not target.is_file():
                fetch(single.title, single.licence, archive, target, report, progress)
        digits = find_digits(name, source, None)
    if digits is None:
        raise UserError(f"{_cached()}: files of {single.title} vanished; try again")
    report(f"{single.title}: found in {digits.files[0].parent}")
    return digits


def _classes(
    name: str,
    source: Classes,
    data_dir: Path | None,
    report: Report,
    progress: StageProgress | None,
) -> Path:
    """The folder of classes of a domain, unpacked if only a zip is there."""
    single, local = SINGLES[name], find_classes(name, source, data_dir)
    unpacker = partial(unpack_classes, name)
    if local is not None and local.is_dir():
        report(f"{single.title}: found in {local}")
        return local
    if local is not None:
        status = local.stat()
        folder = _cached() / "domainnet" / f"{name}-{status.st_size}-{status.st_mtime_ns}"
        if not has_classes(folder):
            report(f"{single.title}: unpacking {local} into {folder}")
            unpacker(local, folder, progress and partial(progress, "unpack"))
        return folder
    folder = _cached() / "domainnet" / name
    fetch_and_unpack(
        single.title, single.licence, source.archive, folder, unpacker, report, progress
    )
    return folder
