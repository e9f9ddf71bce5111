"""Tables of the pieces of a step, and of what of the device they use."""

from __future__ import annotations

from backends.interface import PHASES, Peaks
from harness.report.comparison.tables import Cell, Table
from harness.report.formatting import MISSING, bounds, percent, prefixed
from harness.statistics.intervals import Interval
from harness.studies.timing.page.colours import colour
from harness.studies.timing.page.entries import Entries, Entry
from harness.studies.timing.page.numbers import ms, ms_digits, ms_signed, signed
from harness.studies.timing.quantities import Performance, peaks, phase_gap, roof, whole
from harness.studies.timing.wording import PHASE_TITLES


def phase_table(entry: Entry) -> Table:
    """A row a phase, then their sum, and what it is compared with."""
    first, second = entry.sides
    titles = [
        Cell(side.framework, swatch=colour(backend))
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
            _gap(phase_gap(entry.record, phase)),
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


def _gap(gap: Interval) -> Cell:
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


def _limits(entry: Entry, side: int, found: Performance) -> tuple[Cell, ...]:
    record = entry.record
    where = f"{record.device}\n{record.setting}{entry.apart}"
    head = Cell(found.framework, where, colour(record.backends[side]))
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
