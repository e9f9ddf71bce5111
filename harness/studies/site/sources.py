"""What is to be published: entries in files and folders, each with the report it has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.report.formatting import plural
from harness.studies.history.entry import Entry
from harness.studies.history.file import is_history
from harness.studies.history.find import entries_of, why_nothing
from harness.studies.site.entry_files import (
    is_bench_record,
    is_entry,
    read_document,
    read_entries,
)
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

    What is named must hold entries. In a folder all else is passed over: JSON files of another
    kind, experiments that have not finished, benches of one backend against itself. Raises
    UserError naming what is damaged.
    """
    search = _Search()
    by_identity: dict[str, Published] = {}
    for place in places:
        for each in search.at(place):
            before = by_identity.get(each.entry.identity)
            if before is None or (before.report is None and each.report):
                by_identity[each.entry.identity] = each
    every = sorted(by_identity.values(), key=lambda each: each.entry.identity)
    every.sort(key=lambda each: each.entry.measured.timestamp(), reverse=True)
    return Found(tuple(every), tuple(search.passed_over()))


class _Search:
    """`others`: JSON files without an entry. `reasons`: why records have none, a line each."""

    def __init__(self) -> None:
        self.others: list[Path] = []
        self.reasons: list[str] = []

    def passed_over(self) -> Iterator[str]:
        yield from self.reasons
        if self.others:
            count = plural(len(self.others), "JSON file")
            yield f"passed over: {count} without a measurement, such as {self.others[0]}"

    def at(self, place: Path) -> Iterable[Published]:
        """Of a file or folder that a user has named."""
        if _is_experiment(place):
            return _with_report(place, entries_of(place).values())
        if is_folder(place):
            return self._in(place)
        if is_file(place):
            return map(Published, read_entries(place))
        raise UserError(f"{place}: no such file or folder")

    def _in(self, folder: Path) -> Iterator[Published]:
        if is_file(folder / MARKER):
            return
        for path in _listed(folder):
            if _is_experiment(path):
                if not self._has_nothing(path):
                    yield from _with_report(path, entries_of(path).values())
            elif path.is_dir():
                if not path.name.startswith(".") and path.name not in PASSED_OVER:
                    yield from self._in(path)
            elif self._holds_entries(path):
                yield from _with_report(folder, read_entries(path))

    def _holds_entries(self, path: Path) -> bool:
        if is_history(path):
            return True
        document = read_document(path)
        if is_bench_record(document):
            return not self._has_nothing(path)
        if not is_entry(document):
            self.others.append(path)
        return is_entry(document)

    def _has_nothing(self, path: Path) -> bool:
        why = why_nothing(path)
        if why:
            self.reasons.append(f"passed over: {path}: {why}")
        return bool(why)


def _is_experiment(folder: Path) -> bool:
    return is_file(folder / "experiment.json")


def _with_report(folder: Path, entries: Iterable[Entry]) -> Iterator[Published]:
    report = folder / "report.html"
    for entry in entries:
        yield Published(entry, report if is_file(report) else None)


def _listed(folder: Path) -> list[Path]:
    """Folders, and files that may hold entries; no links, which could lead in circles."""
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise UserError(f"{folder}: cannot be read ({error.strerror})") from None
    kept = (path for path in paths if not path.is_symlink())
    return [path for path in kept if path.is_dir() or path.suffix in SUFFIXES]
