"""From what the user typed to a folder with images: local folders, the cache, a download."""

from __future__ import annotations

import hashlib
import shutil
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from harness.data.archive import unpack
from harness.data.cache import cache_folder, explained_writes
from harness.data.catalogue import CATALOGUE, BuiltIn, CatalogueEntry, Pair, Unusable, find_entry
from harness.data.fetch import Feedback, Report, StageProgress, Unavailable, fetch_and_unpack
from harness.data.find_local import CLASS_PAIR, find_class_pair, find_local
from harness.data.layout import SPLITS, DatasetFolder, HoldOut
from harness.data.linking import link_validation_split, pair_of_classes
from harness.data.pairs import make_pair
from harness.data.sources import SINGLES, pairable
from harness.system.errors import UserError
from harness.system.untrusted import expanded, shown

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
    or `sketch-real`, a folder, or `FOLDER:A-B` for two folders of classes. Looked for, in this
    order: a folder given by path; `data_dir`; the cache; the publisher's address, or the mirror
    named by CYCLEBENCH_MIRROR. `size` (pixels) and `counts` (train and test images of a domain)
    matter to built-in sets only, which are never looked for elsewhere. `hold_out`: "test"
    is all there is to train on and the test images; "validation" a tenth of the training images,
    chosen by name, in place of the test images, and the rest to train on. `report` gets a line on
    what is done. Raises UserError if nothing can be had: what was tried and where to put the files.
    """
    if hold_out not in ("test", "validation"):
        raise UserError(f"hold_out: {hold_out!r} is not known; give test or validation")
    feedback = Feedback(report, progress)
    whole = _find_or_fetch_whole(dataset, data_dir, size, counts, feedback)
    _check_name(whole.name)
    if hold_out == "test":
        return whole
    name = f"{whole.name}-validation"
    folder = link_validation_split(name, whole.folder, feedback.stage("link"))
    report(f"{name}: part of the training images in place of the test images, in {folder}")
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
        feedback.report(f"{local.name}: found in {local.folder}")
        return local
    if (domains := find_class_pair(dataset, data_dir)) is not None:
        a, b = domains
        name = f"{a.parent.name}-{a.name}-{b.name}"
        _check_name(name)
        folder = pair_of_classes(name, a, b, feedback.stage("link"))
        feedback.report(f"{name}: links to the images of {a} and {b} in {folder}")
        return DatasetFolder(name, folder, (a.name, b.name))
    if entry is None:
        names = ", ".join(entry.name for entry in CATALOGUE)
        where = f" and not in {data_dir}" if data_dir else ""
        raise UserError(
            f"{shown(dataset)}: not a known data set{where}; give one of {names},"
            f" A-B for two of {' or of '.join(pairable())},"
            f" the path of a folder with {', '.join(SPLITS)}, or {CLASS_PAIR}"
        )
    return _fetch(entry, data_dir, feedback)


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
