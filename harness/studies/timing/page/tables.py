"""Tables of the page: what was found, how steadily, and where."""

from __future__ import annotations

import json
from typing import Any

from harness.report.comparison.environment import FIELDS, shown
from harness.report.comparison.tables import Cell, Table
from harness.report.formatting import MISSING, bounds, fixed, plural, prefixed, significant
from harness.studies.timing.page.colours import colour
from harness.studies.timing.page.entries import Entries, Entry
from harness.studies.timing.page.numbers import ms, signed
from harness.studies.timing.quantities import Performance
from harness.studies.timing.verdict import missing_starts


def result_table(entries: Entries) -> Table:
    """A row a device and configuration; energy only where any has it."""
    energy = any(side.joules_per_image is not None for e in entries.results for side in e.sides)
    header = [
        Cell("Device", "configuration"),
        Cell("Step, first"),
        Cell("Step, second"),
        Cell("Ratio", "second / first"),
        Cell("Images a second"),
        Cell("First step", "compiling"),
        Cell("Peak memory"),
    ]
    header += [Cell("Energy", "an image")] if energy else []
    return Table(tuple(header), tuple(_result(entry, energy) for entry in entries.results))


def _result(entry: Entry, energy: bool) -> tuple[Cell, ...]:
    both = entry.sides
    cells = [
        title_cell(entry),
        *(
            Cell(
                ms(side.step), f"{side.framework}\n95th pct. {ms(side.slow_step)}", colour(backend)
            )
            for side, backend in zip(both, entry.record.backends, strict=True)
        ),
        ratio_cell(entry),
        _pair([significant(side.images_per_second) for side in both]),
        _pair([f"{significant(side.first_step)} s" for side in both]),
        _pair([prefixed(side.memory.bytes, "B") for side in both], both[0].memory.kind),
    ]
    cells += [_pair([prefixed(side.joules_per_image, "J") for side in both])] if energy else []
    return tuple(cells)


def title_cell(entry: Entry) -> Cell:
    record = entry.record
    against = f"{record.names[0]} against itself\n" if record.same else ""
    return Cell(record.device, f"{against}{record.setting}{entry.apart}")


def _pair(texts: list[str], detail: str = "") -> Cell:
    """Of both backends, one below the other; once where there is nothing."""
    if set(texts) == {MISSING}:
        return Cell(MISSING)
    return Cell(texts[0], "\n".join(filter(None, [texts[1], detail])))


def ratio_cell(entry: Entry) -> Cell:
    """None is shown before its interval is as narrow as was asked for."""
    record = entry.record
    starts = plural(len(record.starts), "start")
    if not record.settled:
        return Cell("no ratio yet", f"about {missing_starts(record)} more starts\n{starts} so far")
    return Cell(fixed(record.ratio.value, 3), f"{bounds(record.ratio, 3)}\n{starts}")


def steadiness_table(entries: Entries) -> Table:
    """A row a record: what a reader who mistrusts the times would ask about them."""
    header = (
        Cell("Device", "configuration"),
        Cell("Starts"),
        Cell("Block pairs", "warm-up left out"),
        Cell("Drift, first"),
        Cell("Drift, second"),
        Cell("Slow outliers"),
        Cell("Ratio", "by who began"),
    )
    return Table(header, tuple(_steadiness(entry) for entry in entries.all))


def _steadiness(entry: Entry) -> tuple[Cell, ...]:
    record, sides = entry.record, entry.sides
    cold = sum(start.cold for start in record.starts)
    led, followed = record.by_order()
    shown = record.settled
    return (
        title_cell(entry),
        Cell(str(len(record.starts))),
        Cell(str(sides[0].blocks), str(cold)),
        *(_drift(side) for side in sides),
        _pair([f"{side.outliers} of {side.blocks}" for side in sides]),
        _pair([fixed(led, 3), fixed(followed, 3)]) if shown else Cell("no ratio yet"),
    )


def _drift(side: Performance) -> Cell:
    change = side.drift.change
    if change.low is None:
        return Cell("too few blocks")
    span = bounds(change, 1, 100)
    return Cell(signed(change.value), span if side.drift.certain else f"{span}\nnone seen")


def environment_table(entries: Entries) -> Table:
    """A column for each distinct environment of a backend, as far as the records tell."""
    found: dict[str, tuple[Cell, dict[str, Any]]] = {}
    for entry in entries.all:
        record = entry.record
        for start in record.starts:
            for side in start.sides:
                of = shown({**record.machine, **side.environment, "device": record.device})
                head = Cell(record.device, side.backend, colour(side.backend))
                found.setdefault(json.dumps([side.backend, of], sort_keys=True), (head, of))
    # Rows that nobody has would be empty.
    fields = [(key, title) for key, title in FIELDS if any(key in of for _, of in found.values())]
    rows = [
        (Cell(title), *(Cell(_text(of.get(key))) for _, of in found.values()))
        for key, title in fields
    ]
    return Table((Cell(""), *(head for head, _ in found.values())), tuple(rows), numeric=False)


def _text(value: Any) -> str:
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        known = [f"{name} {version}" for name, version in value.items() if version is not None]
        return ", ".join(known)
    return str(value)
