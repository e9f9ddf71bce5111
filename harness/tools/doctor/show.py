"""Checks on the screen and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.system.terminal_tables import show
from harness.system.untrusted import printable
from harness.tools.doctor.check import Check

COLOURS = {"ok": "green", "warning": "yellow", "problem": "bold red"}


def print_checks(checks: Sequence[Check], console: Console) -> None:
    table = Table()
    for name in ("", "check", "found"):
        table.add_column(name, overflow="fold")
    for each in checks:
        found = Text(printable(each.found))
        table.add_row(Text(each.state, style=COLOURS[each.state]), each.name, found)
        if each.fix:
            table.add_row("", "", Text(f"-> {printable(each.fix)}"))
    show(table, console)


def answer(checks: Sequence[Check]) -> str:
    """In a line."""
    counts = {
        state: sum(each.state == state for each in checks) for state in ("problem", "warning")
    }
    problems, warnings = (
        f"{count} {name}{'' if count == 1 else 's'}" for name, count in counts.items()
    )
    return f"{problems}, {warnings}, {len(checks)} checks"


def as_json(checks: Sequence[Check]) -> dict[str, Any]:
    """`ok` (no problem), `checks [{name, state, found, fix}]`."""
    good = all(each.state != "problem" for each in checks)
    return {"ok": good, "checks": [asdict(each) for each in checks]}
