"""Rows: how often intervals held the truth, and the rule that lets a row pass.

The rule. A row passes if the *lower* Clopper-Pearson bound (95%, two-sided) of its share of right
outcomes reaches what is required: 0.90 for coverage. So "not proven" does not pass, and an interval
that covers less than 90% passes in at most 2.5% of runs whatever the number of repeats. The other
risk, that a sound interval fails by bad luck, is what sets the default repeats: with 500 a coverage
of 95.0% passes in 98.8% of runs and one of 96.0% in 99.97%; with 2000 one of 93.0% in 99.8%. Seeds
are fixed, so a run that passes passes again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.coverage.study import Kind, Line
from harness.statistics.intervals import clopper_pearson
from harness.system.errors import UserError
from harness.system.files import write_json
from harness.system.terminal_tables import show

GROUPS: dict[Kind, str] = {
    "printed": "Intervals and verdicts that reports print",
    "limit": "Where printed intervals stop holding",
    "not printed": "Intervals that reports do not print, and why",
}
MARKS = {"holds": "ok", "short": "SHORT", "not shown": "not shown"}


@dataclass(frozen=True)
class Row:
    """`share` of `repeats` outcomes was right, with the 95% bounds `low` and `high` of that share.

    For an interval, right is to hold the truth: `below` and `above` are the shares of intervals
    wholly below or above it, `width` is half the mean width in standard deviations of the estimate
    (1.96 is the least with which a normal one is covered 95% of the time). For a claim, right is
    not to make it where it is false: `below`, `above` and `width` are None.
    """

    quantity: str
    setting: str
    procedure: str
    kind: Kind
    required: float
    repeats: int
    share: float
    low: float
    high: float
    below: float | None
    above: float | None
    width: float | None
    reason: str

    @property
    def outcome(self) -> str:
        """holds, short (surely less than required), or not shown (more repeats could tell)."""
        if self.low >= self.required:
            return "holds"
        return "short" if self.high < self.required else "not shown"

    @property
    def passed(self) -> bool:
        """Only printed rows can fail."""
        return self.kind != "printed" or self.outcome == "holds"


def make_row(line: Line, outcomes: Mapping[str, np.ndarray]) -> Row:
    """From the outcomes by key: bool (repeats,), or float (repeats, 3) value, low and high."""
    found = outcomes[line.key]
    below = above = width = None
    if found.dtype == bool:
        right = found
    else:
        truth = _truth(line, found[:, 0])
        # Bounds that are NaN hold nothing.
        right = (found[:, 1] <= truth) & (truth <= found[:, 2])
        below, above = float(np.mean(found[:, 2] < truth)), float(np.mean(found[:, 1] > truth))
        width = _width(found, outcomes[line.unit or line.key][:, 0])
    low, high = clopper_pearson(int(right.sum()), len(right))
    return Row(
        line.quantity, line.setting, line.procedure, line.kind, line.required, len(right),
        float(right.mean()), low, high, below, above, width, line.reason,
    )  # fmt: skip


def _truth(line: Line, values: np.ndarray) -> np.ndarray:
    """(repeats,); an expectation is the mean over all other repeats, which this one is no part of.

    Its own error is 1 / sqrt(repeats - 1) of the value's deviation: 4% with 600 repeats, which
    takes less than a thousandth off the coverage.
    """
    if line.truth is not None:
        return np.full(len(values), line.truth)
    if len(values) < 2:
        return np.full(len(values), np.nan)
    return (values.sum() - values) / (len(values) - 1)


def _width(found: np.ndarray, values: np.ndarray) -> float | None:
    halves = (found[:, 2] - found[:, 1]) / 2
    deviation = float(values.std())
    if not (deviation > 0 and np.isfinite(halves).any()):
        return None
    return float(np.nanmean(halves)) / deviation


def print_rows(rows: Sequence[Row], console: Console) -> None:
    """Printed intervals, their limits, then the others with the reason; one table each."""
    for kind, title in GROUPS.items():
        chosen = [row for row in rows if row.kind == kind]
        table = Table(title=title, title_justify="left")
        table.add_column("what")
        table.add_column("data")
        table.add_column("interval or claim")
        table.add_column("right (95% bounds)", justify="right")
        table.add_column("below/above", justify="right")
        table.add_column("width", justify="right")
        table.add_column("" if kind == "printed" else "why")
        for row in chosen:
            table.add_row(*_cells(row))
        if chosen:
            show(table, console)
    console.print(
        "right: held the truth, or claimed nothing false. below/above: intervals wholly below or "
        "above the truth. width: half the interval in standard deviations of the estimate.",
        soft_wrap=True,
    )


def _cells(row: Row) -> list[str]:
    sides = "" if row.below is None else f"{row.below:.1%}/{row.above:.1%}"
    return [
        row.quantity,
        row.setting,
        row.procedure,
        f"{row.share:.1%} ({row.low:.1%}-{row.high:.1%})",
        sides,
        "" if row.width is None else f"{row.width:.2f}",
        MARKS[row.outcome] if row.kind == "printed" else row.reason,
    ]


def as_json(rows: Sequence[Row]) -> dict[str, Any]:
    """`rows [{fields of Row, outcome, passed}]`, shares 0 to 1, null where there is none."""
    return {"rows": [{**asdict(row), "outcome": row.outcome, "passed": row.passed} for row in rows]}


def write_rows(rows: Sequence[Row], path: Path) -> None:
    """Raises UserError where `path` cannot be written."""
    try:
        write_json(path, as_json(rows))
    except OSError as error:
        raise UserError(f"--to {path}: cannot write there ({error.strerror})") from None
