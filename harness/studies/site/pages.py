"""The pages of a site: an index, a page or more a device, and one across devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.report.formatting import plural
from harness.report.page import Block, Cell, Figure, Items, Note, Page, Section
from harness.studies.history.entry import Entry, digest
from harness.studies.site import words
from harness.studies.site.plots import MOST, VERSIONS, device_figures
from harness.studies.site.tables import backend_table, device_table, index_table
from harness.system.provenance import slug

ENTRIES = 100  # on a page; more of them get another
SAID = 10  # workloads of which a page says what was found
INDEX_ROWS = 1000  # newest first
INDEX, ACROSS = "index.html", "across.html"
HISTORY = "history.jsonl"  # every entry, a line each
CAPTIONS = {
    "versions.png": f"Time of a step by framework version, at most {VERSIONS}. Lines: medians.",
    "time.png": "Time of a step by the day it was measured.",
    "scores.png": "The primary score by the day it was measured; lower is better.",
}
CHARTS = (
    f"Bars: 95 % intervals, where there are any. At most {MOST} workloads: those measured most."
)
ROWS = (
    "A row for each measurement and backend. A ratio says how many times as long a"
    " step takes as one of the first backend of the same measurement. Brackets: 95 % intervals;"
    " n: seeds or starts, too few for one. KID: KID-EffLite0, lower is better; floor: real images"
    " against real ones; untranslated: the score of doing nothing."
)
ALONE = (
    "Numbers of one measurement can be compared with each other. Between measurements also machine,"
    " versions and day differ; between presets and data sets everything does."
)
ACROSS_ROWS = (
    "The newest measurement of each workload on each device. Only rows of one workload can be"
    " compared: same data set, preset and changes. They come one after another, quickest first."
)


@dataclass(frozen=True)
class SitePage:
    """`figures`: by the names that are in `page`."""

    file: str
    page: Page
    figures: Mapping[str, bytes]


def make_pages(entries: Sequence[Entry], reports: Mapping[str, str]) -> list[SitePage]:
    """`entries`: newest first, one at least. `reports`: file in the site by identity."""
    by_device: dict[str, list[Entry]] = {}
    for entry in entries:
        by_device.setdefault(entry.machine.device, []).append(entry)
    first_pages = {device: f"{_stem(device)}.html" for device in by_device}
    made = [_index(entries, by_device, first_pages)]
    made += _across(by_device, first_pages, reports)
    for device, group in by_device.items():
        made += _device(device, group, reports)
    return made


def _index(
    entries: Sequence[Entry], by_device: Mapping[str, Sequence[Entry]], pages: Mapping[str, str]
) -> SitePage:
    table = index_table(entries, pages)
    blocks: list[Block] = [table]
    if len(table.rows) > INDEX_ROWS:
        rows = table.rows[:INDEX_ROWS]
        blocks[0] = Note(f"The newest {INDEX_ROWS:,} of {len(table.rows):,} rows. Pages of devices"
                         " have all.", "soft")  # fmt: skip
        blocks.append(type(table)(table.header, rows, table.caption, filters=table.filters))
    about = (
        plural(len(entries), "measurement"),
        plural(len(by_device), "device"),
        f"{words.day(entries[-1])} to {words.day(entries[0])}",
    )
    sections = (
        Section("Devices", (device_table(by_device, pages),)),
        Section("Measurements", (Note(ALONE, "soft"), *blocks)),
    )
    links = (Cell("Across devices", link=ACROSS), Cell("All as JSON lines", link=HISTORY))
    return SitePage(INDEX, Page("Measurements", about, (), sections, pages=links), {})


def _across(
    by_device: Mapping[str, Sequence[Entry]], pages: Mapping[str, str], reports: Mapping[str, str]
) -> list[SitePage]:
    """The newest of each series and device; series on most devices first, quickest first."""
    series: dict[str, dict[str, Entry]] = {}
    for device, entries in by_device.items():
        for entry in entries:
            series.setdefault(entry.series, {}).setdefault(device, entry)
    ordered = [
        entry
        for group in sorted(series.values(), key=len, reverse=True)
        for entry in sorted(group.values(), key=_quickest)
    ]
    made = []
    for file, number, part in _parts(ACROSS.removesuffix(".html"), ordered):
        table = backend_table(part, reports, pages, "Newest of each device")
        section = Section("Devices", (Note(ACROSS_ROWS, "soft"), Note(ROWS, "soft"), table))
        about = (plural(len(series), "workload"), plural(len(by_device), "device"))
        links = (Cell("All measurements", link=INDEX), *_others("across", len(ordered)))
        page = Page(f"Across devices{number}", about, (), (section,), pages=links)
        made.append(SitePage(file, page, {}))
    return made


def _device(device: str, entries: Sequence[Entry], reports: Mapping[str, str]) -> list[SitePage]:
    """Sentences and charts are on the first page, and are of all entries."""
    made, stem = [], _stem(device)
    for file, number, part in _parts(stem, entries):
        figures = {} if number else device_figures(entries)
        sections = []
        if not number and (said := _in_short(entries)):
            sections.append(Section("In short", (Items(said),)))
        if figures:
            drawn = (Figure(name, CAPTIONS[name]) for name in figures)
            sections.append(Section("Over versions and time", (Note(CHARTS, "soft"), *drawn)))
        table = backend_table(part, reports, caption=device)
        sections.append(Section("Measurements", (Note(ROWS, "soft"), table)))
        about = (plural(len(entries), "measurement"), *_machine(entries[0]))
        links = (
            Cell("All measurements", link=INDEX),
            Cell("Across devices", link=ACROSS),
            *_others(stem, len(entries)),
        )
        page = Page(f"{device}{number}", about, (), tuple(sections), pages=links)
        made.append(SitePage(file, page, figures))
    return made


def _in_short(entries: Sequence[Entry]) -> tuple[str, ...]:
    """What the newest measurement of each workload says, those measured last first."""
    newest: dict[str, Entry] = {}
    for entry in entries:
        if entry.sentence:
            newest.setdefault(entry.series, entry)
    return tuple(
        f"{words.workload(entry)}, {words.day(entry)}: {entry.sentence}"
        for entry in list(newest.values())[:SAID]
    )


def _parts(stem: str, entries: Sequence[Entry]) -> list[tuple[str, str, Sequence[Entry]]]:
    """File, ", page 2" (nothing for the first), entries."""
    parts = [entries[begin : begin + ENTRIES] for begin in range(0, len(entries), ENTRIES)]
    return [
        (f"{stem}.html", "", part) if not place else
        (f"{stem}-{place + 1}.html", f", page {place + 1}", part)
        for place, part in enumerate(parts)
    ]  # fmt: skip


def _others(stem: str, count: int) -> tuple[Cell, ...]:
    """Links to all pages of `stem`, if there are several."""
    pages = -(-count // ENTRIES)
    if pages == 1:
        return ()
    files = (f"{stem}-{number}.html" if number > 1 else f"{stem}.html"
             for number in range(1, pages + 1))  # fmt: skip
    return tuple(Cell(f"Page {number}", link=file) for number, file in enumerate(files, 1))


def _machine(entry: Entry) -> tuple[str, ...]:
    """Of the newest entry."""
    machine = entry.machine
    parts = [f"driver {machine.driver}" if machine.driver else "", machine.platform]
    if machine.python:
        parts.append(f"Python {machine.python}")
    return tuple(part for part in parts if part)


def _quickest(entry: Entry) -> float:
    steps = [side.step.value for side in entry.backends if side.step]
    return min(steps, default=float("inf"))


def _stem(device: str) -> str:
    """A file's name without its ending; devices of alike names have different ones."""
    return "-".join(filter(None, ["device", slug(device)[:60].strip("-"), digest(device)[:6]]))
