"""Entries in what a user names: experiment folders, files with entries, folders of these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.report.formatting import plural
from harness.studies.history.entry import Entry, NoEntry
from harness.studies.history.file import ENDING, is_history, read_history
from harness.studies.history.from_bench import entry_of_bench, read_bench
from harness.studies.history.from_experiment import entries_of_experiment, load_finished
from harness.studies.study import first_wrong
from harness.system.errors import UserError
from harness.system.files import MOST_JSON
from harness.system.provenance import slug
from harness.system.untrusted import check_file, is_file, is_folder, parse_json, reason

SITE = "site.json"  # of a folder that `publish` has written
# Folders of a results folder that hold no finished record.
WITHOUT = ("unfinished", "logs", "figures", "runs", "units")
ADVICE = "`cyclebench track RESULTS --to FILE` writes entries"


@dataclass(frozen=True)
class FoundEntry:
    """`report`: report.html beside what the entry was made from, if there is one."""

    entry: Entry
    report: Path | None = None


@dataclass(frozen=True)
class Found:
    """`every`: newest first, one of an identity. `passed_over`: what holds none, a line each."""

    every: tuple[FoundEntry, ...]
    passed_over: tuple[str, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(each.entry for each in self.every)


def find(places: Sequence[Path], without: Path | None = None) -> Found:
    """Everything in files and folders, and in the folders below them, but for the file `without`.

    In a folder what holds no entry is passed over: JSON files of another kind, experiments that
    have not finished, benches of one backend against itself. Raises UserError naming what is
    damaged, what is named and holds none, and where there is no entry at all.
    """
    by_identity: dict[str, FoundEntry] = {}
    reasons: list[str] = []
    others: list[Path] = []
    for place in places:
        for path, report in _candidates(place):
            if without and path.absolute() == without.absolute():
                continue
            if path != place and path.suffix == ".json" and not _is_measurement(_document(path)):
                others.append(path)
                continue
            try:
                entries = read_entries(path)
            except NoEntry as error:
                if path == place:
                    raise
                reasons.append(str(error))
                continue
            for entry in entries:
                known = by_identity.get(entry.identity)
                if known is None or (known.report is None and report):
                    by_identity[entry.identity] = FoundEntry(entry, report)
    if others:
        count = plural(len(others), "JSON file")
        reasons.append(f"{others[0]}: no measurement ({count} in all)")
    if not by_identity:
        named = ", ".join(map(str, places)) or "RESULTS"
        raise UserError(
            reasons[0] if reasons else f"{named}: no measurement there; name folders that"
            " `compare`, `bench` or `track` has written"
        )  # fmt: skip
    every = sorted(by_identity.values(), key=lambda each: each.entry.identity)
    every.sort(key=lambda each: each.entry.measured, reverse=True)
    return Found(tuple(every), tuple(reasons))


def read_entries(path: Path) -> list[Entry]:
    """Of an experiment folder or of one file.

    Raises NoEntry where there is none, UserError naming file and key of what is damaged.
    """
    if is_history(path):
        return read_history(path)
    document = None if _is_experiment(path) else _document(path)
    if document is None or "starts" in document:
        return list(entries_of(path).values())
    if not _is_measurement(document):
        raise NoEntry(f"{path}: kind: neither an entry nor a bench record; {ADVICE}")
    try:
        return [Entry.model_validate(document)]
    except ValidationError as error:
        raise UserError(f"{path}: not an entry ({first_wrong(error)}); {ADVICE}") from None


def entries_of(path: Path) -> dict[str, Entry]:
    """Of one experiment folder, or of one bench record; by the device's slug."""
    if not is_file(path):
        return entries_of_experiment(load_finished(path))
    entry = entry_of_bench(path, read_bench(path))
    return {slug(entry.machine.device): entry}


def _candidates(place: Path) -> Iterator[tuple[Path, Path | None]]:
    """Experiment folders and files that may hold entries, with the reports beside them."""
    if _is_experiment(place):
        yield place, _report(place)
    elif is_folder(place):
        yield from _within(place)
    elif is_file(place):
        yield place, None
    else:
        raise UserError(f"{place}: no such file or folder; name one that there is")


def _within(folder: Path) -> Iterator[tuple[Path, Path | None]]:
    if is_file(folder / SITE):
        return
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise UserError(f"{folder}: cannot be read ({error.strerror})") from None
    for path in paths:
        if _is_experiment(path):
            yield path, _report(path)
        elif path.is_dir():
            # Links could lead in circles.
            if not (path.is_symlink() or path.name.startswith(".") or path.name in WITHOUT):
                yield from _within(path)
        elif path.suffix in (".json", ENDING):
            yield path, _report(folder)


def _is_experiment(folder: Path) -> bool:
    return is_file(folder / "experiment.json")


def _report(folder: Path) -> Path | None:
    return folder / "report.html" if is_file(folder / "report.html") else None


def _document(path: Path) -> Mapping[str, Any]:
    """Of any JSON; of what is no object nothing. Raises UserError."""
    try:
        check_file(path, MOST_JSON)
        document = parse_json(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: cannot be read as JSON ({reason(error)}); correct it or remove it"
        ) from None
    return document if isinstance(document, dict) else {}


def _is_measurement(document: Mapping[str, Any]) -> bool:
    """Whether it says that it is one."""
    return document.get("kind") in ("comparison", "bench")
