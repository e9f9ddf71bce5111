"""Entries of whatever a results folder holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.records.experiment import load
from harness.records.run import find_runs
from harness.studies.history.entry import Entry
from harness.studies.history.from_bench import entry_of_bench
from harness.studies.history.from_experiment import entries_of_experiment
from harness.studies.timing.record_files import is_bench, read_record
from harness.system.errors import UserError
from harness.system.provenance import slug
from harness.system.untrusted import is_file, is_folder, reason


@dataclass(frozen=True)
class FoundEntries:
    """`skipped`: paths that have nothing to track, with the reason."""

    entries: tuple[Entry, ...]
    skipped: tuple[tuple[Path, str], ...]


def find_entries(paths: Iterable[Path]) -> FoundEntries:
    """Of experiment folders, bench records, folders of these, and results folders.

    In a results folder experiments that have not finished are skipped, and in a folder of benches
    those of a backend against itself; where they are all, or are named, it is a UserError. So is
    every damaged record, and a path with nothing of the kind.
    """
    entries: list[Entry] = []
    skipped: list[tuple[Path, str]] = []
    for path in paths:
        try:
            found = list(_measured(path))
        except OSError as error:
            raise UserError(
                f"{path}: cannot look there ({reason(error)}); check its rights"
            ) from None
        if not found:
            raise UserError(
                f"{path}: neither an experiment folder nor a bench record, nor a folder of them"
            )
        reasons = [(each, why) for each in found if (why := why_nothing(each))]
        if len(reasons) == len(found):
            raise UserError(f"{reasons[0][0]}: {reasons[0][1]}")
        skipped += reasons
        passed_over = {each for each, _ in reasons}
        for each in found:
            if each not in passed_over:
                entries += entries_of(each).values()
    return FoundEntries(tuple(entries), tuple(skipped))


def entries_of(path: Path) -> dict[str, Entry]:
    """Of one experiment folder, or of one bench record; by the device's slug."""
    if is_file(path):
        entry = entry_of_bench(path, read_record(path))
        return {slug(entry.machine.device): entry}
    return entries_of_experiment(load(path))


def _measured(path: Path) -> Iterator[Path]:
    """Experiment folders and bench records."""
    if is_file(path) or is_file(path / "experiment.json"):
        yield path
    elif not is_folder(path):
        return
    elif is_bench(path) and path.name != "scaling":
        yield from sorted(path.glob("*.json"))
    else:
        for folder in sorted(path.iterdir()):
            if is_file(folder / "experiment.json"):
                yield folder
        if is_folder(path / "bench"):
            yield from sorted((path / "bench").glob("*.json"))


def why_nothing(path: Path) -> str:
    """Why there is nothing to track; empty where there is something."""
    if is_file(path):
        same = read_record(path).same
        return "one backend against itself (A/A); give a record of two" if same else ""
    complete = any(run.complete for run in find_runs(path))
    return "" if complete else "no complete run in it; finish one first"
