"""Unpacking a downloaded zip without trusting it."""

from __future__ import annotations

import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.data.cache import build_folder, explained_writes
from harness.data.layout import ALL_SPLITS, SPLITS, Progress
from harness.data.split_rule import part_of
from harness.system.errors import UserError
from harness.system.untrusted import shown

MAX_MEMBERS = 200_000
MAX_BYTES = 16 * 2**30
# Photographs hardly compress; a drawing may tenfold. Above this it is a decompression bomb.
MAX_RATIO = 50
LONGEST_NAME = 255  # bytes
CHUNK = 1024 * 1024

# What reading a damaged zip raises; for an unknown compression or a password a RuntimeError.
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)

# (folder, file name) below the target -> member, for every member to unpack.
Members = dict[tuple[str, str], zipfile.ZipInfo]


def unpack(
    archive: Path, target: Path, progress: Progress | None = None, *, untested: bool = False
) -> None:
    """Unpack a data set's zip into the folder `target`, which appears complete or not at all.

    Accepts the published layout (`NAME/trainA/...`) and one without the top folder. All members are
    checked before the first is written: the archive is refused as a whole for an absolute or
    climbing path, a link or device, a name given twice, or sizes that no image set has. Members
    outside the split folders and hidden files are left in the archive. `progress` counts files.
    `untested`: published without test images, so a tenth of each training split becomes them.
    Raises UserError; then nothing is left behind, except `archive` itself.
    """
    choose = _train_and_test if untested else _splits
    _unpack(archive, target, progress, lambda infos: choose(infos, archive))


def unpack_classes(
    domain: str, archive: Path, target: Path, progress: Progress | None = None
) -> None:
    """Unpack `<domain>/<class>/<file>` of a zip into `target`/<class>/<file>; else as `unpack`."""
    _unpack(archive, target, progress, lambda infos: _classes(infos, archive, domain))


def _unpack(
    archive: Path,
    target: Path,
    progress: Progress | None,
    choose: Callable[[list[zipfile.ZipInfo]], Members],
) -> None:
    try:
        with zipfile.ZipFile(archive) as file:
            infos = file.infolist()
            _check(infos, archive)
            members = choose(infos)
            with explained_writes(target):
                _write(file, members, target, progress)
    except UserError:
        raise
    except DAMAGE as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{archive}: damaged or truncated zip ({reason}); fetch it again") from None
    except OSError as error:
        raise UserError(f"{archive}: cannot be read ({error.strerror or error})") from None


def _check(infos: list[zipfile.ZipInfo], archive: Path) -> None:
    """Raises UserError where the archive as a whole is not to be trusted."""
    if len(infos) > MAX_MEMBERS:
        raise UserError(f"{archive}: {len(infos)} members, at most {MAX_MEMBERS} are accepted")
    seen: set[str] = set()
    for info in infos:
        problem = _problem(info, seen)
        if problem:
            name = shown(info.filename)
            raise UserError(f"{archive}: member {name} {problem}; not unpacked, get another copy")
        seen.add(_normal(info))
    _check_sizes(infos, archive)


def _splits(
    infos: list[zipfile.ZipInfo], archive: Path, required: tuple[str, ...] = SPLITS
) -> Members:
    """The visible files directly in a split's folder, at most one folder deep."""
    wanted = [
        info for info, parts in _visible(infos) if len(parts) in (2, 3) and parts[-2] in ALL_SPLITS
    ]
    paths = [info.filename.split("/") for info in wanted]
    if len({"/".join(path[:-2]) for path in paths}) > 1:
        raise UserError(f"{archive}: more than one data set inside; give one of them by itself")
    members = {(path[-2], path[-1]): info for path, info in zip(paths, wanted, strict=True)}
    missing = set(required) - {split for split, _ in members}
    if missing:
        raise UserError(f"{archive}: no {', '.join(sorted(missing))} inside; not a data set")
    return members


def _train_and_test(infos: list[zipfile.ZipInfo], archive: Path) -> Members:
    """As `_splits`, the hash-chosen tenth of both training splits being the test splits."""
    published = _splits(infos, archive, required=("trainA", "trainB"))
    if any(split not in ("trainA", "trainB") for split, _ in published):
        raise UserError(f"{archive}: has test images, which this set is known not to have")
    return {
        ("test" + split[-1] if part_of(name) == "test" else split, name): info
        for (split, name), info in published.items()
    }


def _classes(infos: list[zipfile.ZipInfo], archive: Path, domain: str) -> Members:
    """The visible files of the classes of a domain."""
    members = {
        (parts[1], parts[2]): info
        for info, parts in _visible(infos)
        if len(parts) == 3 and parts[0] == domain
    }
    if not members:
        raise UserError(f"{archive}: no {domain}/<class>/<file> inside; it is another file")
    return members


def _visible(infos: list[zipfile.ZipInfo]) -> Iterator[tuple[zipfile.ZipInfo, list[str]]]:
    """Members that are files and not hidden, with the parts of their path."""
    for info in infos:
        parts = info.filename.split("/")
        hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
        if not hidden and not info.is_dir():
            yield info, parts


def _problem(info: zipfile.ZipInfo, seen: set[str]) -> str | None:
    name = info.filename
    if "\0" in info.orig_filename or "\\" in info.orig_filename:
        return "has a forbidden character in its name"
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "has an absolute path"
    parts = name.removesuffix("/").split("/")
    if any(part in ("", ".", "..") for part in parts):
        return "has a path that leads elsewhere"
    if any(len(part.encode(errors="replace")) > LONGEST_NAME for part in parts):
        return "has a name that no file system takes"
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device"
    if info.flag_bits & 1:
        return "is encrypted"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is compressed in an unusual way"
    if _normal(info) in seen:
        return "is there twice"
    return None


def _normal(info: zipfile.ZipInfo) -> str:
    return info.filename.removesuffix("/")


def _check_sizes(infos: list[zipfile.ZipInfo], archive: Path) -> None:
    total = sum(info.file_size for info in infos)
    if total > MAX_BYTES:
        raise UserError(f"{archive}: unpacks to {total} bytes, at most {MAX_BYTES} are accepted")
    if total > MAX_RATIO * archive.stat().st_size:
        raise UserError(f"{archive}: unpacks to {total} bytes, suspiciously many; not unpacked")


def _write(
    file: zipfile.ZipFile,
    members: Members,
    target: Path,
    progress: Progress | None,
) -> None:
    with build_folder(target) as temporary:
        for folder in {folder for folder, _ in members}:
            (temporary / folder).mkdir()
        for done, ((folder, name), info) in enumerate(members.items(), 1):
            # zipfile compares the CRC when the member has been read to its end.
            with file.open(info) as source, (temporary / folder / name).open("xb") as sink:
                shutil.copyfileobj(source, sink, CHUNK)
            if progress:
                progress(done, len(members))
