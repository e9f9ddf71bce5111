"""Tables of the page: results, the pieces of a step, limits, steadiness; and table.csv."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from backends.interface import PHASES, Peaks
from harness.report.comparison.environment import FIELDS, shown
from harness.report.figures import backend_colour
from harness.report.formatting import (
    MISSING,
    bounds,
    fixed,
    ms,
    ms_digits,
    ms_signed,
    percent,
    plural,
    prefixed,
    signed,
    significant,
)
from harness.report.page import Cell, Table
from harness.statistics.intervals import Interval
from harness.studies.timing.page.entries import BenchEntry, Entries
from harness.studies.timing.page.notes import PHASE_TITLES
from harness.studies.timing.quantities import Performance, peaks, phase_gap, roof, whole
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


def _result(entry: BenchEntry, energy: bool) -> tuple[Cell, ...]:
    both = entry.sides
    cells = [
        title_cell(entry),
        *(
            Cell(
                ms(side.step),
                f"{side.framework}\n95th pct. {ms(side.slow_step)}",
                backend_colour(backend),
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


def title_cell(entry: BenchEntry) -> Cell:
    record = entry.record
    against = f"{record.names[0]} against itself\n" if record.same else ""
    return Cell(record.device, f"{against}{record.setting}{entry.apart}")


def _pair(texts: list[str], detail: str = "") -> Cell:
    """Of both backends, one below the other; once where there is nothing."""
    if set(texts) == {MISSING}:
        return Cell(MISSING)
    return Cell(texts[0], "\n".join(filter(None, [texts[1], detail])))


def ratio_cell(entry: BenchEntry) -> Cell:
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


def _steadiness(entry: BenchEntry) -> tuple[Cell, ...]:
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


def phase_table(entry: BenchEntry) -> Table:
    """A row a phase, then their sum, and what it is compared with."""
    first, second = entry.sides
    titles = [
        Cell(side.framework, swatch=backend_colour(backend))
        for side, backend in zip(entry.sides, entry.record.backends, strict=True)
    ]
    header = (Cell("Piece of a step"), *titles, Cell("Difference", "of the pieces"))
    totals = [sum(side.phases.values()) for side in entry.sides]
    rows = [
        (
            Cell(PHASE_TITLES[phase]),
            *(
                Cell(ms(side.phases[phase]), percent(side.phases[phase] / total))
                for side, total in zip(entry.sides, totals, strict=True)
            ),
            _gap_cell(phase_gap(entry.record, phase)),
        )
        for phase in PHASES
    ]
    excess = [f"{signed(side.excess)} against a step left alone" for side in entry.sides]
    rows.append(
        (
            Cell("all pieces"),
            *(Cell(ms(total), text) for total, text in zip(totals, excess, strict=True)),
            Cell(ms_signed(totals[1] - totals[0])),
        )
    )
    alone = ms_signed(second.step - first.step)
    rows.append(
        (Cell("a step left alone"), *(Cell(ms(side.step)) for side in entry.sides), Cell(alone))
    )
    return Table(header, tuple(rows), entry.title)


def _gap_cell(gap: Interval) -> Cell:
    if gap.value is None:
        return Cell(MISSING)
    return Cell(ms_signed(gap.value), bounds(gap, ms_digits(gap.value), 1000))


def limit_table(entries: Entries) -> Table:
    """A row a backend of a result: rates, and shares of what was measured on the device."""
    header = (
        Cell("Backend"),
        Cell("Arithmetic"),
        Cell("of matrix", "product"),
        Cell("of convolution"),
        Cell("Least traffic"),
        Cell("of bandwidth"),
        Cell("Limit"),
        Cell("of it"),
    )
    rows = [
        _limits(entry, side, performance)
        for entry in entries.results
        for side, performance in enumerate(entry.sides)
        if performance.flops is not None
    ]
    return Table(header, tuple(rows))


def _limits(entry: BenchEntry, side: int, found: Performance) -> tuple[Cell, ...]:
    record = entry.record
    where = f"{record.device}\n{record.setting}{entry.apart}"
    head = Cell(found.framework, where, backend_colour(record.backends[side]))
    best, least = peaks(entry.record), peaks(entry.record, min)
    limit = roof(whole(entry.record), best)
    rates = Cell(prefixed(found.flops, "FLOP/s")), Cell(prefixed(found.traffic, "B/s"))
    if best is None or least is None or limit is None:
        return (head, rates[0], Cell(MISSING), Cell(MISSING), rates[1], *[Cell(MISSING)] * 3)
    return (
        head,
        rates[0],
        _share(found.flops, "matrix", best, least, "FLOP/s"),
        _share(found.flops, "convolution", best, least, "FLOP/s"),
        rates[1],
        _share(found.traffic, "bandwidth", best, least, "B/s"),
        Cell(prefixed(limit.limit, "FLOP/s"), f"{limit.binds} binds"),
        Cell(percent(found.flops / limit.limit if found.flops else None)),
    )


def _share(rate: float | None, name: str, best: Peaks, least: Peaks, unit: str) -> Cell:
    """Of the best there was; how far the others fell short says what it is worth."""
    high, low = getattr(best, name), getattr(least, name)
    return Cell(
        percent(rate / high if rate else None),
        f"{prefixed(high, unit)}\nleast {prefixed(low, unit)}",
    )


def environment_table(entries: Entries) -> Table:
    """A column for each distinct environment of a backend, as far as the records tell."""
    found: dict[str, tuple[Cell, dict[str, Any]]] = {}
    for entry in entries.all:
        record = entry.record
        for start in record.starts:
            for side in start.sides:
                of = shown({**record.machine, **side.environment, "device": record.device})
                head = Cell(record.device, side.backend, backend_colour(side.backend))
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


def csv_table(entries: Entries) -> pd.DataFrame:
    """Seconds, bytes, FLOPs, joules; empty where there is none."""
    return pd.DataFrame([_csv_row(entry, side) for entry in entries.all for side in (0, 1)])


def _csv_row(entry: BenchEntry, side: int) -> dict[str, Any]:
    record, found = entry.record, entry.sides[side]
    ratio, change, cost, best = record.ratio, found.drift.change, whole(record), peaks(record)
    limit = roof(cost, best)
    return {
        "file": entry.file,
        "device": record.device,
        "threads": record.threads,
        "configuration": record.setting,
        "backend": record.backends[side],
        "side": "AB"[side],
        "check": record.same,
        "verdict": entry.verdict.kind,
        "ratio": ratio.value,
        "ratio_low": ratio.low,
        "ratio_high": ratio.high,
        "starts": len(record.starts),
        "blocks": found.blocks,
        "cold_blocks": sum(start.cold for start in record.starts),
        "step_seconds": found.step,
        "step_seconds_p95": found.slow_step,
        "first_step_seconds": found.first_step,
        "images_per_second": found.images_per_second,
        "peak_memory_bytes": found.memory.bytes,
        "peak_memory_kind": found.memory.kind,
        "joules_per_image": found.joules_per_image,
        "flops_per_step": cost and cost.flops,
        "bytes_per_step": cost and cost.bytes,
        **{f"peak_{name}": best and getattr(best, name) for name in Peaks.__dataclass_fields__},
        "roof_flops_per_second": limit and limit.limit,
        "roof_binds": limit and limit.binds,
        **{f"{phase}_seconds": found.phases.get(phase) for phase in PHASES},
        "pieces_excess": found.excess,
        "drift": change.value,
        "drift_low": change.low,
        "drift_high": change.high,
        "slow_outliers": found.outliers,
    }
