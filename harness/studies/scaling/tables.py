"""Tables of a record: every point, every fit; and all of them again as one CSV."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from harness.report.figures import backend_colour
from harness.report.formatting import MISSING, bounds, fixed, percent, plural, prefixed, significant
from harness.report.page import Cell, Table
from harness.studies.scaling.findings import (
    AxisFindings,
    Row,
    ScalingCurve,
    ScalingFindings,
    pair_ratios,
    ratio,
)
from harness.studies.scaling.fit import Spread
from harness.studies.scaling.record import ScalingSide

COLUMNS = (
    "record", "preset", "device", "axis", "value", "backend", "flops", "first_step_seconds",
    "step_seconds", "ratio", "ratio_low", "ratio_high", "memory_bytes", "memory_kind", "failed",
)  # fmt: skip


def point_table(findings: ScalingFindings, each: AxisFindings) -> Table:
    """A row a value; a column of time and of memory a backend, ratios to the first."""
    first, *others = findings.record.backends
    titles = findings.titles
    header = [Cell(each.axis.title), Cell("GFLOP", "a step")]
    header += [Cell(titles[n], "ms a step", backend_colour(n)) for n in findings.record.backends]
    header += [Cell("Ratio", f"{titles[n]} / {titles[first]}") for n in others]
    header += [Cell(titles[n], "peak memory", backend_colour(n)) for n in findings.record.backends]
    return Table(tuple(header), tuple(_point_row(findings, each, row) for row in each.rows))


def _point_row(findings: ScalingFindings, each: AxisFindings, row: Row) -> tuple[Cell, ...]:
    first, *others = findings.record.backends
    sides = [row.point.side(name) for name in findings.record.backends]
    failed = row.point.failed
    why = ("out of memory" if failed.out_of_memory else "failed") if failed else ""
    return (
        Cell(each.shown(row.value), "the base" if row.value == each.axis.base else ""),
        Cell(significant(row.point.flops / 1e9)),
        *(_time_cell(side, why) for side in sides),
        *(_ratio_cell(row, first, name) for name in others),
        *(_memory_cell(side) for side in sides),
    )


def _time_cell(side: ScalingSide | None, why: str) -> Cell:
    if side is None:
        return Cell(MISSING, why)
    return Cell(significant(1000 * side.step), f"first: {significant(side.first_step_seconds)} s")


def _ratio_cell(row: Row, first: str, second: str) -> Cell:
    """With its interval, or with the least and largest of so few pairs."""
    times, pairs = ratio(row.point, first, second), pair_ratios(row.point, first, second)
    if not len(pairs):
        return Cell(MISSING)
    few = f"{pairs.min():.2f} to {pairs.max():.2f} in {plural(len(pairs), 'pair')}"
    return Cell(fixed(times.value, 2), bounds(times, 2) or few)


def _memory_cell(side: ScalingSide | None) -> Cell:
    if side is None:
        return Cell(MISSING)
    return Cell(prefixed(side.memory.bytes, "B"), side.memory.kind)


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
    rows = [_fit_row(each, curve) for each in findings.axes for curve in each.curves]
    return Table(header, tuple(rows))


def _fit_row(each: AxisFindings, curve: ScalingCurve) -> tuple[Cell, ...]:
    line = curve.straight
    return (
        Cell(each.axis.title),
        Cell(curve.title, swatch=curve.tone),
        Cell(fixed(curve.power.value, 2), bounds(curve.power, 2)),
        _spread_cell(line.fixed, 1e3) if line else Cell(MISSING),
        _spread_cell(line.rate, 1e-9) if line else Cell(MISSING),
        Cell(percent(line.off) if line else MISSING),
        Cell(str(len(curve.values))),
    )


def _spread_cell(found: Spread, scale: float) -> Cell:
    if found.value is None:
        return Cell(MISSING, "does not grow")
    ends = [each for each in (found.low, found.high) if each is not None]
    detail = f"{significant(scale * ends[0])} to {significant(scale * ends[1])}" if ends else ""
    return Cell(significant(scale * found.value), detail)


def csv_table(every: Sequence[ScalingFindings]) -> pd.DataFrame:
    """A row a point and backend; the base comes once an axis. Empty: cannot be had."""
    rows = [
        _csv_row(findings, each, row, name)
        for findings in every
        for each in findings.axes
        for row in each.rows
        for name in findings.record.backends
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _csv_row(findings: ScalingFindings, each: AxisFindings, row: Row, name: str) -> dict[str, Any]:
    record, side = findings.record, row.point.side(name)
    times = ratio(row.point, record.backends[0], name)
    return {
        "record": record.digest,
        "preset": record.preset,
        "device": record.device,
        "axis": each.axis.name,
        "value": row.value,
        "backend": name,
        "flops": row.point.flops,
        "first_step_seconds": side.first_step_seconds if side else None,
        "step_seconds": side.step if side else None,
        "ratio": times.value,
        "ratio_low": times.low,
        "ratio_high": times.high,
        "memory_bytes": side.memory.bytes if side else None,
        "memory_kind": side.memory.kind if side else None,
        "failed": row.point.failed.why if row.point.failed else None,
    }
