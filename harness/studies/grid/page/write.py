"""report.html, report.md and table.csv of a study: a pure function of its records."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from harness.report.render import write_pages
from harness.studies.grid.page import notes, tables
from harness.studies.grid.page.answers import answers
from harness.studies.grid.page.csv import csv_table
from harness.studies.grid.page.findings import Findings, find
from harness.studies.grid.page.plots import figures
from harness.studies.grid.record import read_record
from harness.system.files import write_table


def write_page(folder: Path) -> Path:
    """Write the page, its twin in Markdown, figures and table; return the page's path.

    What is missing is said to be missing. Raises UserError naming a damaged record.
    """
    findings = find(read_record(folder))
    drawn = figures(findings)
    given = context(findings, drawn)
    write_table(folder / "table.csv", csv_table(findings))
    return write_pages(folder, "study", given, drawn)


def context(findings: Findings, drawn: dict[str, bytes]) -> dict[str, Any]:
    """Names used in the templates."""
    study = findings.study
    return {
        "name": study.name,
        "description": study.description,
        "about": notes.about(findings),
        "answers": answers(findings),
        "notes": notes.texts(findings),
        "metrics": [
            (f"{metric.name}.png", tables.score_table(findings, metric))
            for metric in findings.metrics
        ],
        "cost": tables.cost_table(findings),
        "cells": [
            (cell.name, Path(os.path.relpath(cell.record.folder, study.folder)).as_posix())
            for cell in findings.cells
        ],
        "figures": list(drawn),
    }
