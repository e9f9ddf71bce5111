"""One process writes a folder at a time; others can see that it does."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from harness.system.errors import UserError

# `is_locked` of somebody who only looks holds it for less than a pause.
TRIES, PAUSE = 3, 0.05  # seconds


@contextmanager
def locked(folder: Path, patience: float = 0.0, name: str = ".lock") -> Iterator[None]:
    """Two comparisons writing one folder would spoil both.

    `patience`: seconds to wait for another that is writing there. `name`: of the file that is
    locked, where only one file of the folder is written. Raises UserError.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = open_own(folder / name)
    except OSError as error:
        raise UserError(f"{folder}: cannot write there ({error.strerror}); set RESULTS") from None
    with lock:
        for _ in range(max(TRIES, round(patience / PAUSE))):
            with suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            time.sleep(PAUSE)
        else:
            raise UserError(f"{folder}: another cyclebench is writing there; wait for it")
        yield


def open_own(path: Path) -> BinaryIO:
    """A file that this program writes in place, such as a lock or a log: opened for appending, made
    if need be, never emptied.

    A folder of results may come from elsewhere, and a link in it leads to any file of the user's.
    Raises UserError for a link and for what is no file, else OSError.
    """
    refused = f"{path}: not a file of this program; remove it"
    if path.is_symlink():
        raise UserError(f"{path}: a symbolic link, which this program does not write to; remove it")
    try:
        # The system refuses a link that has just been put there.
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        file = os.fdopen(os.open(str(path), flags, 0o666), "ab")
    except IsADirectoryError:
        raise UserError(refused) from None
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise UserError(refused)
    return file


def is_locked(folder: Path) -> bool:
    """Whether a process is writing there, as `locked` lets it. Nothing is made or changed.

    The lock is tried for an instant, shared: True where that cannot be done.
    """
    try:
        with (folder / ".lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except FileNotFoundError:
        return False
    except OSError:
        return True
