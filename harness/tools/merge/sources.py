"""Folders to be merged: whether they are of one experiment, and where each of their runs goes.

No seed counts twice, and no code is mixed with another: reports make a row for each device, and
every interval over seeds is about one device. What may not be counted together is therefore put
under another name of the device: `<device>@2`, `@3`, ...
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from harness.config.differences import differences
from harness.records.run import RunRecord, find_runs
from harness.system.checksums import COVERED, FILE_NAME, sha256
from harness.system.errors import UserError
from harness.system.files import read_arrays, read_json

# Of each, every array must be the same: scores are about these images.
ARRAYS = ("references.safetensors", "reals.safetensors", "labels.safetensors")


@dataclass(frozen=True)
class MergeSource:
    """One folder of an experiment. `head`: experiment.json without its hash and schema version."""

    folder: Path
    head: Mapping[str, Any]
    hash: str
    data: str
    runs: tuple[RunRecord, ...]

    @property
    def name(self) -> str:
        """As reports call it: never where it lies on this machine."""
        return self.folder.resolve().name

    @cached_property
    def identity(self) -> str:
        """SHA-256 over all its runs."""
        lines = [f"{run.device} {run.folder.name} {fingerprint(run)}" for run in self.runs]
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def read_sources(folders: Sequence[Path]) -> list[MergeSource]:
    """Raises UserError naming the first difference, a folder given twice, or a damaged record."""
    sources: dict[Path, MergeSource] = {}
    for folder in folders:
        path = folder.resolve()
        if path in sources:
            raise UserError(f"{folder}: given twice; name each folder once")
        sources[path] = _read(folder)
    first, *others = sources.values()
    for other in others:
        _check_same(first, other)
    if not any(run.complete for source in sources.values() for run in source.runs):
        raise UserError(f"{first.folder}: no complete run in any of these folders; train one first")
    return list(sources.values())


def fingerprint(run: RunRecord) -> str:
    """SHA-256 over what a run consists of: by its sums.json, or by the files where it has none."""
    sums = run.folder / FILE_NAME
    listed = read_json(sums).get("files") if run.complete and sums.exists() else None
    if not isinstance(listed, dict):
        names = ("status.json", *COVERED)
        files = [path for pattern in names for path in sorted(run.folder.glob(pattern))]
        listed = {file.relative_to(run.folder).as_posix(): sha256(file) for file in files}
    return hashlib.sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest()


def _read(folder: Path) -> MergeSource:
    head, manifest = (read_json(folder / name) for name in ("experiment.json", "manifest.json"))
    for file, document, key, kind in (
        ("experiment.json", head, "configuration", dict),
        ("experiment.json", head, "hash", str),
        ("manifest.json", manifest, "digest", str),
    ):
        if not isinstance(document.get(key), kind):
            raise UserError(f"{folder / file}: no {key} in it; mend it, or leave this folder out")
    return MergeSource(
        folder, without_hash(head), head["hash"], manifest["digest"], tuple(find_runs(folder))
    )


def without_hash(document: Mapping[str, Any]) -> dict[str, Any]:
    """Of experiment.json what is the same in all folders of one experiment."""
    return {key: document[key] for key in document if key not in ("schema_version", "hash")}


def _check_same(first: MergeSource, other: MergeSource) -> None:
    changed = differences(first.head, other.head)
    if first.data != other.data:
        changed.append(f"digest of manifest.json {first.data[:10]} (now {other.data[:10]})")
    for name in ARRAYS if not changed else ():
        file, other_file = first.folder / name, other.folder / name
        if file.exists() != other_file.exists():
            changed.append(f"{name} {file.exists()} (now {other_file.exists()})")
        elif file.exists() and sha256(file) != sha256(other_file):
            before, now = read_arrays(file), read_arrays(other_file)
            changed += [
                f"{array} in {name}"
                for array in sorted(before.keys() | now.keys())
                if array not in before
                or array not in now
                or not np.array_equal(before[array], now[array])
            ]
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise UserError(
            f"{other.folder}: not of the experiment that {first.folder} is of: {changed[0]}{more};"
            " report them apart"
        )


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
# By seed: sessions that are counted together, because one code made all of them.
Slot = dict[int, Session]


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
        for device, of_device in slots.items()
        for number, slot in enumerate(of_device, 1)
        for session in slot.values()
        for placed in session.values()
    ]


def _add(slots: list[Slot], seed: int, session: Session) -> None:
    for placed in (slot[seed] for slot in slots if seed in slot):
        # Copies of one session may each have other backends; what both have must be the same.
        common = placed.keys() & session.keys()
        if common and all(placed[b].fingerprint == session[b].fingerprint for b in common):
            for backend in common:
                both = placed[backend].sources + session[backend].sources
                placed[backend] = replace(placed[backend], sources=both)
            placed |= {backend: run for backend, run in session.items() if backend not in common}
            return
    for slot in slots:
        if seed not in slot and _of_one_code([*slot.values(), session]):
            slot[seed] = session
            return
    slots.append({seed: session})


def _of_one_code(sessions: Iterable[Session]) -> bool:
    """Whether the same sources made all runs, and of each backend the same packages."""
    sources: set[str | None] = set()
    packages: dict[str, set[str]] = {}
    for placed in (placed for session in sessions for placed in session.values()):
        if (placed.run.folder / "environment.json").exists():
            environment = placed.run.environment
            sources.add(environment.get("source_digest"))
            text = json.dumps(environment.get("packages"), sort_keys=True)
            packages.setdefault(placed.run.backend, set()).add(text)
    return len(sources) < 2 and all(len(texts) < 2 for texts in packages.values())
