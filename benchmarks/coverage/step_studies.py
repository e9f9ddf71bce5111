"""Steps of histories: false alarms where there are none, and how large ones have to be.

A history is the log of a step time, day by day; a step is a change of its level from one day on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.coverage.rows import Line, Outcome, Study
from harness.statistics.intervals import Interval
from harness.statistics.steps import ALPHA, search
from harness.system.terminal_tables import show

ALLOWED = 0.01  # as of verdicts: a hundredth more often wrong than meant
NOISE = 0.015  # standard deviation of the log of a day's step time
TOGETHER = 6  # histories of one report: two backends' times, their ratio, and scores
SIZES = (0.02, 0.03, 0.05, 0.10)
# Entries, and how many of them are at the new level.
SHAPES = ((16, 8), (20, 10), (40, 20), (40, 5), (40, 4), (40, 3), (100, 5))
Noise = Literal["normal", "heavy tails", "lognormal", "one day like the next"]


@dataclass(frozen=True)
class PowerRow:
    """Shares of histories with a step of this `size`. `found`: any step; of these `near`: one at
    most one entry off, and `covered`: the interval of its size holds the truth; `more`: others,
    too. `histories`: searched together, of which the others are stable."""

    entries: int
    after: int
    size: float
    histories: int
    found: float
    near: float
    covered: float
    more: float


def noise(rng: np.random.Generator, kind: Noise, count: int) -> np.ndarray:
    """float (count,), of standard deviation 1 where it has one.

    "heavy tails": Student's t with 2 degrees of freedom. "one day like the next": each correlates
    by 0.5 with the one before it, as those of a machine that drifts.
    """
    if kind == "heavy tails":
        return rng.standard_t(2, count)
    if kind == "lognormal":
        return np.exp(rng.standard_normal(count)) / 2.16
    values = rng.standard_normal(count)
    if kind == "one day like the next":
        for place in range(1, count):
            values[place] = 0.5 * values[place - 1] + np.sqrt(0.75) * values[place]
    return values


def stepped(rng: np.random.Generator, entries: int, after: int, size: float) -> np.ndarray:
    """Log times, the last `after` of them longer by the share `size`."""
    level = np.zeros(entries)
    level[entries - after :] = np.log1p(size)
    return level + NOISE * rng.standard_normal(entries)


def power_rows(repeats: int, report: Callable[[str, int, int], None]) -> list[PowerRow]:
    rows: list[PowerRow] = []
    tasks = [(*shape, size, n) for shape in SHAPES for size in SIZES for n in (1, TOGETHER)]
    for done, (entries, after, size, histories) in enumerate(tasks):
        report("steps", done, len(tasks))
        rng, found = np.random.default_rng(0), []
        for _ in range(repeats):
            one = stepped(rng, entries, after, size)
            others = [noise(rng, "normal", entries) for _ in range(histories - 1)]
            if steps := search([one, *others])[0].steps:
                off = [abs(step.place - (entries - after)) for step in steps]
                best = steps[int(np.argmin(off))].change
                found.append((min(off) <= 1, _holds(best, float(np.log1p(size))), len(steps) > 1))
        near, covered, more = np.array(found, float).reshape(-1, 3).mean(0) if found else (0, 0, 0)
        share = len(found) / repeats
        rows.append(
            PowerRow(entries, after, size, histories, share, *map(float, (near, covered, more)))
        )
    report("steps", len(tasks), len(tasks))
    return rows


def _holds(interval: Interval, truth: float) -> bool:
    return (
        interval.low is not None and interval.high is not None
        and interval.low <= truth <= interval.high
    )  # fmt: skip


def print_power(rows: list[PowerRow], console: Console) -> None:
    title = f"Steps of histories with {100 * NOISE:g} % of noise: how many are found"
    table = Table("entries", "after it", "histories", title=title, title_justify="left")
    for column in ("step", "found", "within one entry", "interval holds", "more found"):
        table.add_column(column, justify="right")
    for row in rows:
        shares = (row.found, row.near, row.covered, row.more)
        table.add_row(
            *map(str, (row.entries, row.after, row.histories)),
            f"{row.size:+.0%}",
            *(f"{share:.1%}" for share in shares),
        )
    show(table, console)


def _stable(kind: Noise, entries: int, histories: int) -> Study:
    def once(rng: np.random.Generator) -> dict[str, Outcome]:
        found = search([noise(rng, kind, entries) for _ in range(histories)])
        return {"alarm": not any(one.steps for one in found)}

    drifts = kind == "one day like the next"
    line = Line(
        "alarm",
        "step of a stable history",
        f"{entries} entries, {kind}" + (f", {histories} histories" if histories > 1 else ""),
        f"no step in any ({ALPHA:.0%})",
        "limit" if drifts else "printed",
        required=1 - ALPHA - ALLOWED,
        reason="a drift is a change of level; ask several machines, or time backends in turns"
        if drifts
        else "",
    )
    return Study(f"steps {kind} {entries} {histories}", "steps", 10000, once, (line,))


STUDIES: tuple[Study, ...] = (
    _stable("normal", 10, 1),
    _stable("normal", 40, 1),
    _stable("normal", 40, TOGETHER),
    _stable("heavy tails", 40, 1),
    _stable("lognormal", 40, TOGETHER),
    _stable("normal", 100, 1),
    _stable("one day like the next", 40, 1),
)
