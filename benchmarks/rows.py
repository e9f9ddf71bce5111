"""What was measured, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.measure import Benchmark, Measured
from harness.system import provenance
from harness.system.errors import UserError
from harness.system.files import write_json
from harness.system.terminal_tables import show

SCALES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


@dataclass(frozen=True)
class Row:
    """`seconds`: the best of `repeats`; `per_item`: seconds; `peak_mb`: megabytes of 10^6 bytes."""

    what: str
    size: str
    seconds: float
    repeats: int
    per_item: float
    unit: str
    peak_mb: float

    @classmethod
    def of(cls, benchmark: Benchmark, measured: Measured) -> Row:
        return cls(
            what=benchmark.what,
            size=benchmark.size,
            seconds=measured.seconds,
            repeats=measured.repeats,
            per_item=measured.seconds / benchmark.items,
            unit=benchmark.unit,
            peak_mb=measured.peak / 1e6,
        )


def print_rows(rows: Sequence[Row], console: Console) -> None:
    table = Table(title="The harness's own hot paths", title_justify="left")
    for column in ("what", "size"):
        table.add_column(column)
    for column in ("best", "of", "per item", "peak extra memory"):
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(
            row.what,
            row.size,
            readable(row.seconds),
            str(row.repeats),
            f"{readable(row.per_item)} / {row.unit}",
            f"{row.peak_mb:,.0f} MB",
        )
    show(table, console)


def readable(seconds: float) -> str:
    """Three digits: 1.23 s, 45.6 ms, 789 ns."""
    scale, unit = next((each for each in SCALES if seconds >= each[0]), SCALES[-1])
    value = seconds / scale
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f} {unit}"


def as_json(rows: Sequence[Row]) -> dict[str, Any]:
    """`machine {cpu, threads}`, `rows [{fields of Row}]`."""
    machine = {"cpu": provenance.cpu_name(), "threads": provenance.default_threads()}
    return {"machine": machine, "rows": [asdict(row) for row in rows]}


def write_rows(rows: Sequence[Row], path: Path) -> None:
    """Raises UserError where `path` cannot be written."""
    try:
        write_json(path, as_json(rows))
    except OSError as error:
        raise UserError(f"--to {path}: cannot write there ({error.strerror})") from None
