"""The page of a study, and what stands beside it: a pure function of its records."""

from __future__ import annotations

import os
from pathlib import Path

from harness.report.page import Block, Figure, Note, Page, Section, text_table
from harness.report.render import write_page as write
from harness.studies.grid.page import notes, tables
from harness.studies.grid.page.answers import answers
from harness.studies.grid.page.findings import GridFindings, find
from harness.studies.grid.page.plots import figures
from harness.studies.grid.record import read_record


def write_page(folder: Path) -> Path:
    """Write report.html, report.md, figures and table.csv; return the page's path.

    What is missing is said to be missing. Raises UserError naming a damaged record.
    """
    findings = find(read_record(folder))
    return write(folder, make_page(findings), figures(findings), tables.csv_table(findings))


def make_page(findings: GridFindings) -> Page:
    study = findings.study
    scores: list[Block] = [
        block
        for metric in findings.metrics
        for block in (
            Figure(f"{metric.name}.png", notes.figure(findings)),
            tables.score_table(findings, metric),
        )
    ]
    cells = [
        (cell.name, Path(os.path.relpath(cell.record.folder, study.folder)).as_posix())
        for cell in findings.cells
    ]
    nothing = Note("Nothing is scored yet.", "notice")
    sections = (
        Section("Scores", (Note(notes.scores(findings)), *(scores or [nothing]))),
        Section("Losses", (Figure("losses.png", notes.LOSSES),)),
        Section("Cost", (Note(notes.COST), tables.cost_table(findings))),
        Section("Cells", (Note(notes.CELLS), text_table(("Cell", "Folder"), cells))),
    )
    return Page(
        study.name, notes.about(findings), tuple(answers(findings)), sections, study.description
    )
