"""One process writes a folder at a time; others can see that it does."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

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
        lock = (folder / name).open("w")
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
