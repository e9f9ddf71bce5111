"""Folders to be merged, and whether they are of one experiment."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from harness.config.differences import differences
from harness.records.run import RunRecord, find_runs
from harness.system.checksums import COVERED, FILE_NAME, sha256
from harness.system.errors import UserError
from harness.system.files import read_arrays, read_json

# Of both, each array must be the same: scores are about these images.
ARRAYS = ("references.safetensors", "labels.safetensors")


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
    rest = {key: head[key] for key in head if key not in ("schema_version", "hash")}
    return MergeSource(folder, rest, head["hash"], manifest["digest"], tuple(find_runs(folder)))


def _check_same(first: MergeSource, other: MergeSource) -> None:
    changed = differences(first.head, other.head)
    if first.data != other.data:
        changed.append(f"digest of manifest.json {first.data[:10]} (now {other.data[:10]})")
    for name in ARRAYS if not changed else ():
        changed += _other_arrays(first.folder / name, other.folder / name)
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise UserError(
            f"{other.folder}: not of the experiment that {first.folder} is of: {changed[0]}{more};"
            " report them apart"
        )


def _other_arrays(first: Path, other: Path) -> list[str]:
    if first.exists() != other.exists():
        return [f"{first.name} {first.exists()} (now {other.exists()})"]
    if not first.exists() or sha256(first) == sha256(other):
        return []
    before, now = read_arrays(first), read_arrays(other)
    names = sorted(before.keys() | now.keys())
    return [
        f"{name} in {first.name}"
        for name in names
        if name not in before or name not in now or not np.array_equal(before[name], now[name])
    ]
