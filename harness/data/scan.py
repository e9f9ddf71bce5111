"""One pass over a data set: every file read and decoded once, the findings kept in the cache."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL

from harness.data.cache import cache_folder, explained_writes
from harness.data.decode import UnreadableImage, bombs_refused, decode, is_turned
from harness.data.files import FileBelow, files_below
from harness.data.layout import ALL_SPLITS, Progress, counted
from harness.system.errors import UserError
from harness.system.files import read_json, write_json
from harness.system.untrusted import check_file

# What a cached finding depends on besides the file itself.
SCANNER = f"2 pillow {PIL.__version__}"
MAX_FILE_BYTES = 256 * 2**20


@dataclass(frozen=True)
class FileFacts:
    """What one file turned out to be; `problem` says why it cannot be used, None where it can.

    `name` is its path from the split's folder, with `/`. `sha256` is of the file's bytes, `pixels`
    a digest of size and decoded RGB values. `turned`: a camera's mark says to turn it.
    """

    split: str
    name: str
    sha256: str = ""
    pixels: str = ""
    greyscale: bool = False
    turned: bool = False
    problem: str | None = None


def scan(folder: Path, progress: Progress | None = None) -> tuple[FileFacts, ...]:
    """Facts of every file below every split present, ordered by split, then by name.

    Files are decoded once: a later scan looks only at size and times of change. Hidden files and
    files without an image's extension are not opened. Raises UserError if a folder cannot be listed
    or the cache cannot be written.
    """
    files = [(split, file) for split in ALL_SPLITS for file in files_below(folder / split)]
    name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:32]
    cache = cache_folder() / "scans" / f"{name}.json"
    cached = _read_cache(cache)

    def examine_cached(one: tuple[str, FileBelow]) -> tuple[list[int], FileFacts]:
        split, file = one
        now = stamp(file.path)
        entry = cached.get(f"{split}/{file.name}")
        if entry is not None and entry["stamp"] == now:
            return now, FileFacts(**{key: entry[key] for key in FileFacts.__dataclass_fields__})
        return now, examine(split, file)

    facts: list[FileFacts] = []
    fresh: dict[str, Any] = {}
    with bombs_refused(), ThreadPoolExecutor(os.cpu_count()) as pool:
        examined = pool.map(examine_cached, files)
        try:
            for now, fact in counted(examined, len(files), progress):
                facts.append(fact)
                if fact.sha256:  # a file that could not even be read may be readable tomorrow
                    fresh[f"{fact.split}/{fact.name}"] = {"stamp": now, **asdict(fact)}
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    if fresh != cached:
        with explained_writes(cache):
            write_json(cache, {"scanner": SCANNER, "files": fresh})
    return tuple(facts)


def stamp(path: Path) -> list[int]:
    """Size and times of change; nothing for a broken link.

    The status time is one of them, as it moves also when a copy keeps the old times.
    """
    try:
        status = path.stat()
    except OSError:
        return []
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def examine(split: str, file: FileBelow) -> FileFacts:
    """Read and decode one file. Never raises for a bad file: the facts say what is wrong."""
    try:
        name = file.name
        name.encode()
        if "\\" in name:  # a separator elsewhere, so no manifest has it
            return FileFacts(split, name, problem="has a backslash in its name; rename it")
        if file.problem is not None:
            return FileFacts(split, name, problem=file.problem)
        check_file(file.path, MAX_FILE_BYTES)
        content = file.path.read_bytes()
    except UnicodeEncodeError:
        # As text, for it is put on pages.
        name = name.encode(errors="backslashreplace").decode()
        return FileFacts(split, name, problem="its name is not UTF-8")
    except OSError as error:
        return FileFacts(split, name, problem=f"cannot be read: {error.strerror}")
    except ValueError as error:
        return FileFacts(split, name, problem=f"cannot be read: {error}")
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        image = decode(content)
    except UnreadableImage as error:
        return FileFacts(split, name, sha256, problem=str(error))
    pixels = np.ascontiguousarray(image)
    # No copies: an image may have 89 million pixels, and several are looked at at once.
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(pixels.data)
    red, green, blue = (pixels[..., channel] for channel in range(3))
    grey = bool((red == green).all() and (red == blue).all())
    return FileFacts(split, name, sha256, digest.hexdigest(), grey, is_turned(image))


def _read_cache(path: Path) -> dict[str, Any]:
    """Cached findings by `split/name`; empty where there are none of this scanner."""
    try:
        document = read_json(path)
        files = document["files"] if document["scanner"] == SCANNER else {}
        return {
            name: entry
            for name, entry in files.items()
            if all(isinstance(entry[key], str) for key in ("split", "name", "sha256", "pixels"))
            and isinstance(entry["greyscale"], bool)
            and isinstance(entry["turned"], bool)
            and isinstance(entry["problem"], str | None)
            and "stamp" in entry
        }
    except (UserError, KeyError, AttributeError, TypeError):
        return {}
