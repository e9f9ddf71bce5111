"""Unpacking a downloaded zip without trusting it."""

from __future__ import annotations

import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from harness.data.cache import build_folder, explained_writes
from harness.data.layout import ALL_SPLITS, SPLITS, Progress, counted, part_of
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

Infos = list[zipfile.ZipInfo]
Members = dict[str, zipfile.ZipInfo]  # path below the target -> member, for all to unpack


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
    _unpack(archive, target, progress, partial(_splits, archive, untested))


def unpack_classes(
    domain: str, archive: Path, target: Path, progress: Progress | None = None
) -> None:
    """Unpack `<domain>/<class>/<file>` of a zip into `target`/<class>/<file>; else as `unpack`."""
    _unpack(archive, target, progress, partial(_classes, archive, domain))


def unpack_files(archive: Path, target: Path, progress: Progress | None = None) -> None:
    """Unpack every visible file of a zip into `target`, as it lies in there; else as `unpack`."""
    _unpack(archive, target, progress, lambda infos: _files(archive, infos))


def _unpack(
    archive: Path, target: Path, progress: Progress | None, choose: Callable[[Infos], Members]
) -> None:
    try:
        with zipfile.ZipFile(archive) as file:
            infos = file.infolist()
            _check(infos, archive)
            members = choose(infos)
            with explained_writes(target), build_folder(target) as temporary:
                for name in members:
                    (temporary / name).parent.mkdir(parents=True, exist_ok=True)
                for name, info in counted(members.items(), len(members), progress):
                    # zipfile compares the CRC when the member has been read to its end.
                    with file.open(info) as source, (temporary / name).open("xb") as sink:
                        shutil.copyfileobj(source, sink, CHUNK)
    except UserError:
        raise
    except DAMAGE as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{archive}: damaged or truncated zip ({reason}); fetch it again") from None
    except OSError as error:
        raise UserError(f"{archive}: cannot be read ({error.strerror or error})") from None


def _check(infos: Infos, archive: Path) -> None:
    """Raises UserError where the archive as a whole is not to be trusted."""
    if len(infos) > MAX_MEMBERS:
        raise UserError(f"{archive}: {len(infos)} members, at most {MAX_MEMBERS} are accepted")
    names: set[str] = set()
    for info in infos:
        name = info.filename.removesuffix("/")
        problem = _problem(info) or ("is there twice" if name in names else None)
        if problem:
            raise UserError(
                f"{archive}: member {shown(info.filename)} {problem};"
                " not unpacked, get another copy"
            )
        names.add(name)
    total = sum(info.file_size for info in infos)
    if total > MAX_BYTES:
        raise UserError(f"{archive}: unpacks to {total} bytes, at most {MAX_BYTES} are accepted")
    if total > MAX_RATIO * archive.stat().st_size:
        raise UserError(f"{archive}: unpacks to {total} bytes, suspiciously many; not unpacked")


def _problem(info: zipfile.ZipInfo) -> str | None:
    """Why a member is not to be trusted."""
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
    return None


def _splits(archive: Path, untested: bool, infos: Infos) -> Members:
    """The visible files directly in a split's folder, at most one folder deep.

    `untested`: the tenth of both training splits that the names choose becomes the test splits.
    """
    wanted = [
        (parts, info)
        for info, parts in _visible(infos)
        if len(parts) in (2, 3) and parts[-2] in ALL_SPLITS
    ]
    if len({"/".join(parts[:-2]) for parts, _ in wanted}) > 1:
        raise UserError(f"{archive}: more than one data set inside; give one of them by itself")
    members = {"/".join(parts[-2:]): info for parts, info in wanted}
    required = {"trainA", "trainB"} if untested else set(SPLITS)
    published = {parts[-2] for parts, _ in wanted}
    if missing := required - published:
        raise UserError(f"{archive}: no {', '.join(sorted(missing))} inside; not a data set")
    if not untested:
        return members
    if published != required:
        raise UserError(f"{archive}: has test images, which this set is known not to have")
    return {
        f"test{path[5:]}" if part_of(path) == "test" else path: info
        for path, info in members.items()
    }


def _classes(archive: Path, domain: str, infos: Infos) -> Members:
    """The visible files of the classes of a domain."""
    members = {
        f"{parts[1]}/{parts[2]}": info
        for info, parts in _visible(infos)
        if len(parts) == 3 and parts[0] == domain
    }
    if not members:
        raise UserError(f"{archive}: no {domain}/<class>/<file> inside; it is another file")
    return members


def _files(archive: Path, infos: Infos) -> Members:
    members = {"/".join(parts): info for info, parts in _visible(infos)}
    if not members:
        raise UserError(f"{archive}: no visible file inside; not a data set")
    return members


def _visible(infos: Infos) -> Iterator[tuple[zipfile.ZipInfo, list[str]]]:
    """Members that are files and not hidden, with the parts of their path."""
    for info in infos:
        parts = info.filename.split("/")
        hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
        if not hidden and not info.is_dir():
            yield info, parts
