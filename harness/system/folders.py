"""Folders that are replaced as a whole: made beside their place, then two renames."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from harness.system.errors import UserError
from harness.system.files import PARTIAL
from harness.system.lock import is_locked, locked

OLD, DONE = ".old", ".done"


@contextmanager
def replacing_folder(path: Path, otherwise: str) -> Iterator[Path]:
    """A folder to fill, which takes the place of `path` if the block ends well, and is gone if not.

    It has the name of `path`, in a folder beside it. Of a killed process both stay where they are:
    `recover_folder` comes first. Raises UserError where nothing can be written; `otherwise` says
    what to do then.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(mkdtemp(prefix=_prefix(path), suffix=PARTIAL, dir=path.parent))
    except OSError as error:
        raise UserError(f"{path}: cannot write there ({error.strerror}); {otherwise}") from None
    try:
        with locked(beside):
            new, old = beside / path.name, beside / OLD
            new.mkdir()
            yield new
            with suppress(FileNotFoundError):
                path.rename(old)
            new.rename(path)
            with suppress(FileNotFoundError):
                old.rename(beside / DONE)  # from now on it is not put back
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def recover_folder(path: Path) -> None:
    """Put back what a process that was killed between its renames has moved away; remove what else
    such processes left."""
    siblings = list(path.parent.iterdir()) if path.parent.is_dir() else []
    for beside in siblings:
        ours = beside.name.startswith(_prefix(path)) and beside.name.endswith(PARTIAL)
        if not ours or is_locked(beside):
            continue
        if (beside / OLD).is_dir() and not path.exists():
            (beside / OLD).rename(path)
        shutil.rmtree(beside, ignore_errors=True)


def _prefix(path: Path) -> str:
    return f".{path.name}."
