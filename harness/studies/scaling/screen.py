"""What a record shows on a terminal, and as JSON."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.report.comparison import tables as cells
from harness.studies.scaling.answers import answers
from harness.studies.scaling.findings import find
from harness.studies.scaling.record import Record
from harness.studies.scaling.tables import csv_table, fit_table, point_table
from harness.system.terminal_tables import show


def print_record(record: Record, console: Console) -> None:
    """Every point and fit, then the answers in short."""
    findings = find(record)
    for each in findings.axes:
        show(_rich(point_table(findings, each)), console)
    show(_rich(fit_table(findings)), console)
    for answer in answers(findings):
        console.print(f"{answer.question} {answer.short}.", markup=False, highlight=False,
                      soft_wrap=True)  # fmt: skip


def as_json(record: Record) -> dict[str, Any]:
    """What `print_record` says: `points` as in table.csv, `answers` in words."""
    findings = find(record)
    rows = csv_table([findings]).to_dict("records")
    return {
        "preset": record.preset,
        "device": record.device,
        "points": [{str(key): _plain(value) for key, value in row.items()} for row in rows],
        "answers": [
            {"question": each.question, "answer": each.short} for each in answers(findings)
        ],
    }


def _plain(value: Any) -> Any:
    """As JSON has it: null for what is not finite or cannot be had."""
    value = value.item() if isinstance(value, np.generic) else value
    return (
        None if value is pd.NA or (isinstance(value, float) and not np.isfinite(value)) else value
    )


def _rich(table: cells.Table) -> Table:
    """Text, not markup: names of devices and errors are shown as they are."""
    shown = Table()
    for place, cell in enumerate(table.header):
        head = f"{cell.text}\n{cell.detail}" if cell.detail else cell.text
        shown.add_column(Text(head), justify="right" if place else "left")
    for row in table.rows:
        shown.add_row(*(Text(f"{cell.text}  {cell.detail}".strip()) for cell in row))
    return shown
