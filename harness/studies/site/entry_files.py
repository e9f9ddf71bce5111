"""Files that hold entries: one entry as JSON, a history with one a line, or a bench record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.studies.history.entry import Entry
from harness.studies.history.file import is_history, read_history
from harness.studies.history.find import entries_of
from harness.studies.history.parts import in_short
from harness.system.errors import UserError
from harness.system.untrusted import check_file, parse_json, reason

MOST = 64 * 2**20  # bytes of a JSON file; an entry has some thousand
ADVICE = "`cyclebench track RESULTS --to FILE` writes entries"


def read_entries(path: Path) -> Sequence[Entry]:
    """Raises UserError naming file and key; also for a JSON file that holds no entry."""
    if is_history(path):
        return read_history(path)
    document = read_document(path)
    if is_bench_record(document):
        return list(entries_of(path).values())
    if not is_entry(document):
        raise UserError(f"{path}: kind: neither an entry nor a bench record; {ADVICE}")
    try:
        return [Entry.model_validate(document)]
    except ValidationError as error:
        raise UserError(f"{path}: not an entry ({in_short(error)}); {ADVICE}") from None


def read_document(path: Path) -> Any:
    """Any JSON. Raises UserError."""
    try:
        check_file(path, MOST)
        return parse_json(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: cannot be read as JSON ({reason(error)}); correct it or remove it"
        ) from None


def is_bench_record(document: Any) -> bool:
    return isinstance(document, dict) and document.get("kind") == "bench" and "starts" in document


def is_entry(document: Any) -> bool:
    """Whether it says that it is one."""
    kinds = ("comparison", "bench")
    return isinstance(document, dict) and document.get("kind") in kinds
