"""The page over all records of a folder."""

from __future__ import annotations

from pathlib import Path

from harness.report.page import Block, Figure, Note, Page, Section
from harness.report.render import write_page as write
from harness.studies.timing.page import notes, tables
from harness.studies.timing.page.answers import answers
from harness.studies.timing.page.entries import Entries, find
from harness.studies.timing.page.plots import figures
from harness.studies.timing.record import read_records


def write_page(folder: Path) -> Path:
    """Write report.html, report.md, figures and table.csv; return the page's path.

    Reads nothing but the records. Raises UserError naming a damaged one.
    """
    entries = find(read_records(folder))
    return write(folder, make_page(entries), figures(entries), tables.csv_table(entries))


def make_page(entries: Entries) -> Page:
    sections = (
        Section("Step times", _results(entries)),
        Section("Where a step's time goes", _phases(entries)),
        Section("What the device could do", _limits(entries)),
        Section(
            "How steady the times were",
            (Figure("blocks.png", notes.BLOCKS), tables.steadiness_table(entries)),
        ),
        Section("Environment", (tables.environment_table(entries),)),
    )
    return Page("Speed", notes.about(entries), tuple(answers(entries)), sections)


def _results(entries: Entries) -> tuple[Block, ...]:
    if not entries.results:
        missing = Note("No two backends were compared yet.", "notice")
        return Note(notes.RESULTS), missing
    return (
        Note(notes.RESULTS),
        Figure("devices.png", notes.DEVICES),
        tables.result_table(entries),
        Note(notes.energy(entries), "soft"),
    )


def _phases(entries: Entries) -> tuple[Block, ...]:
    found = tuple(tables.phase_table(entry) for entry in entries.results if entry.in_pieces)
    if not found:
        return (Note("No step was timed in pieces.", "notice"),)
    several = (Section("The pieces in numbers", found, folded=True),)
    shown = found if len(found) == 1 else several
    return Note(notes.PHASES), Figure("phases.png", notes.PIECES), *shown


def _limits(entries: Entries) -> tuple[Block, ...]:
    table = tables.limit_table(entries)
    if not table.rows:
        return (Note("No record has counted operations.", "notice"),)
    return Note(notes.LIMITS), Figure("roofline.png", notes.ROOFLINE), table
