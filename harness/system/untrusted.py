"""Files and texts that anybody may have written: looked at before they are read, refused in a word.

A pipe is waited on for ever, a device never ends, and JSON knows numbers that no float holds.
"""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path
from typing import IO, Any, NoReturn

from harness.system.errors import UserError

LONGEST = 80  # characters of a value in a message
HALF = re.compile(r"\\u[dD][89a-fA-F]")  # which UTF-8 cannot write


def expanded(text: str | Path) -> Path:
    """With the home folder in place of a leading `~`. Raises UserError where there is none."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise UserError(f"{text}: no such user, so no home folder; write the path out") from None


def is_folder(path: Path) -> bool:
    """Unlike `Path.is_dir`, False for names that no file system takes, and where none may look."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def is_file(path: Path) -> bool:
    """As `is_folder`."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def check_file(path: Path, most: int | None = None) -> None:
    """Raises OSError where there is nothing to look at, ValueError unless it is a file.

    `most`: bytes, more of which are too many.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("not a file")
    if most is not None and status.st_size > most:
        raise ValueError(f"{status.st_size:,} bytes, at most {most:,} are read")


def check_end(table: IO[bytes]) -> None:
    """Raises ValueError unless a table's last line is whole; the place in the file stays."""
    place = table.tell()
    table.seek(-1, os.SEEK_END)
    if table.read(1) != b"\n":
        raise ValueError("its last line is cut off")
    table.seek(place)


def parse_json(text: str) -> Any:
    """Raises ValueError for what is no JSON, NaN, infinity and half characters among it."""
    try:
        value = json.loads(text, parse_constant=_refused, parse_float=_finite)
        if HALF.search(text):  # most often two halves that together are one character
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def shown(value: object, most: int = LONGEST) -> str:
    """As Python writes it, on one line and not too long, whatever it is."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits; lists in lists
        return f"a {type(value).__name__} too large to be shown"
    return text if len(text) <= most else f"{text[:most]}..."


def printable(text: str) -> str:
    """`text` on one line, and nothing in it that a terminal would obey."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def reason(error: BaseException, most: int = 2 * LONGEST) -> str:
    """What an exception says, on one line and not too long."""
    message = " ".join(str(error).split()) or type(error).__name__
    return message if len(message) <= most else f"{message[:most]}..."


def _refused(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:LONGEST]} is no number")
    return value
