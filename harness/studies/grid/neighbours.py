"""What versions of a framework change: backends that are neighbours, checked and timed."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from harness.records.evidence import PARITY, parity_climbs
from harness.report.figures import GUIDE, Drawn, as_they_are, figure
from harness.report.page import Cell, Table
from harness.studies.grid.findings import CellFindings, GridFindings
from harness.studies.grid.tables import step_ms, step_ratio

KINDS = ("float64", "float32")


def climbs(findings: GridFindings, cell: CellFindings) -> list[Mapping[str, Any]]:
    """Of every two neighbours that were checked, in order."""
    if cell.experiment is None:
        return []
    found = {tuple(one["backends"]): one for one in parity_climbs(cell.experiment.folder / PARITY)}
    return [found[pair] for pair in pairwise(findings.study.backends) if pair in found]


def parity_table(found: list[Mapping[str, Any]]) -> Table:
    """A row a rung, a column a pair: the largest deviation, and the most of a tolerance."""
    rungs = dict.fromkeys(row["check"] for one in found for row in one["rows"])
    header = [Cell("Rung")]
    header += [Cell(*(one["frameworks"][name] for name in one["backends"])) for one in found]
    rows = [[Cell("all"), *(_passed(one) for one in found)]]
    for rung in rungs:
        of_pairs = [[row for row in one["rows"] if row["check"] == rung] for one in found]
        rows.append([Cell(rung), *map(_deviation, of_pairs)])
    return Table(tuple(header), tuple(map(tuple, rows)))


def _passed(one: Mapping[str, Any]) -> Cell:
    passed = sum(row["passed"] for row in one["rows"])
    return Cell(f"{passed} of {len(one['rows'])} pass")


def _deviation(rows: list[Mapping[str, Any]]) -> Cell:
    """In float64 where the rung has any, since float32 shows rounding alone."""
    if not rows:
        return Cell("")
    for kind in (*KINDS, None):
        of_kind = [row for row in rows if kind in (row["arithmetic"], None)]
        if of_kind:
            break
    if any(row["measured"] is None for row in of_kind):
        return Cell("not finite")
    largest = max(row["measured"] for row in of_kind)
    shares = [row["measured"] / row["tolerance"] for row in of_kind if row["tolerance"]]
    text = f"{largest:.1e}" if largest else "0"
    return Cell(text, f"{max(shares):.2g} of its tolerance" if shares else "")


def step_figure(findings: GridFindings, cell: CellFindings) -> Drawn | None:
    """Step time of every backend, and how many times the first's it is; None: not timed."""
    names = findings.study.backends
    times = [step_ms(cell, name) for name in names]
    ratios = [step_ratio(cell, name)[0] for name in names]
    if sum(time is not None for time in times) < 2:
        return None

    def draw(axes: np.ndarray) -> None:
        left, right = axes[0]
        for place, (name, time, ratio) in enumerate(zip(names, times, ratios, strict=True)):
            tone = findings.colour(name)
            if time is not None:
                left.plot([time], [place], "o", color=tone, markersize=7)
            if ratio.low is not None:
                right.plot([ratio.low, ratio.high], [place, place], color=tone, linewidth=2)
            if ratio.value is not None:
                right.plot([ratio.value], [place], "o", color=tone, markersize=7)
        right.axvline(1, color=GUIDE, linewidth=1, linestyle="--")
        left.set_xlim(left=0)
        left.set_title("Step, ms: median of timed blocks", loc="left")
        right.set_title(
            f"Times as long as {findings.titles[names[0]]}", loc="left", parse_math=False
        )
        for axis in (left, right):
            axis.set_ylim(len(names) - 0.5, -0.5)
        left.set_yticks(range(len(names)), [findings.titles[name] for name in names])
        right.set_yticks(range(len(names)), [""] * len(names))
        as_they_are(left.get_yticklabels())

    return figure(1, 2, (11, 0.9 + 0.42 * len(names)), draw, "", counting=False)
