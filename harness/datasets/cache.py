"""Where downloaded sets, scans and decoded images are kept."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_cache_dir

from harness.errors import UserError

CACHE_VARIABLE = "CYCLEBENCH_CACHE"


def cache_folder() -> Path:
    """The environment variable CYCLEBENCH_CACHE, else the platform's cache folder of the user."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser().absolute() if chosen else Path(user_cache_dir("cyclebench"))


@contextmanager
def explained_writes(folder: Path) -> Iterator[None]:
    """Turn a full disk or a read-only folder into a UserError that says what to do."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{error.filename or folder}: cannot write ({error.strerror or error}); free some space"
            f" or point {CACHE_VARIABLE} at a folder that can be written"
        ) from None
