"""What versions of a framework change: backends that are neighbours, checked and timed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from harness.records.evidence import PARITY, parity_climbs
from harness.report.comparison.timing import paired_times
from harness.report.figures import GUIDE, Drawn, as_they_are, figure
from harness.report.formatting import bounds, fixed, listed, plural
from harness.report.page import Answer, Cell, Sentence, Table
from harness.statistics.intervals import Interval, joint_confidence, ratio_interval
from harness.studies.grid.findings import CellFindings, GridFindings
from harness.studies.grid.tables import step_ms, step_ratio

KINDS = ("float64", "float32")


@dataclass(frozen=True)
class Neighbours:
    """Two backends of one cell, the earlier one first.

    `climbed`: their parity checks; None: not checked. `ratio`: step time, second over first, of
    blocks that both ran in turns; the intervals of a cell hold together at 95 % (Bonferroni).
    `losses`: how many recorded losses both have, of `apart` seeds some differ; bit for bit.
    """

    cell: CellFindings
    names: tuple[str, str]
    titles: tuple[str, str]
    climbed: Mapping[str, Any] | None
    ratio: Interval
    losses: int
    apart: int

    @property
    def failed(self) -> int:
        return sum(not row["passed"] for row in self.climbed["rows"]) if self.climbed else 0

    @property
    def changes_time(self) -> bool:
        low, high = self.ratio.low, self.ratio.high
        return low is not None and high is not None and not low <= 1 <= high


def find_neighbours(findings: GridFindings, cell: CellFindings) -> list[Neighbours]:
    if cell.experiment is None:
        return []
    file = cell.experiment.folder / PARITY
    climbed = {tuple(one["backends"]): one for one in parity_climbs(file)}
    pairs = list(pairwise(findings.study.backends))
    found = []
    for first, second in pairs:
        paired = paired_times(cell.of(first), cell.of(second), clean=True)
        ratio = Interval(None)
        if len(paired):
            times = paired["second"].to_numpy(), paired["first"].to_numpy()
            ratio = ratio_interval(*times, joint_confidence(len(pairs)))
        titles = findings.titles[first], findings.titles[second]
        losses, apart = _losses(cell, first, second)
        climb = climbed.get((first, second))
        found.append(Neighbours(cell, (first, second), titles, climb, ratio, losses, apart))
    return found


def _losses(cell: CellFindings, first: str, second: str) -> tuple[int, int]:
    """How many both have recorded, and of how many seeds some are not the same."""
    by_seed = {run.seed: run for run in cell.of(second)}
    count = apart = 0
    for run in cell.of(first):
        if run.seed in by_seed:
            one, other = (r.losses.to_numpy(np.float64) for r in (run, by_seed[run.seed]))
            count += min(one.size, other.size)
            apart += not np.array_equal(one, other, equal_nan=True)
    return count, apart


# --------------------------------------------------------------------------------------- answers


def neighbour_answers(found: Sequence[Neighbours]) -> list[Answer]:
    return [_function(found), _times(found)]


def _function(found: Sequence[Neighbours]) -> Answer:
    question = "Does each compute the same as the one before it?"
    checked = [pair for pair in found if pair.climbed]
    failed = [pair for pair in checked if pair.failed]
    same = [pair for pair in found if pair.losses and not pair.apart]
    if failed:
        names = [_names(pair) for pair in failed]
        short, tone = f"No: checks fail between {listed(names)}", "no"
    elif len(checked) < len(found):
        short, tone = f"Not known: {len(found) - len(checked)} of {len(found)} not checked", "open"
    else:
        rows = sum(len(pair.climbed["rows"]) for pair in checked if pair.climbed)
        short, tone = f"Yes: all of {plural(rows, 'check')} pass", "yes"
    if same:
        short += f"; the same bits in {plural(len(same), 'pair')} of {len(found)}"
    sentences = [Sentence(_where(pair, found), _bits(pair)) for pair in found if pair.losses]
    return Answer(question, f"{short}.", tone, tuple(sentences))


def _bits(pair: Neighbours) -> str:
    if pair.apart:
        return "rounded in another way: losses of the same training differ"
    return f"the same bits in all of {pair.losses:,} recorded losses"


def _times(found: Sequence[Neighbours]) -> Answer:
    question = "Does a step take as long from one to the next?"
    timed = [pair for pair in found if pair.ratio.low is not None]
    changed = [pair for pair in timed if pair.changes_time]
    if not timed:
        return Answer(question, "Not known: too few blocks were timed in turns.", "open", ())
    if changed:
        texts = [
            f"{pair.titles[1]} takes {fixed(pair.ratio.value, 2)} times as long as {pair.titles[0]}"
            for pair in changed
        ]
        short, tone = f"No: {listed(texts)}.", "no"
    else:
        short, tone = "No difference is shown.", "open"
    sentences = [
        Sentence(_where(pair, found), f"{fixed(pair.ratio.value, 3)} {bounds(pair.ratio, 3)}")
        for pair in timed
    ]
    aside = (
        "How many times as long the second takes, with intervals that hold together at 95 %: over"
        " block pairs of these starts. Starts of another day may differ by some per cent more."
    )
    return Answer(question, short, tone, tuple(sentences), aside=aside)


def _names(pair: Neighbours) -> str:
    return f"{pair.titles[0]} and {pair.titles[1]}"


def _where(pair: Neighbours, found: Sequence[Neighbours]) -> str:
    of_cell = f"{pair.cell.name}: " if any(one.cell is not pair.cell for one in found) else ""
    return f"{of_cell}{pair.titles[0]}, then {pair.titles[1]}"


# ---------------------------------------------------------------------------- table and figure


def parity_table(found: Sequence[Neighbours]) -> Table:
    """A row a rung, a column a pair: the largest deviation, and the most of a tolerance."""
    checked = [pair for pair in found if pair.climbed]
    compared = [_compared(pair) for pair in checked]
    rungs = dict.fromkeys(row["check"] for rows in compared for row in rows)
    header = (Cell("Rung"), *(Cell(*pair.titles) for pair in checked))
    body = [(Cell("all"), *map(_passed, checked))]
    for rung in rungs:
        of_pairs = [[row for row in rows if row["check"] == rung] for rows in compared]
        body.append((Cell(rung), *map(_deviation, of_pairs)))
    return Table(header, tuple(body))


def _compared(pair: Neighbours) -> list[Mapping[str, Any]]:
    """Rows in which the second is compared with the first.

    What is compared with NumPy, or with zero, both have a row of.
    """
    rows = pair.climbed["rows"] if pair.climbed else []
    first, second = (f"{name}, " for name in pair.names)

    def subject(row: Mapping[str, Any], prefix: str) -> tuple[str, str]:
        return row["check"], row["what"].removeprefix(prefix).partition(":")[0]

    alone = {subject(row, first) for row in rows if row["what"].startswith(first)}
    of_second = [row for row in rows if row["what"].startswith(second)]
    return [row for row in of_second if subject(row, second) not in alone]


def _passed(pair: Neighbours) -> Cell:
    count = len(pair.climbed["rows"]) if pair.climbed else 0
    return Cell(f"{count - pair.failed} of {count} pass")


def _deviation(rows: Sequence[Mapping[str, Any]]) -> Cell:
    """In float64 where the rung has any, since float32 shows rounding alone."""
    kinds = [[row for row in rows if row["arithmetic"] == kind] for kind in KINDS]
    chosen = next(filter(None, [*kinds, rows]), [])
    if not chosen:
        return Cell("")
    if any(row["measured"] is None for row in chosen):
        return Cell("not finite")
    largest = max(row["measured"] for row in chosen)
    shares = [row["measured"] / row["tolerance"] for row in chosen if row["tolerance"]]
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
        first = findings.titles[names[0]]
        right.set_title(f"Times as long as {first}", loc="left", parse_math=False)
        for axis in (left, right):
            axis.set_ylim(len(names) - 0.5, -0.5)
        left.set_yticks(range(len(names)), [findings.titles[name] for name in names])
        right.set_yticks(range(len(names)), [""] * len(names))
        as_they_are(left.get_yticklabels())

    return figure(1, 2, (11, 0.9 + 0.42 * len(names)), draw, "", counting=False)
