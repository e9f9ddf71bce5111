"""Where each run goes in a merged folder: no seed counts twice, no code is mixed with another.

Reports make a row for each device, and every interval over seeds is about one device. What may not
be counted together is therefore put under another name of the device: `<device>@2`, `@3`, ...
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.records.run import RunRecord
from harness.tools.merge.sources import MergeSource, fingerprint


@dataclass(frozen=True)
class PlacedRun:
    """`device`: name of the folder in `runs` that the run goes to. `sources`: places of those that
    hold it among the folders given; the first gives the files.
    """

    run: RunRecord
    device: str
    fingerprint: str
    sources: tuple[int, ...]


@dataclass
class _Session:
    """Runs of one device and seed that one folder holds: trained in turns, and so kept together."""

    seed: int
    runs: dict[str, PlacedRun]  # by backend

    def is_of(self, other: _Session) -> bool:
        """Whether both are copies of one session, of which each may have other backends."""
        common = self.runs.keys() & other.runs.keys()
        return bool(common) and all(
            self.runs[name].fingerprint == other.runs[name].fingerprint for name in common
        )


@dataclass
class _Slot:
    """Sessions that are counted together: of one code, each seed once."""

    name: str
    sessions: list[_Session] = field(default_factory=list)

    def same(self, new: _Session) -> _Session | None:
        return next((s for s in self.sessions if s.seed == new.seed and s.is_of(new)), None)

    def takes(self, new: _Session) -> bool:
        other_seeds = all(each.seed != new.seed for each in self.sessions)
        return other_seeds and _of_one_code((*self.sessions, new))


def place(sources: Sequence[MergeSource]) -> list[PlacedRun]:
    """Every run of every source, identical ones once, in the order of the sources.

    A run goes to its device's folder unless that has its seed from another training, or runs that
    were made by other code: then to the first `<device>@<n>` that has neither.
    """
    slots: dict[str, list[_Slot]] = {}
    for number, source in enumerate(sources):
        for device, session in _sessions(source, number):
            here = slots.setdefault(device, [])
            known = next((found for slot in here if (found := slot.same(session))), None)
            if known:
                _join(known, session)
                continue
            slot = next((slot for slot in here if slot.takes(session)), None)
            if slot is None:
                slot = _Slot(device if not here else f"{device}@{len(here) + 1}")
                here.append(slot)
            slot.sessions.append(session)
    return [
        PlacedRun(placed.run, slot.name, placed.fingerprint, placed.sources)
        for here in slots.values()
        for slot in here
        for session in slot.sessions
        for placed in session.runs.values()
    ]


def _sessions(source: MergeSource, number: int) -> list[tuple[str, _Session]]:
    """With the device's name as it was before any merge."""
    found: dict[tuple[str, int], _Session] = {}
    for run in source.runs:
        session = found.setdefault((run.device, run.seed), _Session(run.seed, {}))
        session.runs[run.backend] = PlacedRun(run, run.device, fingerprint(run), (number,))
    return [(folder.partition("@")[0], session) for (folder, _), session in found.items()]


def _join(known: _Session, copy: _Session) -> None:
    for backend, placed in copy.runs.items():
        had = known.runs.get(backend)
        known.runs[backend] = (
            PlacedRun(had.run, had.device, had.fingerprint, had.sources + placed.sources)
            if had
            else placed
        )


def _of_one_code(sessions: Sequence[_Session]) -> bool:
    """Whether the same sources made all runs, and of each backend the same packages."""
    sources: set[str | None] = set()
    packages: dict[str, set[str]] = {}
    for session in sessions:
        for backend, placed in session.runs.items():
            if _has_environment(placed.run):
                environment = placed.run.environment
                sources.add(environment.get("source_digest"))
                said = json.dumps(environment.get("packages"), sort_keys=True)
                packages.setdefault(backend, set()).add(said)
    return len(sources) < 2 and all(len(said) < 2 for said in packages.values())


def _has_environment(run: RunRecord) -> bool:
    return (run.folder / "environment.json").exists()
