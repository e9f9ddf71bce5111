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
from harness.studies.timing.findings import (
    PHASE_TITLES,
    BenchEntry,
    Entries,
    peaks,
    phase_gap,
    roof,
    whole,
)
from harness.studies.timing.record import TimingRecord
from harness.studies.timing.verdicts import missing_starts

PLACES = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


def result_table(entries: Entries) -> Table:
    """A row a device and configuration; energy only where any has it."""
    energy = any(side.joules_per_image is not None for e in entries.results for side in e.sides)
    header = [
        Cell("Device", "configuration"),
        *(Cell(f"Step, {PLACES[place]}") for place in range(entries.most)),
        Cell("Ratio", "second / first" if entries.most == 2 else "to the first"),
        Cell("Images a second"),
        Cell("First step", "compiling"),
        Cell("Peak memory"),
        *([Cell("Energy", "an image")] if energy else []),
    ]
    rows = []
    for entry in entries.results:
        record, sides = entry.record, entry.sides
        starts = plural(len(record.starts), "start")
        if record.settled:
            ratios = [record.ratio_of(0, other) for other in range(1, len(sides))]
            lines = [f"{fixed(ratio.value, 3)} {bounds(ratio, 3)}" for ratio in ratios[1:]]
            detail = "\n".join([bounds(ratios[0], 3), *lines, starts])
            ratio = Cell(fixed(ratios[0].value, 3), detail)
        else:
            more = f"about {missing_starts(record)} more starts"
            ratio = Cell("no ratio yet", f"{more}\n{starts} so far")
        cells = [_title_cell(entry)]
        for side in sides:
            detail = f"{side.framework}\n95th pct. {ms(side.slow_step)}"
            cells.append(Cell(ms(side.step), detail, entry.colour(side.backend)))
        cells += [Cell("")] * (entries.most - len(sides))
        cells += [
            ratio,
            _pair([significant(side.images_per_second) for side in sides]),
            _pair([f"{significant(side.first_step)} s" for side in sides]),
            _pair([prefixed(side.memory.bytes, "B") for side in sides], sides[0].memory.kind),
        ]
        if energy:
            cells.append(_pair([prefixed(side.joules_per_image, "J") for side in sides]))
        rows.append(tuple(cells))
    return Table(tuple(header), tuple(rows))


def _title_cell(entry: BenchEntry) -> Cell:
    record = entry.record
    against = f"{record.names[0]} against itself\n" if record.same else ""
    return Cell(record.device, f"{against}{record.setting}{entry.apart}")


def _pair(texts: list[str], detail: str = "") -> Cell:
    """Of all backends, one below the other; once where there is nothing."""
    if set(texts) == {MISSING}:
        return Cell(MISSING)
    return Cell(texts[0], "\n".join(filter(None, [*texts[1:], detail])))


def steadiness_table(entries: Entries) -> Table:
    """A row a record: what a reader who mistrusts the times would ask about them."""
    most = max((len(entry.sides) for entry in entries.all), default=2)
    header = (
        Cell("Device", "configuration"),
        Cell("Starts"),
        Cell("Block pairs", "left out: warm-up, load"),
        *(Cell(f"Drift, {PLACES[place]}") for place in range(most)),
        Cell("Slow outliers"),
        Cell("Ratio", "by who began"),
    )
    rows = []
    for entry in entries.all:
        record, sides = entry.record, entry.sides
        drifts = []
        for side in sides:
            span = bounds(side.drift.change, 1, 100)
            if span:
                detail = span if side.drift.certain else f"{span}\nnone seen"
                drifts.append(Cell(signed(side.drift.change.value), detail))
            else:
                drifts.append(Cell("too few blocks"))
        drifts += [Cell("")] * (most - len(sides))
        orders = [record.by_order(0, other) for other in range(1, len(sides))]
        cells = (
            _title_cell(entry),
            Cell(str(len(record.starts))),
            Cell(str(sides[0].blocks), _left_out(record)),
            *drifts,
            _pair([f"{side.outliers} of {side.blocks}" for side in sides]),
            _pair([fixed(ratio, 3) for ratios in orders for ratio in ratios])
            if record.settled
            else Cell("no ratio yet"),
        )
        rows.append(cells)
    return Table(header, tuple(rows))


def phase_table(entry: BenchEntry) -> Table:
    """A row a phase, then their sum, and what it is compared with; differences to the first."""
    sides, others = entry.sides, range(1, len(entry.sides))
    several = len(sides) > 2
    header = (
        Cell("Piece of a step"),
        *(Cell(side.framework, swatch=entry.colour(side.backend)) for side in sides),
        *(
            Cell("Difference", f"{sides[other].framework}, to the first" if several else
                 "of the pieces")
            for other in others
        ),
    )  # fmt: skip
    totals = [sum(side.phases.values()) for side in sides]
    rows = []
    for phase in PHASES:
        cells = [Cell(PHASE_TITLES[phase])]
        for side, total in zip(sides, totals, strict=True):
            cells.append(Cell(ms(side.phases[phase]), percent(side.phases[phase] / total)))
        cells += [_gap_cell(phase_gap(entry.record, phase, other)) for other in others]
        rows.append(tuple(cells))
    excess = [f"{signed(side.excess)} against a step left alone" for side in sides]
    pieces = [Cell(ms(total), text) for total, text in zip(totals, excess, strict=True)]
    more = [Cell(ms_signed(totals[other] - totals[0])) for other in others]
    rows.append((Cell("all pieces"), *pieces, *more))
    steps = [Cell(ms(side.step)) for side in sides]
    more = [Cell(ms_signed(sides[other].step - sides[0].step)) for other in others]
    rows.append((Cell("a step left alone"), *steps, *more))
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
    rows = []
    for entry in entries.results:
        record = entry.record
        where = f"{record.device}\n{record.setting}{entry.apart}"
        best, least = peaks(record), peaks(record, min)
        limit = roof(whole(record), best)
        for side in entry.sides:
            if side.flops is None or side.traffic is None:
                continue
            matrix = convolution = bandwidth = roof_cell = share = Cell(MISSING)
            if best and least and limit:
                matrix = _share(side.flops, best.matrix, least.matrix, "FLOP/s")
                convolution = _share(side.flops, best.convolution, least.convolution, "FLOP/s")
                bandwidth = _share(side.traffic, best.bandwidth, least.bandwidth, "B/s")
                roof_cell = Cell(prefixed(limit.limit, "FLOP/s"), f"{limit.binds} binds")
                share = Cell(percent(side.flops / limit.limit))
            name = Cell(side.framework, where, entry.colour(side.backend))
            flops = Cell(prefixed(side.flops, "FLOP/s"))
            traffic = Cell(prefixed(side.traffic, "B/s"))
            row = (name, flops, matrix, convolution, traffic, bandwidth, roof_cell, share)
            rows.append(row)
    return Table(header, tuple(rows))


def _share(rate: float, best: float, least: float, unit: str) -> Cell:
    """Of the best there was; how far the others fell short says what it is worth."""
    return Cell(percent(rate / best), f"{prefixed(best, unit)}\nleast {prefixed(least, unit)}")


def environment_table(entries: Entries) -> Table:
    """A column for each distinct environment of a backend, as far as the records tell."""
    columns: dict[str, tuple[Cell, dict[str, Any]]] = {}
    for entry in entries.all:
        record = entry.record
        for start in record.starts:
            for side in start.sides:
                facts = shown({**record.machine, **side.environment, "device": record.device})
                head = Cell(
                    record.device, side.backend, backend_colour(side.backend, record.backends)
                )
                key = json.dumps([side.backend, facts], sort_keys=True)
                columns.setdefault(key, (head, facts))
    rows = []
    for field, title in FIELDS:
        # A row that nobody has would be empty.
        if any(field in facts for _, facts in columns.values()):
            texts = [_text(facts.get(field)) for _, facts in columns.values()]
            rows.append((Cell(title), *map(Cell, texts)))
    return Table((Cell(""), *(head for head, _ in columns.values())), tuple(rows), numeric=False)


def _text(value: Any) -> str:
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {part}" for name, part in value.items() if part is not None)
    return str(value)


def _left_out(record: TimingRecord) -> str:
    cold = sum(start.cold for start in record.starts)
    return f"{cold}, {sum(start.left_out for start in record.starts)}"


def csv_table(entries: Entries) -> pd.DataFrame:
    """Seconds, bytes, FLOPs, joules; empty where there is none."""
    rows = []
    for entry in entries.all:
        record = entry.record
        cost, best = whole(record), peaks(record)
        limit = roof(cost, best)
        two = len(entry.sides) == 2
        for place, side in enumerate(entry.sides):
            # Of two their ratio in both rows; of more each one's to the first.
            ratio = record.ratio if two else Interval(None)
            if place and not two:
                ratio = record.ratio_of(0, place)
            change = side.drift.change
            row = {
                "file": entry.file,
                "device": record.device,
                "threads": record.threads,
                "configuration": record.setting,
                "backend": side.backend,
                "side": "ABCDEFGH"[place],
                "check": record.same,
                "verdict": entry.verdict.kind,
                "ratio": ratio.value,
                "ratio_low": ratio.low,
                "ratio_high": ratio.high,
                "starts": len(record.starts),
                "blocks": side.blocks,
                "cold_blocks": sum(start.cold for start in record.starts),
                "load": record.load,
                "starts_under_load": len(record.starts) - len(record.counted),
                "step_seconds": side.step,
                "step_seconds_p95": side.slow_step,
                "first_step_seconds": side.first_step,
                "images_per_second": side.images_per_second,
                "peak_memory_bytes": side.memory.bytes,
                "peak_memory_kind": side.memory.kind,
                "joules_per_image": side.joules_per_image,
                "flops_per_step": cost and cost.flops,
                "bytes_per_step": cost and cost.bytes,
                **{f"peak_{name}": best and getattr(best, name)
                   for name in Peaks.__dataclass_fields__},
                "roof_flops_per_second": limit and limit.limit,
                "roof_binds": limit and limit.binds,
                **{f"{phase}_seconds": side.phases.get(phase) for phase in PHASES},
                "pieces_excess": side.excess,
                "drift": change.value,
                "drift_low": change.low,
                "drift_high": change.high,
                "slow_outliers": side.outliers,
            }  # fmt: skip
            rows.append(row)
    return pd.DataFrame(rows)
