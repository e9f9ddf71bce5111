"""Data sets made of two sets of one domain each: their files found, fetched and put together."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from harness.data.archive import unpack_classes
from harness.data.cache import build_folder, cache_folder, explained_writes
from harness.data.catalogue import Pair
from harness.data.fetch import Feedback, fetch, fetch_and_unpack
from harness.data.files import has_images
from harness.data.find_layout import Layout
from harness.data.formats import LabelledImages, read_npz
from harness.data.labels import FILE_NAME, write_lines
from harness.data.layout import Progress, counted, missing_splits
from harness.data.linking import link_layout
from harness.data.sources import SINGLES, Classes, Digits
from harness.system.checksums import digest_of
from harness.system.errors import UserError

# Changes with the readers or the way files are written and named: an older copy is not used then.
VERSION = "1"


@dataclass(frozen=True)
class DigitFiles:
    """Where a set of digits is: one .npz, or its publisher's files, first those to train with."""

    source: Digits
    files: tuple[Path, ...]

    def read(self) -> tuple[LabelledImages, LabelledImages]:
        """Train and test images. Raises UserError as the readers of `formats` do."""
        if len(self.files) == 1:
            return read_npz(self.files[0])
        train = len(self.source.train)
        return self.source.read(*self.files[:train]), self.source.read(*self.files[train:])


def make_pair(name: str, pair: Pair, data_dir: Path | None, feedback: Feedback) -> Path:
    """The folder of a pair of the catalogue, made of files in `data_dir`, the cache or fetched.

    Raises UserError for files that are incomplete, damaged or not to be had.
    """
    a, b = SINGLES[pair.a], SINGLES[pair.b]
    if isinstance(a, Digits) and isinstance(b, Digits):
        files_a = _digits(pair.a, a, data_dir, feedback)
        files_b = _digits(pair.b, b, data_dir, feedback)
        return _pair_of_digits(name, files_a, files_b, feedback.stage("write"))
    assert isinstance(a, Classes) and isinstance(b, Classes), "only two of one kind make a pair"
    folder_a = _classes(pair.a, a, data_dir, feedback)
    folder_b = _classes(pair.b, b, data_dir, feedback)
    layout = Layout(folder_a.parent, {"trainA": folder_a, "trainB": folder_b})
    return link_layout(name, layout, feedback.stage("link"))


def find_single(name: str, data_dir: Path | None) -> Path | None:
    """Where the set of one domain lies already: its folder, .npz or zip. Fetches nothing."""
    source = SINGLES[name]
    if isinstance(source, Classes):
        return _find_classes(name, source, data_dir)
    digits = _find_digits(name, source, data_dir)
    if digits is None:
        return None
    return digits.files[0] if len(digits.files) == 1 else digits.files[0].parent


def _find_digits(name: str, source: Digits, data_dir: Path | None) -> DigitFiles | None:
    """The set `name` in `data_dir`, its sub-folders `digits` and `name`, or the cache.

    As `name`.npz or in the publisher's files. Raises UserError where only some of these are there.
    """
    folders = [_cached()]
    if data_dir is not None:
        folders = [data_dir / "digits", data_dir, data_dir / name, *folders]
    for folder in folders:
        if (folder / f"{name}.npz").is_file():
            return DigitFiles(source, (folder / f"{name}.npz",))
        files = tuple(folder / archive.file_name for archive in source.archives)
        missing = [file for file in files if not file.is_file()]
        if not missing:
            return DigitFiles(source, files)
        if len(missing) < len(files) and folder != _cached():
            raise UserError(
                f"{folder}: has files of {source.title}, but not"
                f" {', '.join(file.name for file in missing)}; add that or remove the others"
            )
    return None


def _find_classes(name: str, source: Classes, data_dir: Path | None) -> Path | None:
    """The domain's folder of classes, else its zip: in `data_dir`, its `domainnet` or the cache."""
    if data_dir is not None:
        places = (data_dir / "domainnet", data_dir)
        for folder in places:
            if has_images(folder / name):
                return folder / name
        for folder in places:
            if (folder / source.archive.file_name).is_file():
                return folder / source.archive.file_name
    cached = _cached() / "domainnet" / name
    return cached if has_images(cached) else None


def _cached() -> Path:
    return cache_folder() / "datasets" / "sources"


def _digits(name: str, source: Digits, data_dir: Path | None, feedback: Feedback) -> DigitFiles:
    """The files of a set of digits; those that are nowhere are fetched into the cache."""
    if (digits := _find_digits(name, source, data_dir)) is None:
        with explained_writes(_cached()):
            _cached().mkdir(parents=True, exist_ok=True)
        for archive in source.archives:
            target = _cached() / archive.file_name
            if not target.is_file():
                fetch(source.title, source.licence, archive, target, feedback)
        digits = _find_digits(name, source, None)
    if digits is None:
        raise UserError(f"{_cached()}: files of {source.title} vanished; try again")
    feedback.report(f"{source.title}: found in {digits.files[0].parent}")
    return digits


def _pair_of_digits(name: str, a: DigitFiles, b: DigitFiles, progress: Progress | None) -> Path:
    """Two sets as a data set of PNG files in the cache, with their published splits and labels.

    Files are 00000.png, 00001.png, ... in the published order, of the published size and depth. The
    folder's name ends in a hash of the source files' content, so it is made once. `progress` counts
    images. Raises UserError as the readers do.
    """
    try:
        digests = [",".join(map(digest_of, digits.files)) for digits in (a, b)]
    except OSError as error:
        raise UserError(
            f"{error.filename}: cannot be read ({error.strerror}); check its rights"
        ) from None
    identity = hashlib.sha256("\n".join([VERSION, *digests]).encode()).hexdigest()[:12]
    folder = cache_folder() / "datasets" / f"{name}-{identity}"
    if not missing_splits(folder) and (folder / FILE_NAME).is_file():
        return folder
    with explained_writes(folder), build_folder(folder) as new:
        splits: dict[str, LabelledImages] = {}
        for letter, digits in (("A", a), ("B", b)):
            splits[f"train{letter}"], splits[f"test{letter}"] = digits.read()
        images = [
            (split, f"{index:05d}.png", pixels, str(label))
            for split, part in splits.items()
            for index, (pixels, label) in enumerate(zip(part.images, part.labels, strict=True))
        ]
        for split in splits:
            (new / split).mkdir()
        for split, file, pixels, _ in counted(images, len(images), progress):
            Image.fromarray(pixels).save(new / split / file)
        write_lines(new / FILE_NAME, (((split, file), label) for split, file, _, label in images))
    return folder


def _classes(name: str, source: Classes, data_dir: Path | None, feedback: Feedback) -> Path:
    """The folder of classes of a domain, fetched or unpacked where it is not there."""
    local = _find_classes(name, source, data_dir)
    unpacker = partial(unpack_classes, name)
    if local is None:
        folder = _cached() / "domainnet" / name
        fetch_and_unpack(source.title, source.licence, source.archive, folder, unpacker, feedback)
        return folder
    if local.is_dir():
        feedback.report(f"{source.title}: found in {local}")
        return local
    status = local.stat()
    folder = _cached() / "domainnet" / f"{name}-{status.st_size}-{status.st_mtime_ns}"
    if not has_images(folder):
        feedback.report(f"{source.title}: unpacking {local} into {folder}")
        unpacker(local, folder, feedback.stage("unpack"))
    return folder
