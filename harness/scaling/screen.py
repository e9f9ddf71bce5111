"""What a record shows on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.report import tables as cells
from harness.scaling.answers import answers
from harness.scaling.findings import find
from harness.scaling.record import Record
from harness.scaling.tables import fit_table, point_table


def print_record(record: Record, console: Console) -> None:
    """Every point and fit, then the answers in short."""
    findings = find(record)
    for each in findings.axes:
        console.print(_rich(point_table(findings, each)))
    console.print(_rich(fit_table(findings)))
    for answer in answers(findings):
        console.print(f"{answer.question} {answer.short}.", markup=False, highlight=False,
                      soft_wrap=True)  # fmt: skip


def _rich(table: cells.Table) -> Table:
    """Text, not markup: names of devices and errors are shown as they are."""
    shown = Table()
    for place, cell in enumerate(table.header):
        head = f"{cell.text}\n{cell.detail}" if cell.detail else cell.text
        shown.add_column(Text(head), justify="right" if place else "left")
    for row in table.rows:
        shown.add_row(*(Text(f"{cell.text}  {cell.detail}".strip()) for cell in row))
    return shown
