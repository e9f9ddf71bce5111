"""One row for each check, on the screen and as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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


def print_experiments(experiments: Mapping[str, Sequence[ParityRow]], console: Console) -> None:
    """A line for each; then in full what failed."""
    table = Table("experiment", "checks", "closest to its tolerance", "")
    for name, rows in experiments.items():
        closest = max(rows, key=_of_tolerance)
        near = f"{_of_tolerance(closest):.2g} of it, {closest.check}"
        passed = all(row.passed for row in rows)
        table.add_row(name, str(len(rows)), near, "ok" if passed else "BREACH")
    show(table, console)
    for name, rows in experiments.items():
        if failed := [row for row in rows if not row.passed]:
            console.print(f"\n{name}", markup=False, highlight=False)
            print_rows(failed, console)


def _of_tolerance(row: ParityRow) -> float:
    """Measured deviation in units of what is allowed."""
    if row.tolerance and math.isfinite(row.measured):
        return row.measured / row.tolerance
    return 0.0 if row.passed else math.inf


def as_json(rows: Sequence[ParityRow]) -> dict[str, Any]:
    """`rows [{check, what, measured (null: not finite), tolerance, arithmetic, passed}]`."""
    return {"rows": _table(rows)}


def with_covering(
    rows: Sequence[ParityRow], experiments: Mapping[str, Sequence[ParityRow]]
) -> dict[str, Any]:
    """As `as_json`; and `covering {name: rows}` where any were climbed."""
    covered = {name: _table(each) for name, each in experiments.items()}
    return {**as_json(rows), **({"covering": covered} if covered else {})}


def _table(rows: Sequence[ParityRow]) -> list[dict[str, Any]]:
    table = []
    for row in rows:
        measured = float(row.measured) if math.isfinite(row.measured) else None
        table.append({**asdict(row), "measured": measured, "passed": row.passed})
    return table


def write_document(document: Mapping[str, Any], path: Path) -> None:
    """Raises UserError where `path` cannot be written."""
    try:
        write_json(path, document)
    except OSError as error:
        raise UserError(f"--to {path}: cannot write there ({error.strerror})") from None
