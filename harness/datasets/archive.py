"""Unpacking a downloaded zip without trusting it."""

from __future__ import annotations

import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from pathlib import Path

from harness.datasets.cache import explained_writes
from harness.datasets.layout import ALL_SPLITS, SPLITS, Progress
from harness.errors import UserError

MAX_MEMBERS = 200_000
MAX_BYTES = 16 * 2**30
# Photographs hardly compress; a drawing may tenfold. Above this it is a decompression bomb.
MAX_RATIO = 50
CHUNK = 1024 * 1024

DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)


def unpack(archive: Path, target: Path, progress: Progress | None = None) -> None:
    """Unpack a data set's zip into the folder `target`, which appears complete or not at all.

    Accepts the published layout (`NAME/trainA/...`) and one without the top folder. All members are
    checked before the first is written: the archive is refused as a whole for an absolute or
    climbing path, a link or device, a name given twice, or sizes that no image set has. Members
    outside the split folders and hidden files are left in the archive. `progress` counts files.
    Raises UserError; then nothing is left behind, except `archive` itself.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            members = _members(file, archive)
            with explained_writes(target):
                _write(file, members, target, progress)
    except UserError:
        raise
    except DAMAGE as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{archive}: damaged or truncated zip ({reason}); fetch it again") from None
    except OSError as error:
        raise UserError(f"{archive}: cannot be read ({error.strerror or error})") from None


def _members(file: zipfile.ZipFile, archive: Path) -> dict[tuple[str, str], zipfile.ZipInfo]:
    """(split, file name) -> member, for every member to unpack."""
    infos = file.infolist()
    if len(infos) > MAX_MEMBERS:
        raise UserError(f"{archive}: {len(infos)} members, at most {MAX_MEMBERS} are accepted")
    seen: set[str] = set()
    for info in infos:
        problem = _problem(info, seen)
        if problem:
            raise UserError(f"{archive}: member {info.filename!r} {problem}; not unpacked")
        seen.add(_normal(info))
    _check_sizes(infos, archive)
    wanted = [info for info in infos if _is_wanted(info)]
    paths = [info.filename.split("/") for info in wanted]
    if len({"/".join(path[:-2]) for path in paths}) > 1:
        raise UserError(f"{archive}: more than one data set inside; give one of them by itself")
    members = {(path[-2], path[-1]): info for path, info in zip(paths, wanted, strict=True)}
    missing = set(SPLITS) - {split for split, _ in members}
    if missing:
        raise UserError(f"{archive}: no {', '.join(sorted(missing))} inside; not a data set")
    return members


def _problem(info: zipfile.ZipInfo, seen: set[str]) -> str | None:
    name = info.filename
    if "\0" in info.orig_filename or "\\" in info.orig_filename:
        return "has a forbidden character in its name"
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "has an absolute path"
    if any(part in ("", ".", "..") for part in name.removesuffix("/").split("/")):
        return "has a path that leads elsewhere"
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


def _is_wanted(info: zipfile.ZipInfo) -> bool:
    """A visible file directly in a split's folder, at most one folder deep."""
    parts = info.filename.split("/")
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    return len(parts) in (2, 3) and parts[-2] in ALL_SPLITS and not hidden and not info.is_dir()


def _write(
    file: zipfile.ZipFile,
    members: dict[tuple[str, str], zipfile.ZipInfo],
    target: Path,
    progress: Progress | None,
) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        for split in {split for split, _ in members}:
            (temporary / split).mkdir()
        for done, ((split, name), info) in enumerate(members.items(), 1):
            # zipfile compares the CRC when the member has been read to its end.
            with file.open(info) as source, (temporary / split / name).open("xb") as sink:
                shutil.copyfileobj(source, sink, CHUNK)
            if progress:
                progress(done, len(members))
        temporary.chmod(0o755)
        temporary.rename(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
