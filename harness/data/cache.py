"""Where downloaded sets, scans and decoded images are kept."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from platformdirs import user_cache_dir

from harness.system.errors import UserError
from harness.system.untrusted import expanded

CACHE_VARIABLE = "CYCLEBENCH_CACHE"


def cache_folder() -> Path:
    """The environment variable CYCLEBENCH_CACHE, else the platform's cache folder of the user."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return expanded(chosen).absolute() if chosen else Path(user_cache_dir("cyclebench"))


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


@contextmanager
def build_folder(folder: Path, *, replace: bool = True) -> Iterator[Path]:
    """An empty folder to fill, which becomes `folder` in one step when the block ends well.

    What another process put there meanwhile stays: it made the same. If the block fails nothing is
    left behind, and what stood at `folder` before is still there; else it is replaced. `replace`:
    if not, it raises UserError where something stands there.
    """
    stood = folder.exists()
    if stood and not replace:
        raise UserError(f"{folder}: exists already; remove it or name another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    old = temporary.with_name(f"{temporary.name}.old")
    try:
        yield temporary
        temporary.chmod(0o755)
        if stood:
            with suppress(FileNotFoundError):
                folder.rename(old)
        try:
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
