"""Studies, their rows (how often intervals held the truth), and the rule that lets a row pass.

The rule. A row passes if the *lower* Clopper-Pearson bound (95%, two-sided) of its share of right
outcomes reaches what is required: 0.90 for coverage. So "not proven" does not pass, and an interval
that covers less than 90% passes in at most 2.5% of runs whatever the number of repeats. The other
risk is that a sound interval fails by chance. It sets the default repeats: with 500 a coverage of
95.0% passes in 98.8% of runs and one of 96.0% in 99.97%; with 2000 one of 93.0% in 99.8%. Seeds are
fixed, so a run that passes passes again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from rich.console import Console
from rich.table import Table

from harness.statistics.intervals import Interval, clopper_pearson
from harness.system.terminal_tables import show

Kind = Literal["printed", "limit", "not printed"]
Outcome = Interval | bool  # an interval, or whether what was claimed is true

COVERAGE = 0.90  # what every printed interval has to cover, of nominal 95%
GROUPS: dict[Kind, str] = {
    "printed": "Intervals and verdicts that reports print",
    "limit": "Where printed intervals stop holding",
    "not printed": "Intervals that reports do not print, and why",
}
MARKS = {"holds": "ok", "short": "SHORT", "not shown": "not shown"}


@dataclass(frozen=True)
class Line:
    """Which row is made from an outcome of a study: the one under `key`.

    `kind`: "printed" intervals are in reports, with data like this; a "limit" is a printed interval
    with data that it is known not to be made for; "not printed" is a rejected alternative.
    `truth`: None means the expectation of the value, of which the other repeats are a sample.
    `required`: share of right outcomes. `unit`: key of the interval whose value's deviation over
    repeats is the unit of the width; empty means its own. `reason`: why it is no printed row.
    """

    key: str
    quantity: str
    setting: str
    procedure: str
    kind: Kind = "printed"
    truth: float | None = None
    required: float = COVERAGE
    unit: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Study:
    """An experiment with a known truth, repeated, and the rows made from it.

    `once`: one experiment with its own random numbers, outcomes by key. `name` is part of the
    random seed. `group`: under which its progress is shown.
    """

    name: str
    group: str
    repeats: int
    once: Callable[[np.random.Generator], Mapping[str, Outcome]]
    lines: tuple[Line, ...]


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
    right, below, above, width = outcomes[line.key], None, None, None
    if right.dtype != bool:
        values, lows, highs = right.T
        truth: float | np.ndarray = np.nan
        if line.truth is not None:
            truth = line.truth
        elif len(values) > 1:
            # An expectation: the mean of all other repeats, which this one is no part of. Its own
            # error is 1 / sqrt(repeats - 1) of the value's deviation: 4% with 600 repeats, which
            # takes less than a thousandth off the coverage.
            truth = (values.sum() - values) / (len(values) - 1)
        right = (lows <= truth) & (truth <= highs)  # bounds that are NaN hold nothing
        below, above = float(np.mean(highs < truth)), float(np.mean(lows > truth))
        halves = (highs - lows) / 2
        deviation = float(outcomes[line.unit or line.key][:, 0].std())
        if deviation > 0 and np.isfinite(halves).any():
            width = float(np.nanmean(halves)) / deviation
    low, high = clopper_pearson(int(right.sum()), len(right))
    return Row(
        line.quantity, line.setting, line.procedure, line.kind, line.required, len(right),
        float(right.mean()), low, high, below, above, width, line.reason,
    )  # fmt: skip


def print_rows(rows: Sequence[Row], console: Console) -> None:
    """Printed intervals, their limits, then the others with the reason; one table each."""
    for kind, title in GROUPS.items():
        table = Table("what", "data", "interval or claim", title=title, title_justify="left")
        for column in ("right (95% bounds)", "below/above", "width"):
            table.add_column(column, justify="right")
        table.add_column("" if kind == "printed" else "why")
        for row in rows:
            if row.kind == kind:
                table.add_row(
                    row.quantity,
                    row.setting,
                    row.procedure,
                    f"{row.share:.1%} ({row.low:.1%}-{row.high:.1%})",
                    "" if row.below is None else f"{row.below:.1%}/{row.above:.1%}",
                    "" if row.width is None else f"{row.width:.2f}",
                    MARKS[row.outcome] if kind == "printed" else row.reason,
                )
        if table.row_count:
            show(table, console)
    console.print(
        "right: held the truth, or claimed nothing false. below/above: intervals wholly below or "
        "above the truth. width: half the interval in standard deviations of the estimate.",
        soft_wrap=True,
    )


def as_json(rows: Sequence[Row]) -> dict[str, Any]:
    """`rows [{fields of Row, outcome, passed}]`, shares 0 to 1, null where there is none."""
    return {"rows": [{**asdict(row), "outcome": row.outcome, "passed": row.passed} for row in rows]}
