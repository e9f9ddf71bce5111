"""What the built-in data sets have in common: a folder that appears complete or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.data.cache import build_folder
from harness.system.errors import UserError


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder to fill; it becomes `folder` at the end, or is removed on any error.

    Raises UserError if `folder` exists already.
    """
    if folder.exists():
        raise UserError(f"{folder}: exists already; remove it or name another folder")
    with build_folder(folder) as temporary:
        yield temporary
