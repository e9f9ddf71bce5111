"""A history on disk: one entry a line, oldest first as they were appended (results/README.md)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError

from harness.studies.history.entry import Entry
from harness.studies.study import first_wrong
from harness.system.errors import UserError
from harness.system.files import MOST_JSON, write_bytes
from harness.system.lock import locked
from harness.system.untrusted import check_file, parse_json, reason, shown

ENDING = ".jsonl"
PATIENCE = 20.0  # seconds for another that appends


def is_history(path: Path) -> bool:
    """By its name: whether it can be read is seen when it is."""
    return path.suffix == ENDING


def read_history(path: Path) -> list[Entry]:
    """In the file's order; what is there twice, once.

    Raises UserError that names the file, and the line that is no entry.
    """
    return _entries(path, _content(path))


def append(path: Path, entries: Iterable[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Those that were not in the history and now are, and all that are.

    What was in the file stays as it was, byte for byte. The file is replaced in one step while no
    other process can append. Raises UserError for a history that has a damaged line: nothing is
    written then.
    """
    try:
        path = path.resolve()  # a link stays one
        if os.path.lexists(path):
            read_history(path)  # before anything is written, the lock too
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path.parent, PATIENCE, f".{path.name}.lock"):
            before = _content(path) if os.path.lexists(path) else b""
            there = _entries(path, before)
            known, added = {entry.identity for entry in there}, []
            for entry in entries:
                if entry.identity not in known:
                    known.add(entry.identity)
                    added.append(entry)
            if added:
                separator = b"\n" if before and not before.endswith(b"\n") else b""
                lines = "".join(f"{entry.line()}\n" for entry in added)
                write_bytes(path, before + separator + lines.encode())
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        raise UserError(
            f"{path}: cannot write there ({reason(error)}); name another file: --to"
        ) from None
    return added, [*there, *added]


def _content(path: Path) -> bytes:
    try:
        check_file(path, MOST_JSON)
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; `cyclebench track` makes it") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({reason(error)}); give another file") from None


def _entries(path: Path, content: bytes) -> list[Entry]:
    # Not `splitlines`: other characters that end a line may be in a text.
    lines: Sequence[bytes] = content.removesuffix(b"\n").split(b"\n") if content else ()
    entries: dict[str, Entry] = {}
    for number, line in enumerate(lines, 1):
        try:
            entry = _entry(line)
        except (ValueError, TypeError) as error:
            why = first_wrong(error) if isinstance(error, ValidationError) else reason(error)
            raise UserError(
                f"{path}:{number}: not an entry of a history ({why}); restore the line, or take it"
                " out"
            ) from None
        entries.setdefault(entry.identity, entry)
    return list(entries.values())


def _entry(line: bytes) -> Entry:
    document = parse_json(line.decode())
    version = document.get("schema_version") if isinstance(document, dict) else None
    if type(version) is not int or version != 1:
        raise ValueError(f"schema_version {shown(version)}, this cyclebench reads 1")
    return Entry.model_validate(document)
