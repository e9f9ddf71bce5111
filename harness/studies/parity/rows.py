"""One row for each check, on the screen and as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from harness.studies.parity.tolerances import Arithmetic
from harness.system.errors import UserError
from harness.system.files import write_json
from harness.system.terminal_tables import show


@dataclass(frozen=True)
class ParityRow:
    """`measured` may be at most `tolerance`. `check` is the rung, `what` names the worst of it.

    `arithmetic`: what `measured` is a deviation in; see tolerances.Arithmetic.
    """

    check: str
    what: str
    measured: float
    tolerance: float
    arithmetic: Arithmetic

    @property
    def passed(self) -> bool:
        return bool(self.measured <= self.tolerance)  # False for NaN


def print_rows(rows: Sequence[ParityRow], console: Console) -> None:
    table = Table("check", "what", "measured", "tolerance", "margin", "")
    for row in rows:
        margin = f"{row.tolerance / row.measured:.1f}x" if row.measured else "exact"
        numbers = (f"{row.measured:.2g}", f"{row.tolerance:.2g}", margin)
        table.add_row(row.check, row.what, *numbers, "ok" if row.passed else "BREACH")
    show(table, console)


def as_json(rows: Sequence[ParityRow]) -> dict[str, Any]:
    """`rows [{check, what, measured (null: not finite), tolerance, arithmetic, passed}]`."""
    table = []
    for row in rows:
        measured = float(row.measured) if math.isfinite(row.measured) else None
        table.append({**asdict(row), "measured": measured, "passed": row.passed})
    return {"rows": table}


def write_rows(rows: Sequence[ParityRow], path: Path) -> None:
    """Raises UserError where `path` cannot be written."""
    try:
        write_json(path, as_json(rows))
    except OSError as error:
        raise UserError(f"--to {path}: cannot write there ({error.strerror})") from None
