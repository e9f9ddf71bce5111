"""Each backend against each, where more than two were timed in turns."""

from __future__ import annotations

import math

from harness.report.figures import backend_colour
from harness.report.formatting import MISSING, bounds, fixed
from harness.report.page import Cell, Table
from harness.statistics.intervals import Interval
from harness.studies.timing.record import TimingRecord


def matrices(record: TimingRecord) -> list[Table]:
    """Each against each, of more than two backends."""
    return [matrix_table(record)] if len(record.backends) > 2 else []


def matrix_table(record: TimingRecord) -> Table:
    """A row and a column a backend: how many times as long the row's takes as the column's."""
    heads = [
        Cell(name, swatch=backend_colour(backend, record.backends))
        for name, backend in zip(record.names, record.backends, strict=True)
    ]
    rows = []
    for other, head in enumerate(heads):
        cells = [head]
        for one in range(len(heads)):
            cells.append(Cell(MISSING) if one == other else _matrix_cell(record, one, other))
        rows.append(tuple(cells))
    return Table((Cell("Takes times as long"), *heads), tuple(rows), record.device)


def _matrix_cell(record: TimingRecord, one: int, other: int) -> Cell:
    """Of a pair that was measured the other way round, the inverse of ratio and bounds."""
    if not record.settled:
        return Cell("no ratio yet")
    ratio = record.ratio_of(min(one, other), max(one, other))
    if one > other:
        parts = (ratio.value, ratio.high, ratio.low)
        ratio = Interval.of(*(math.nan if not part else 1 / part for part in parts))
    return Cell(fixed(ratio.value, 3), bounds(ratio, 3))
