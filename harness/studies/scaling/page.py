"""The page of all scaling records in a folder: its sections, tables and CSV; and of one record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from harness.report.figures import backend_colour
from harness.report.formatting import MISSING, bounds, fixed, percent, plural, prefixed, significant
from harness.report.page import Block, Cell, Figure, Note, Page, Section, Table
from harness.report.render import write_page as write
from harness.studies.scaling.answers import answers
from harness.studies.scaling.findings import (
    AxisFindings,
    ScalingFindings,
    Spread,
    find,
    pair_ratios,
    ratio,
)
from harness.studies.scaling.plots import figures, name
from harness.studies.scaling.record import ScalingRecord, find_records
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
COLUMNS = (
    "record", "preset", "device", "axis", "value", "backend", "flops", "first_step_seconds",
    "step_seconds", "ratio", "ratio_low", "ratio_high", "memory_bytes", "memory_kind", "failed",
)  # fmt: skip


def write_page(folder: Path) -> Path:
    """A pure function of the records there; returns the path of report.html.

    Raises UserError where there are none, or one is damaged.
    """
    records = find_records(folder)
    if not records:
        raise UserError(f"{folder}: no records of scaling; run `make scaling` to make one")
    every = [find(record) for record in records]
    drawn = {file: content for findings in every for file, content in figures(findings).items()}
    return write(folder, make_page(every), drawn, csv_table(every))


def make_page(every: Sequence[ScalingFindings]) -> Page:
    """A section a record."""
    sections = []
    for findings in every:
        record = findings.record
        points: tuple[Block, ...] = tuple(point_table(findings, axis) for axis in findings.axes)
        nothing = Note("Nothing but the base is measured.", "notice")
        parts = (
            Section("Time", (Figure(name(findings, "time"), TIME),)),
            Section("Memory", (Figure(name(findings, "memory"), MEMORY),)),
            Section("Points", points or (nothing,)),
            Section("Fits", (Note(FITS), fit_table(findings))),
        )
        title = f"{record.preset}, {record.device}"
        sections.append(Section(title, parts, about(record), tuple(answers(findings))))
    return Page("How a training step scales", ABOUT, (), tuple(sections))


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
    conclusions = answers(findings)
    table = csv_table([findings])
    numbers = {
        "preset": record.preset,
        "device": record.device,
        "points": table.astype(object).where(table.notna(), None).to_dict("records"),
        "answers": [{"question": one.question, "answer": one.short} for one in conclusions],
    }
    tables = (*(point_table(findings, axis) for axis in findings.axes), fit_table(findings))
    return Result(page, file, numbers, tables, in_short(conclusions))


# ---------------------------------------------------------------------------------------- tables


def point_table(findings: ScalingFindings, varied: AxisFindings) -> Table:
    """A row a value; a column of time and of memory a backend, ratios to the first."""
    backends, titles = findings.record.backends, findings.titles
    sides = [(titles[name], backend_colour(name, backends)) for name in backends]
    first, *others = backends
    header = (
        Cell(varied.title),
        Cell("GFLOP", "a step"),
        *(Cell(title, "ms a step", tone) for title, tone in sides),
        *(Cell("Ratio", f"{titles[backend]} / {titles[first]}") for backend in others),
        *(Cell(title, "peak memory", tone) for title, tone in sides),
    )
    rows = []
    for value, point in varied.points:
        why = ""
        if point.failed:
            why = "out of memory" if point.failed.out_of_memory else "failed"
        times, ratios, memory = [], [], []
        for backend in backends:
            side = point.side(backend)
            if side is None:
                times.append(Cell(MISSING, why))
                memory.append(Cell(MISSING))
                continue
            compiling = f"first: {significant(side.first_step_seconds)} s"
            times.append(Cell(significant(1000 * side.step), compiling))
            memory.append(Cell(prefixed(side.memory.bytes, "B"), side.memory.kind))
        for backend in others:
            pairs = pair_ratios(point, first, backend)
            if not len(pairs):
                ratios.append(Cell(MISSING))
                continue
            # With its interval, or with the least and largest of so few pairs.
            of_pairs = ratio(point, first, backend)
            few = f"{pairs.min():.2f} to {pairs.max():.2f} in {plural(len(pairs), 'pair')}"
            ratios.append(Cell(fixed(of_pairs.value, 2), bounds(of_pairs, 2) or few))
        head = Cell(varied.shown(value), "the base" if value == varied.axis.base else "")
        flops = Cell(significant(point.flops / 1e9))
        rows.append((head, flops, *times, *ratios, *memory))
    return Table(header, tuple(rows))


def fit_table(findings: ScalingFindings) -> Table:
    """A row a curve."""
    header = (
        Cell("Axis"),
        Cell("Backend"),
        Cell("Exponent", "of FLOPs, 95 % interval"),
        Cell("Fixed", "ms a step, one left out"),
        Cell("Rate", "GFLOP/s, one left out"),
        Cell("Off", "fixed + FLOPs / rate, at most"),
        Cell("Points"),
    )
    rows = []
    for varied in findings.axes:
        for curve in varied.curves:
            line = curve.straight
            cells = (
                Cell(varied.title),
                Cell(curve.title, swatch=curve.tone),
                Cell(fixed(curve.power.value, 2), bounds(curve.power, 2)),
                _spread_cell(line.fixed, 1e3) if line else Cell(MISSING),
                _spread_cell(line.rate, 1e-9) if line else Cell(MISSING),
                Cell(percent(line.off) if line else MISSING),
                Cell(str(len(curve.values))),
            )
            rows.append(cells)
    return Table(header, tuple(rows))


def _spread_cell(spread: Spread, scale: float) -> Cell:
    if spread.value is None:
        return Cell(MISSING, "does not grow")
    detail = ""
    if spread.low is not None and spread.high is not None:
        detail = f"{significant(scale * spread.low)} to {significant(scale * spread.high)}"
    return Cell(significant(scale * spread.value), detail)


def csv_table(every: Sequence[ScalingFindings]) -> pd.DataFrame:
    """A row a point and backend; the base comes once an axis. Empty: cannot be had."""
    rows = []
    for findings in every:
        record = findings.record
        for varied in findings.axes:
            for value, point in varied.points:
                for backend in record.backends:
                    side, times = point.side(backend), ratio(point, record.backends[0], backend)
                    row = (
                        record.digest, record.preset, record.device, varied.axis.name, value,
                        backend, point.flops, side and side.first_step_seconds, side and side.step,
                        times.value, times.low, times.high, side and side.memory.bytes,
                        side and side.memory.kind, point.failed and point.failed.why,
                    )  # fmt: skip
                    rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))
