"""report.html, report.md, figures and table.csv over all records of a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.report.render import write_pages
from harness.studies.timing.disk import read_records
from harness.studies.timing.page import notes, pieces, tables
from harness.studies.timing.page.answers import answers
from harness.studies.timing.page.csv import csv_table
from harness.studies.timing.page.entries import Entries, find
from harness.studies.timing.page.plots import figures
from harness.system.files import write_table


def write_page(folder: Path) -> Path:
    """Write the page, its twin in Markdown, figures and table; return the page's path.

    Reads nothing but the records. Raises UserError naming a damaged one.
    """
    entries = find(read_records(folder))
    drawn = figures(entries)
    given = context(entries, drawn)
    write_table(folder / "table.csv", csv_table(entries))
    return write_pages(folder, "bench", given, drawn)


def context(entries: Entries, drawn: Mapping[str, bytes]) -> dict[str, Any]:
    """Names used in the templates."""
    return {
        "about": notes.about(entries),
        "answers": answers(entries),
        "notes": notes.texts(entries),
        "results": tables.result_table(entries) if entries.results else None,
        "phases": [
            pieces.phase_table(entry)
            for entry in entries.results
            if all(side.phases for side in entry.sides)
        ],
        "limits": pieces.limit_table(entries),
        "steadiness": tables.steadiness_table(entries),
        "environment": tables.environment_table(entries),
        "figures": list(drawn),
    }
