"""Files that hold entries: one entry as JSON, a history with one a line, or a bench record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.studies.history.entry import Entry
from harness.system.errors import UserError
from harness.system.untrusted import LONGEST, check_file, parse_json, reason

MOST = 64 * 2**20  # bytes of a file; an entry has some thousand
KINDS = ("comparison", "bench")


def read_entries(path: Path) -> list[Entry]:
    """Raises UserError naming file and key; also for a JSON file that holds no entry."""
    if path.suffix == ".jsonl":
        return list(_read_history(path))
    document = read_document(path)
    if not holds_entries(document):
        raise UserError(
            f"{path}: kind: neither an entry nor a bench record; `cyclebench track RESULTS --to"
            " FILE` writes one"
        )
    return [_entry(document, str(path))]


def read_document(path: Path) -> Any:
    """Any JSON. Raises UserError."""
    return _parsed(_text(path), str(path))


def holds_entries(document: Any) -> bool:
    """Whether a JSON document says that it is an entry, or a bench record."""
    return isinstance(document, dict) and document.get("kind") in KINDS


def _read_history(path: Path) -> Iterator[Entry]:
    lines = _text(path).split("\n")
    for number, line in enumerate(lines, 1):
        if line.strip():
            where = f"{path}: line {number}"
            yield _entry(_parsed(line, where), where)


def _entry(document: Any, where: str) -> Entry:
    try:
        return Entry.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        key = ".".join(map(str, first["loc"]))[:LONGEST]
        why = ": ".join(filter(None, [key, reason(ValueError(first["msg"]))]))
        more = f", and {error.error_count() - 1} more" if error.error_count() > 1 else ""
    raise UserError(
        f"{where}: not an entry ({why}{more}); `cyclebench track RESULTS --to FILE` writes one"
    )


def _text(path: Path) -> str:
    try:
        check_file(path, MOST)
        return path.read_text("utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({reason(error)}); remove it") from None


def _parsed(text: str, where: str) -> Any:
    try:
        return parse_json(text)
    except ValueError as error:
        raise UserError(f"{where}: not JSON ({reason(error)}); correct it or remove it") from None
