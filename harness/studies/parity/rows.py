"""What a check found: a row for the screen and for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from harness.system.errors import UserError
from harness.system.files import write_json
from harness.system.terminal_tables import show


@dataclass(frozen=True)
class ParityRow:
    """`measured` may be at most `tolerance`. `check` is the rung, `what` names the worst of it."""

    check: str
    what: str
    measured: float
    tolerance: float

    @property
    def passed(self) -> bool:
        return bool(self.measured <= self.tolerance)  # False for NaN

    @property
    def margin(self) -> float:
        """How many times more would pass; infinite where nothing was measured."""
        return self.tolerance / self.measured if self.measured else float("inf")


def print_rows(rows: Sequence[ParityRow], console: Console) -> None:
    table = Table("check", "what", "measured", "tolerance", "margin", "")
    for row in rows:
        margin = "exact" if row.measured == 0 else f"{row.margin:.1f}x"
        numbers = (f"{row.measured:.2g}", f"{row.tolerance:.2g}", margin)
        table.add_row(row.check, row.what, *numbers, "ok" if row.passed else "BREACH")
    show(table, console)


def as_json(rows: Sequence[ParityRow]) -> dict[str, Any]:
    """`rows [{check, what, measured (null: not finite), tolerance, passed}]`."""
    table = [
        {
            **asdict(row),
            "measured": float(row.measured) if np.isfinite(row.measured) else None,
            "passed": row.passed,
        }
        for row in rows
    ]
    return {"rows": table}


def write_rows(rows: Sequence[ParityRow], path: Path) -> None:
    """Raises UserError where `path` cannot be written."""
    try:
        write_json(path, as_json(rows))
    except OSError as error:
        raise UserError(f"--to {path}: cannot write there ({error.strerror})") from None
