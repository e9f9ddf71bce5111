"""Where each run goes in a merged folder: no seed counts twice, no code is mixed with another.

Reports make a row for each device, and every interval over seeds is about one device. What may not
be counted together is therefore put under another name of the device: `<device>@2`, `@3`, ...
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from harness.records.run import RunRecord
from harness.tools.merge.sources import MergeSource, fingerprint


@dataclass(frozen=True)
class PlacedRun:
    """`device`: name of the folder in `runs` that the run goes to. `sources`: indices of those that
    hold it among the folders given; the first gives the files.
    """

    run: RunRecord
    device: str
    fingerprint: str
    sources: tuple[int, ...]


# Runs of one device and seed that one folder holds, by backend: trained in turns, so kept together.
Session = dict[str, PlacedRun]
Slot = list[tuple[int, Session]]  # seed, session; counted together: of one code, each seed once


def place(sources: Sequence[MergeSource]) -> list[PlacedRun]:
    """Every run of every source, identical ones once, in the order of the sources.

    A run goes to its device's folder unless that has its seed from another training, or runs that
    were made by other code: then to the first `<device>@<n>` that has neither.
    """
    slots: dict[str, list[Slot]] = {}
    for number, source in enumerate(sources):
        sessions: dict[tuple[str, int], Session] = {}
        for run in source.runs:
            placed = PlacedRun(run, run.device, fingerprint(run), (number,))
            sessions.setdefault((run.device, run.seed), {})[run.backend] = placed
        for (folder, seed), session in sessions.items():
            # By the device's name as it was before any merge.
            _add(slots.setdefault(folder.partition("@")[0], []), seed, session)
    return [
        replace(placed, device=f"{device}@{number}" if number > 1 else device)
        for device, here in slots.items()
        for number, slot in enumerate(here, 1)
        for _, session in slot
        for placed in session.values()
    ]


def _add(slots: list[Slot], seed: int, session: Session) -> None:
    for known in (known for slot in slots for its_seed, known in slot if its_seed == seed):
        # Copies of one session may each have other backends; what both have must be the same.
        common = known.keys() & session.keys()
        if common and all(known[b].fingerprint == session[b].fingerprint for b in common):
            for backend in common:
                both = known[backend].sources + session[backend].sources
                known[backend] = replace(known[backend], sources=both)
            known |= {backend: run for backend, run in session.items() if backend not in common}
            return
    for slot in slots:
        if seed not in dict(slot) and _of_one_code([*(known for _, known in slot), session]):
            slot.append((seed, session))
            return
    slots.append([(seed, session)])


def _of_one_code(sessions: Iterable[Session]) -> bool:
    """Whether the same sources made all runs, and of each backend the same packages."""
    sources: set[str | None] = set()
    packages: dict[str, set[str]] = {}
    for backend, placed in (item for session in sessions for item in session.items()):
        if (placed.run.folder / "environment.json").exists():
            environment = placed.run.environment
            sources.add(environment.get("source_digest"))
            text = json.dumps(environment.get("packages"), sort_keys=True)
            packages.setdefault(backend, set()).add(text)
    return len(sources) < 2 and all(len(texts) < 2 for texts in packages.values())
