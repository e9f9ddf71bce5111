"""What is to be published: entries in files and folders, each with the report it has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.report.formatting import plural
from harness.studies.history.entry import Entry
from harness.studies.site.entry_files import holds_entries, read_document, read_entries
from harness.system.errors import UserError
from harness.system.untrusted import is_file, is_folder

MARKER = "site.json"  # of a folder that `publish` has written
SUFFIXES = (".json", ".jsonl")
# Folders of a results folder that hold no finished record.
PASSED_OVER = ("unfinished", "logs", "figures", "runs", "units")


@dataclass(frozen=True)
class Published:
    """`report`: report.html of the folder that the entry was made from."""

    entry: Entry
    report: Path | None = None


@dataclass(frozen=True)
class Found:
    """`every`: newest first, one of an identity. `passed_over`: what holds none, a line each."""

    every: tuple[Published, ...]
    passed_over: tuple[str, ...] = ()


def find(places: Iterable[Path]) -> Found:
    """Everything in files and folders, and in the folders below them.

    A file that is named must hold entries; of a folder's JSON files those that say that they do.
    Raises UserError naming what is damaged.
    """
    by_identity: dict[str, Published] = {}
    others: list[Path] = []
    for place in places:
        if is_folder(place):
            found = _in_folder(place, others)
        elif is_file(place):
            found = (Published(entry) for entry in read_entries(place))
        else:
            raise UserError(f"{place}: no such file or folder")
        for each in found:
            before = by_identity.get(each.entry.identity)
            if before is None or (before.report is None and each.report):
                by_identity[each.entry.identity] = each
    every = sorted(by_identity.values(), key=lambda each: each.entry.identity)
    every.sort(key=lambda each: each.entry.measured.timestamp(), reverse=True)
    lines = []
    if others:
        count = plural(len(others), "JSON file")
        lines.append(f"Passed over: {count} without a measurement, such as {others[0]}")
    return Found(tuple(every), tuple(lines))


def _in_folder(folder: Path, others: list[Path]) -> Iterator[Published]:
    """`others` gets the JSON files that hold no entry."""
    if is_file(folder / MARKER):
        return
    report = folder / "report.html"
    for path in _listed(folder):
        if path.is_dir():
            if not path.name.startswith(".") and path.name not in PASSED_OVER:
                yield from _in_folder(path, others)
        elif path.suffix == ".jsonl" or holds_entries(read_document(path)):
            for entry in read_entries(path):
                yield Published(entry, report if is_file(report) else None)
        else:
            others.append(path)


def _listed(folder: Path) -> list[Path]:
    """Folders, and files that may hold entries; no links, which could lead in circles."""
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise UserError(f"{folder}: cannot be read ({error.strerror})") from None
    kept = (path for path in paths if not path.is_symlink())
    return [path for path in kept if path.is_dir() or path.suffix in SUFFIXES]
