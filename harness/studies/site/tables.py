"""Tables of a site: the index, the devices, and a row for each entry and backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.report.figures import backend_colour
from harness.report.formatting import MISSING, fixed, plural, prefixed, significant
from harness.report.page import Cell, Table
from harness.studies.history.entry import Entry, Side
from harness.studies.site import words

BACKEND_FILTERS = ("Data set", "Preset", "Backend", "Verdict")


def index_table(entries: Sequence[Entry], pages: Mapping[str, str]) -> Table:
    """A row for each data set, preset, device and set of versions; newest first.

    `pages`: file by device.
    """
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries:
        key = (words.dataset(entry), entry.preset, words.changes(entry), entry.machine.device,
               words.all_versions(entry))  # fmt: skip
        groups.setdefault(key, []).append(entry)
    header = ("Data set", "Preset", "Device", "Versions", "Newest", "Entries", "Step time")
    rows = []
    for (dataset, preset, changes, device, versions), group in groups.items():
        row = (
            Cell(dataset, words.shape(group[0])),
            Cell(preset, changes),
            Cell(device, link=pages[device]),
            Cell(versions),
            Cell(words.day(group[0])),
            Cell(str(len(group))),
            _ratios(group[0]),
        )
        rows.append(row)
    titles = (*(Cell(name) for name in header[:-1]), Cell(header[-1], "to the first, newest"))
    return Table(titles, tuple(rows), "All measurements", filters=(0, 1, 2, 3))


def device_table(by_device: Mapping[str, Sequence[Entry]], pages: Mapping[str, str]) -> Table:
    header = ("Device", "Entries", "Comparisons", "Benches", "Newest", "Frameworks")
    rows = []
    for device, entries in by_device.items():
        kinds = [entry.kind for entry in entries]
        frameworks = {words.framework(side) for entry in entries for side in entry.backends}
        row = (
            Cell(device, link=pages[device]),
            Cell(str(len(entries))),
            Cell(str(kinds.count("comparison"))),
            Cell(str(kinds.count("bench"))),
            Cell(words.day(entries[0])),
            Cell(", ".join(sorted(frameworks))),
        )
        rows.append(row)
    return Table(tuple(Cell(name) for name in header), tuple(rows), "Devices")


def backend_table(
    entries: Sequence[Entry],
    reports: Mapping[str, str],
    pages: Mapping[str, str] | None = None,
    caption: str = "",
) -> Table:
    """A row for each entry and backend. `reports`: file by identity.

    `pages`: file by device; with it the rows begin with their device.
    """
    header = [
        Cell("Measured", "and its report, if there is one"),
        Cell("Data set"),
        Cell("Preset"),
        Cell("Backend"),
        Cell("Step, ms", "95 % interval"),
        Cell("Ratio", "to the first backend"),
        Cell("KID →", "x1000, last step"),
        Cell("KID ←", "x1000, last step"),
        Cell("Verdict", "of the primary score"),
        Cell("Memory", "peak"),
        Cell("Energy", "J an image"),
    ]
    if pages is not None:
        header.insert(0, Cell("Device"))
    names = [side.backend for entry in entries for side in entry.backends]
    colours = {name: backend_colour(name, names) for name in dict.fromkeys(names)}
    rows = []
    for entry in entries:
        for side in entry.backends:
            row = [*_about(entry, reports), *_measured(entry, side, colours[side.backend])]
            if pages is not None:
                row.insert(0, Cell(entry.machine.device, link=pages[entry.machine.device]))
            rows.append(tuple(row))
    names_of_columns = [cell.text for cell in header]
    wanted = (*(() if pages is None else ("Device",)), *BACKEND_FILTERS)
    filters = tuple(names_of_columns.index(name) for name in wanted)
    return Table(tuple(header), tuple(rows), caption, filters=filters)


def _about(entry: Entry, reports: Mapping[str, str]) -> tuple[Cell, ...]:
    code = " ".join(filter(None, [entry.code.version, (entry.code.revision or "")[:10]]))
    trained = f"{plural(entry.steps, 'step')}, " if entry.steps else ""
    seeds = plural(len(entry.seeds), "seed") if entry.seeds else entry.kind
    return (
        Cell(words.day(entry), f"{seeds}\n{code}", link=reports.get(entry.identity, "")),
        Cell(words.dataset(entry), trained + words.shape(entry)),
        Cell(entry.preset, words.changes(entry)),
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


def _ratios(entry: Entry) -> Cell:
    """Of every other backend to the first."""
    lines = []
    for side in entry.backends[1:]:
        pair = words.pair_of(entry, side)
        if pair and pair.ratio:
            lines.append(f"{words.framework(side)} {fixed(pair.ratio.value, 3)}")
    return Cell(lines[0] if lines else MISSING, "\n".join(lines[1:]))
