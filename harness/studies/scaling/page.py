"""report.html, report.md, figures and table.csv of all records in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.report.formatting import plural
from harness.report.render import write_pages
from harness.studies.scaling.answers import answers
from harness.studies.scaling.findings import Findings, find
from harness.studies.scaling.plots import figures, name
from harness.studies.scaling.record import Record, find_records
from harness.studies.scaling.tables import csv_table, fit_table, point_table
from harness.system.errors import UserError
from harness.system.files import write_table


def write_page(folder: Path) -> Path:
    """A pure function of the records there; returns the path of report.html.

    Raises UserError where there are none, or one is damaged.
    """
    records = find_records(folder)
    if not records:
        raise UserError(f"{folder}: no records of scaling; run `make scaling` to make one")
    every = [find(record) for record in records]
    drawn = {file: png for findings in every for file, png in figures(findings).items()}
    given = context(every, drawn)
    write_table(folder / "table.csv", csv_table(every))
    return write_pages(folder, "scaling", given, drawn)


def context(every: list[Findings], drawn: dict[str, bytes]) -> dict[str, Any]:
    """Names used in the templates."""
    return {
        "figures": list(drawn),
        "parts": [
            {
                "title": f"{findings.record.preset}, {findings.record.device}",
                "about": about(findings.record),
                "answers": answers(findings),
                "time": name(findings, "time"),
                "memory": name(findings, "memory"),
                "tables": [point_table(findings, each) for each in findings.axes],
                "fits": fit_table(findings),
            }
            for findings in every
        ],
    }


def about(record: Record) -> list[str]:
    """How it was measured, and with what."""
    pairs = plural(record.pairs, "block")
    parts = [
        f"{pairs} of each backend a point, about {record.block_seconds:g} s each",
        plural(record.threads, "thread"),
    ]
    revision = record.machine.get("git_revision")
    if revision:
        changed = "+" if str(revision).endswith("+") else ""
        parts.append(f"revision {str(revision).removesuffix('+')[:10]}{changed}")
    return [*parts, f"record {record.digest}"]
