"""The pages of a site: an index, a page or more a device, and one across devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.report.formatting import plural
from harness.report.page import Cell, Figure, Items, Note, Page, Section
from harness.studies.history.entry import Entry, digest
from harness.studies.site import words
from harness.studies.site.answers import device_answers
from harness.studies.site.plots import MOST, VERSIONS, device_figures
from harness.studies.site.tables import backend_table, device_table, index_table
from harness.system.provenance import slug

ENTRIES = 100  # on a page; more of them get another
SAID = 5  # reports of which a page has the first sentence
INDEX_ROWS = 1000  # newest first
INDEX, ACROSS = "index.html", "across.html"
TO_INDEX = Cell("All measurements", link=INDEX)
HISTORY = "history.jsonl"  # every entry, a line each
ABOUT = (
    "How long a training step of the same CycleGAN takes in each framework, how much memory it"
    " needs, and how good its translations are, as cyclebench has measured it. A device's page says"
    " which framework is faster there, where two were timed in turns."
)
CAPTIONS = {
    "versions.png": f"Time of a step by framework version, at most {VERSIONS}. Lines: medians.",
    "time.png": "Time of a step by the day it was measured.",
    "scores.png": "The primary score by the day it was measured; lower is better.",
}
CHARTS = (
    f"Bars: 95 % intervals, where there are any. At most {MOST} workloads: those measured most."
)
ROWS = (
    "A row for each measurement and backend. Ratio: how many times as long a step takes as one of"
    " the first backend of the same measurement. Brackets: 95 % intervals; n: seeds, or starts,"
    " where there is no interval. KID: KID-EffLite0, lower is better; floor: real images against"
    " real ones; untranslated: the score of doing nothing."
)
ALONE = (
    "Only numbers of one measurement were taken side by side. Between measurements the machine,"
    " versions and day differ, too."
)
ACROSS_ROWS = (
    "Only rows of one workload can be compared: they stand together, quickest device first, those"
    " on most devices at the top."
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
    pages = {device: f"{_stem(device)}.html" for device in by_device}
    made = [_index(entries, by_device, pages), *_across(by_device, pages, reports)]
    for device, group in by_device.items():
        made += _device(device, group, pages[device], reports)
    return made


def _index(
    entries: Sequence[Entry], by_device: Mapping[str, Sequence[Entry]], pages: Mapping[str, str]
) -> SitePage:
    table = index_table(entries, pages)
    notes = [Note(ALONE, "soft")]
    if (count := len(table.rows)) > INDEX_ROWS:
        table = replace(table, rows=table.rows[:INDEX_ROWS])
        text = f"The newest {INDEX_ROWS:,} of {count:,} rows. Pages of devices have all."
        notes.append(Note(text, "soft"))
    about = (
        plural(len(entries), "measurement"),
        plural(len(by_device), "device"),
        " to ".join(dict.fromkeys([entries[-1].day, entries[0].day])),
    )
    sections = (
        Section("Devices", (device_table(by_device, pages),)),
        Section("All measurements", (*notes, table)),
    )
    links = (Cell("Across devices", link=ACROSS), Cell("All as JSON lines", link=HISTORY))
    page = Page("CycleGAN in several frameworks", about, (), sections, lead=ABOUT, pages=links)
    return SitePage(INDEX, page, {})


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
    about = (plural(len(series), "workload"), plural(len(by_device), "device"))
    made = []
    for file, number, part, links in _parts(ACROSS, ordered):
        notes = Note(ACROSS_ROWS, "soft"), Note(ROWS, "soft")
        section = Section("Newest of each device", (*notes, backend_table(part, reports, pages)))
        page = Page(f"Across devices{number}", about, (), (section,), pages=(TO_INDEX, *links))
        made.append(SitePage(file, page, {}))
    return made


def _device(
    device: str, entries: Sequence[Entry], file: str, reports: Mapping[str, str]
) -> list[SitePage]:
    """Answers and charts are on the first page, and are of all entries."""
    figures, about = device_figures(entries), plural(len(entries), "measurement")
    first = []
    if said := _in_short(entries):
        first.append(Section("What the newest reports say first", (Items(said),)))
    if figures:
        drawn = (Figure(name, CAPTIONS[name]) for name in figures)
        first.append(Section("Over versions and time", (Note(CHARTS, "soft"), *drawn)))
    made = []
    for name, number, part, links in _parts(file, entries):
        table = Section("Measurements", (Note(ROWS, "soft"), backend_table(part, reports)))
        page = Page(
            f"{device}{number}",
            (about, *_machine(entries[0])),
            () if number else device_answers(entries),
            (*(() if number else first), table),
            pages=(TO_INDEX, Cell("Across devices", link=ACROSS), *links),
        )
        made.append(SitePage(name, page, {} if number else figures))
    return made


def _in_short(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Of comparisons: what the newest of each workload says, those measured last first."""
    newest: dict[str, Entry] = {}
    for entry in entries:
        if entry.sentence and entry.kind == "comparison":
            newest.setdefault(entry.series, entry)
    return tuple(
        f"{words.workload(entry)}, {entry.day}: {entry.sentence}"
        for entry in list(newest.values())[:SAID]
    )


def _parts(
    file: str, entries: Sequence[Entry]
) -> list[tuple[str, str, Sequence[Entry], tuple[Cell, ...]]]:
    """File, ", page 2" (nothing for the first), entries, links to all if there are several."""
    stem = file.removesuffix(".html")
    parts = [entries[begin : begin + ENTRIES] for begin in range(0, len(entries), ENTRIES)]
    files = [file, *(f"{stem}-{number}.html" for number in range(2, len(parts) + 1))]
    links = tuple(Cell(f"Page {number}", link=each) for number, each in enumerate(files, 1))
    return [
        (each, f", page {number}" if number > 1 else "", part, links if len(files) > 1 else ())
        for number, (each, part) in enumerate(zip(files, parts, strict=True), 1)
    ]


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
