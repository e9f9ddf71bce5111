"""From what the user typed to a folder with images: local folders, the cache, a download."""

from __future__ import annotations

import hashlib
import shutil
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from harness.data.archive import unpack, unpack_files
from harness.data.cache import cache_folder, explained_writes
from harness.data.catalogue import CATALOGUE, BuiltIn, CatalogueEntry, Pair, Unusable, find_entry
from harness.data.fetch import Feedback, Report, StageProgress, Unavailable, fetch_and_unpack
from harness.data.find_layout import TWO_FOLDERS, Layout, find_layout, nothing_found
from harness.data.find_local import LocalSet, find_local
from harness.data.layout import SPLITS, DatasetFolder, HoldOut, is_path
from harness.data.linking import link_layout, link_validation_split
from harness.data.pairs import make_pair
from harness.data.sources import SINGLES, pairable
from harness.system.errors import UserError
from harness.system.untrusted import expanded, is_folder, shown

DRAWING = Path(__file__).parent


def find_or_fetch(
    dataset: str,
    data_dir: Path | None,
    *,
    size: int,
    counts: tuple[int, int],
    hold_out: HoldOut = "test",
    report: Report = lambda line: None,
    progress: StageProgress | None = None,
) -> DatasetFolder:
    """Find a data set, or make or fetch it into the cache.

    `dataset` is a name of the catalogue, two sets of one domain that belong together as `svhn-usps`
    or `sketch-real`, a folder or a zip, or `FOLDER:A-B` for two folders of images. Looked for, in
    this order: a path; `data_dir`; the cache; the publisher's address, or the mirror named by
    CYCLEBENCH_MIRROR. A folder that is not of the published form is linked into one that is.
    `size` (pixels) and `counts` (train and test images of a domain) matter to built-in sets only,
    which are never looked for elsewhere. `hold_out`: "test" is all there is to train on and the
    test images; "validation" the set's own images to validate with, else a tenth of the training
    images, chosen by name, in place of the test images, and the rest to train on. `report` gets a
    line on what is done. Raises UserError if nothing can be had: what was tried and where to put
    the files.
    """
    if hold_out not in ("test", "validation"):
        raise UserError(f"hold_out: {hold_out!r} is not known; give test or validation")
    feedback = Feedback(report, progress)
    whole = _find_or_fetch_whole(dataset, data_dir, size, counts, feedback)
    _check_name(whole.name)
    if hold_out == "test":
        return whole
    name = f"{whole.name}-validation"
    folder = link_validation_split(name, whole, feedback.stage("link"))
    held = "its validation images" if whole.validation else "part of the training images"
    report(f"{name}: {held} in place of the test images, in {folder}")
    return DatasetFolder(name, folder, whole.titles)


def _find_or_fetch_whole(
    dataset: str,
    data_dir: Path | None,
    size: int,
    counts: tuple[int, int],
    feedback: Feedback,
) -> DatasetFolder:
    entry = find_entry(dataset)
    if entry is not None and isinstance(entry.source, BuiltIn):
        return _draw(entry, entry.source, size, counts, feedback)
    data_dir = data_dir and expanded(data_dir)
    local = find_local(dataset, data_dir)
    if local is not None:
        return _arranged(local, feedback)
    if entry is None and not is_path(dataset) and is_folder(Path(dataset)):
        raise UserError(nothing_found(Path(dataset)))
    if entry is None:
        names = ", ".join(entry.name for entry in CATALOGUE)
        where = f" and not in {data_dir}" if data_dir else ""
        raise UserError(
            f"{shown(dataset)}: not a known data set{where}; give one of {names},"
            f" A-B for two of {' or of '.join(pairable())},"
            f" the path of a folder with {', '.join(SPLITS)} or of a zip of it, or {TWO_FOLDERS}"
        )
    return _fetch(entry, data_dir, feedback)


def _arranged(local: LocalSet, feedback: Feedback) -> DatasetFolder:
    """The set as a folder of the published form; says what was taken for what."""
    layout = local.layout or _unpacked(local, feedback)
    validation = layout.both("validation")
    if layout.published:
        feedback.report(f"{local.name}: found in {layout.root}")
        return DatasetFolder(local.name, layout.root, local.titles, validation)
    _check_name(local.name)
    folder = link_layout(local.name, layout, feedback.stage("link"))
    said = [
        f"{place} as {split}"
        for split, path in layout.folders.items()
        if (place := path.relative_to(layout.root).as_posix()) != split
    ]
    if not layout.both("test"):
        stands_in = "those to validate with" if validation else "a tenth, chosen by name,"
        said.append(f"no test images: {stands_in} in their place")
    what = f": {', '.join(said)}" if said else ""
    feedback.report(f"{local.name}: found in {layout.root}{what}; linked in {folder}")
    return DatasetFolder(local.name, folder, local.titles, validation)


def _unpacked(local: LocalSet, feedback: Feedback) -> Layout:
    """The layout of a zip's files, unpacked into the cache unless this very file was before."""
    status = local.path.stat()
    name = f"{local.path.stem}-{status.st_size}-{status.st_mtime_ns}"
    folder = cache_folder() / "datasets" / "zips" / name
    if not folder.exists():
        feedback.report(f"{local.name}: unpacking {local.path} into {folder}")
        unpack_files(local.path, folder, feedback.stage("unpack"))
    layout = find_layout(folder)
    if layout is None:
        raise UserError(nothing_found(folder).replace(str(folder), str(local.path)))
    return layout


def _check_name(name: str) -> None:
    """Raises UserError unless `name` is text, as records and pages are to show it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise UserError(f"{name!a}: a folder whose name is not UTF-8; rename it") from None


def _fetch(entry: CatalogueEntry, data_dir: Path | None, feedback: Feedback) -> DatasetFolder:
    """The entry put together or fetched. Raises UserError, with advice where it cannot be had."""
    name, source = entry.name, entry.source
    assert not isinstance(source, BuiltIn), "those are drawn"
    if isinstance(source, Unusable):
        raise UserError(f"{name}: {source.reason}; give another data set ({source.url})")
    datasets, place = cache_folder() / "datasets", data_dir or "DATA_DIR"
    try:
        if isinstance(source, Pair):
            archives = (*SINGLES[source.a].archives, *SINGLES[source.b].archives)
            put = f"{', '.join(archive.file_name for archive in archives)} into {place}"
            folder = make_pair(name, source, data_dir, feedback)
        else:
            put = f"{name} into {place}/{name}/{{{','.join(SPLITS)}}}"
            folder = datasets / name
            unpacker = partial(unpack, untested=source.untested)
            fetch_and_unpack(name, entry.licence, source, folder, unpacker, feedback)
    except Unavailable as error:
        tried = f"{data_dir} nor in {datasets}" if data_dir else f"{datasets}"
        raise UserError(
            f"{error}. Not in {tried} either: put {put} and give DATA_DIR,"
            " or use DATASET=seasons, which needs no files"
        ) from None
    return DatasetFolder(name, folder, entry.titles)


def _draw(
    entry: CatalogueEntry,
    source: BuiltIn,
    size: int,
    counts: tuple[int, int],
    feedback: Feedback,
) -> DatasetFolder:
    """The built-in set, drawn into the cache unless this very version of it is there."""
    train, test = counts
    name = f"{entry.name}-{size}px-{train}x{test}-{_version_of_drawing(source)}"
    folder = cache_folder() / "datasets" / name
    if not all((folder / part).exists() for part in source.parts):
        feedback.report(
            f"{entry.name}: drawing {train} + {test} images a domain of {size} px into {folder}"
        )
        write = getattr(import_module(f"harness.data.{source.package}"), source.writer)
        with explained_writes(folder):
            if folder.exists():
                shutil.rmtree(folder)
            try:
                write(folder, size, train, test, feedback.stage("draw"))
            except ValueError as error:
                raise UserError(f"{entry.name}: {error}; give other sizes or counts") from None
    return DatasetFolder(entry.name, folder, entry.titles)


def _version_of_drawing(source: BuiltIn, code: Path = DRAWING) -> str:
    """Changes with the code that draws, so that an older drawing is never taken for this one's."""
    digest = hashlib.sha256()
    for path in sorted((code / source.package).glob("*.py")):
        digest.update(path.read_bytes())
    for library in source.libraries:
        digest.update(f"{library} {version(library)}\n".encode())
    return digest.hexdigest()[:8]
