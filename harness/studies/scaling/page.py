"""The page of all scaling records in a folder, and what one record comes to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.report.formatting import plural
from harness.report.page import Block, Figure, Note, Page, Section
from harness.report.render import write_page as write
from harness.studies.scaling.answers import answers
from harness.studies.scaling.findings import ScalingFindings, find
from harness.studies.scaling.plots import figures, name
from harness.studies.scaling.record import ScalingRecord, find_records
from harness.studies.scaling.tables import csv_table, fit_table, point_table
from harness.studies.study import Result, in_short
from harness.system.errors import UserError

ABOUT = (
    "one thing varied at a time around a base configuration",
    "every point in fresh processes, in turns",
    "medians over blocks, the first step and a warm-up apart",
)
TIME = (
    "Time of a step against the FLOPs of its convolutions, both axes logarithmic. Bars: shortest"
    " and longest block. Lines: fitted, fixed + FLOPs / rate. Dashed: in proportion to the"
    " arithmetic, through the first backend's largest point. Grey: the value that is varied."
)
MEMORY = (
    "The most that a process had at once, with interpreter, framework and libraries: at small"
    " values that may have been while it started. Batch: the fitted line; elsewhere points are"
    " joined."
)
FITS = (
    "With filters and blocks parameters and operations grow, too: what their lines call fixed is"
    " all that does not grow with them."
)


def write_page(folder: Path) -> Path:
    """A pure function of the records there; returns the path of report.html.

    Raises UserError where there are none, or one is damaged.
    """
    records = find_records(folder)
    if not records:
        raise UserError(f"{folder}: no records of scaling; run `make scaling` to make one")
    every = [find(record) for record in records]
    drawn = {file: png for findings in every for file, png in figures(findings).items()}
    return write(folder, make_page(every), drawn, csv_table(every))


def make_page(every: Sequence[ScalingFindings]) -> Page:
    sections = tuple(_section(findings) for findings in every)
    return Page("How a training step scales", ABOUT, (), sections)


def _section(findings: ScalingFindings) -> Section:
    """One record."""
    record = findings.record
    points: tuple[Block, ...] = tuple(point_table(findings, each) for each in findings.axes)
    nothing = Note("Nothing but the base is measured.", "notice")
    parts = (
        Section("Time", (Figure(name(findings, "time"), TIME),)),
        Section("Memory", (Figure(name(findings, "memory"), MEMORY),)),
        Section("Points", points or (nothing,)),
        Section("Fits", (Note(FITS), fit_table(findings))),
    )
    title = f"{record.preset}, {record.device}"
    return Section(title, parts, about(record), tuple(answers(findings)))


def about(record: ScalingRecord) -> tuple[str, ...]:
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
    return (*parts, f"record {record.digest}")


def result(record: ScalingRecord, file: Path, page: Path) -> Result:
    """Every point and fit, then the answers in short; JSON has the rows of table.csv."""
    findings = find(record)
    said = answers(findings)
    rows = csv_table([findings]).to_dict("records")
    numbers = {
        "preset": record.preset,
        "device": record.device,
        "points": [{str(key): _plain(value) for key, value in row.items()} for row in rows],
        "answers": [{"question": each.question, "answer": each.short} for each in said],
    }
    tables = (*(point_table(findings, each) for each in findings.axes), fit_table(findings))
    return Result(page, file, numbers, tables, in_short(said))


def _plain(value: Any) -> Any:
    """As JSON has it: null for what is not finite or cannot be had."""
    value = value.item() if isinstance(value, np.generic) else value
    absent = value is pd.NA or (isinstance(value, float) and not np.isfinite(value))
    return None if absent else value
