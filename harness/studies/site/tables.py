"""Tables of a site: the index, the devices, and a row for each entry and backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.report.figures import backend_colour
from harness.report.formatting import MISSING, fixed, plural, prefixed, significant
from harness.report.page import PARTS, Cell, Table
from harness.studies.history.entry import Entry, Side
from harness.studies.site import words

FILTERS = ("Device", "Workload", "Backend", "Verdict")
RATIO = Cell("Ratio of step times", "newest measurement")


def index_table(entries: Sequence[Entry], pages: Mapping[str, str]) -> Table:
    """A row for each data set, preset, device and set of versions; newest first.

    `pages`: file by device.
    """
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries:
        key = (words.dataset(entry), entry.preset, words.changes(entry), entry.machine.device,
               words.all_versions(entry))  # fmt: skip
        groups.setdefault(key, []).append(entry)
    rows = [
        (
            Cell(dataset, words.shape(group[0])),
            Cell(preset, changes),
            Cell(device, link=pages[device]),
            Cell(versions),
            _ratios(group[0]),
            Cell(group[0].day),
            Cell(str(len(group))),
        )
        for (dataset, preset, changes, device, versions), group in groups.items()
    ]
    header = ("Data set", "Preset", "Device", "Versions")
    last = (RATIO, Cell("Newest"), Cell("Entries"))
    return Table((*map(Cell, header), *last), tuple(rows), numeric=False, filters=(0, 1, 2, 3))


def device_table(by_device: Mapping[str, Sequence[Entry]], pages: Mapping[str, str]) -> Table:
    rows = []
    for device, entries in by_device.items():
        frameworks = {words.framework(side) for entry in entries for side in entry.backends}
        timed = next((entry for entry in entries if _ratios(entry).text != MISSING), None)
        row = (
            Cell(device, link=pages[device]),
            Cell(", ".join(sorted(frameworks))),
            _ratios(timed, words.workload(timed)) if timed else Cell(MISSING),
            Cell(entries[0].day),
            Cell(str(len(entries))),
        )
        rows.append(row)
    header = (Cell("Device"), Cell("Frameworks"), RATIO, Cell("Newest"),
              Cell("Entries"))  # fmt: skip
    return Table(header, tuple(rows), numeric=False)


def backend_table(
    entries: Sequence[Entry], reports: Mapping[str, str], pages: Mapping[str, str] | None = None
) -> Table:
    """A row for each entry and backend. `reports`: file by identity.

    `pages`: file by device; with it the rows begin with their device.
    """
    header = [
        Cell("Measured", "links to its report"),
        Cell("Workload"),
        Cell("Backend"),
        Cell("Step, ms"),
        Cell("Ratio", "to the first"),
        Cell("KID →", "x1000"),
        Cell("KID ←", "x1000"),
        Cell("Verdict", "primary score"),
        Cell("Memory", "peak"),
        Cell("Energy", "J an image"),
    ]
    names = [side.backend for entry in entries for side in entry.backends]
    colours = {name: backend_colour(name, names) for name in dict.fromkeys(names)}
    rows = [
        (*_about(entry, reports), *_measured(entry, side, colours[side.backend]))
        for entry in entries
        for side in entry.backends
    ]
    if pages is not None:
        header.insert(0, Cell("Device"))
        devices = [entry.machine.device for entry in entries for _ in entry.backends]
        rows = [(Cell(at, link=pages[at]), *row) for at, row in zip(devices, rows, strict=True)]
    filters = [place for place, cell in enumerate(header) if cell.text in FILTERS]
    return Table(tuple(header), tuple(rows), filters=tuple(filters))


def _about(entry: Entry, reports: Mapping[str, str]) -> tuple[Cell, ...]:
    code = " ".join(filter(None, [entry.code.version, (entry.code.revision or "")[:10]]))
    trained = f"{plural(entry.steps, 'step')}, " if entry.steps else ""
    seeds = plural(len(entry.seeds), "seed") if entry.seeds else entry.kind
    lines = (trained + words.shape(entry), words.changes(entry))
    return (
        Cell(entry.day, f"{seeds}\n{code}", link=reports.get(entry.identity, "")),
        Cell(PARTS.join([words.dataset(entry), entry.preset]), "\n".join(lines)),
    )


def _measured(entry: Entry, side: Side, colour: str) -> tuple[Cell, ...]:
    step = words.milliseconds(side.step) if side.step else (MISSING, "")
    pair = words.pair_of(entry, side)
    ratio, verdict = Cell(MISSING), Cell(MISSING)
    if pair and pair.ratio:
        ratio = Cell(fixed(pair.ratio.value, 3), words.between(pair.ratio, 3))
    if pair:
        verdict = Cell(*words.verdict_text(pair))
    scores = [words.primary_score(side, direction) for direction in words.ARROWS]
    return (
        Cell(words.versioned(side), swatch=colour),
        Cell(*step),
        ratio,
        *(Cell(*words.score_text(entry, score)) if score else Cell(MISSING) for score in scores),
        verdict,
        Cell(prefixed(side.memory, "B"), side.memory_kind or ""),
        Cell(significant(side.joules)),
    )


def _ratios(entry: Entry, *more: str) -> Cell:
    """Of every other backend to the first; `more`: lines below."""
    base = words.called(entry, entry.backends[0])
    lines = [
        f"{words.called(entry, side)} / {base} {fixed(pair.ratio.value, 3)}"
        for side in entry.backends[1:]
        if (pair := words.pair_of(entry, side)) and pair.ratio
    ]
    first, *others = lines or [MISSING]
    return Cell(first, "\n".join([*others, *more]))
