"""One thing that was checked, on the screen and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.system.terminal_tables import show
from harness.system.untrusted import printable

State = Literal["ok", "warning", "problem"]
COLOURS: dict[State, str] = {"ok": "green", "warning": "yellow", "problem": "bold red"}


@dataclass(frozen=True)
class Check:
    """`fix`: what to do, empty where there is nothing. A problem keeps a comparison from running,
    or makes it wrong; a warning is worth knowing before numbers are believed."""

    name: str
    state: State
    found: str
    fix: str = ""


def ok(name: str, found: str) -> Check:
    return Check(name, "ok", found)


def print_checks(checks: Sequence[Check], console: Console) -> None:
    table = Table()
    for column in ("", "check", "found"):
        table.add_column(column, overflow="fold")
    for check in checks:
        state = Text(check.state, style=COLOURS[check.state])
        table.add_row(state, check.name, Text(printable(check.found)))
        if check.fix:
            table.add_row("", "", Text(f"-> {printable(check.fix)}"))
    show(table, console)


def answer(checks: Sequence[Check]) -> str:
    """In a line."""
    states = [check.state for check in checks]
    problems, warnings = states.count("problem"), states.count("warning")
    return (
        f"{problems} problem{'' if problems == 1 else 's'},"
        f" {warnings} warning{'' if warnings == 1 else 's'}, {len(checks)} checks"
    )


def as_json(checks: Sequence[Check]) -> dict[str, Any]:
    """`ok` (no problem), `checks [{name, state, found, fix}]`."""
    good = all(check.state != "problem" for check in checks)
    return {"ok": good, "checks": [asdict(check) for check in checks]}
