"""What was verified, as a table and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from harness.system.terminal_tables import show
from harness.tools.verify.verify import Verification

if TYPE_CHECKING:
    from rich.console import Console


def print_rows(verified: Verification, console: Console) -> None:
    table = Table("run", "check", "", "what was found")
    for row in verified.rows:
        # As it is: paths may have brackets in them, which would be markup.
        table.add_row(*(Text(cell) for cell in (row.run, row.check, row.outcome, row.note)))
    show(table, console)


def as_json(verified: Verification) -> dict[str, Any]:
    """`experiment`, `steps`, `ok`, `rows [{run, check, outcome, note}]`."""
    rows = [asdict(row) for row in verified.rows]
    head = {"experiment": str(verified.folder), "steps": verified.steps}
    return {**head, "ok": verified.ok, "rows": rows}
