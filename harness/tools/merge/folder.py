"""The merged folder: files of the sources, linked or copied, and merged.json that says whose."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.config.differences import differences
from harness.system.dates import day
from harness.system.errors import UserError
from harness.system.files import read_json, write_json
from harness.system.folders import recover_folder, replacing_folder
from harness.tools.merge.evidence import merge_evidence
from harness.tools.merge.sources import ARRAYS, MergeSource, PlacedRun, place, without_hash

FILE_NAME = "merged.json"
# Files of a run that are written in place, or whose age counts: a link is the source's own file.
COPIED = ("status.json", "log.txt")
OF_A_RUN = (
    *COPIED,
    "environment.json",
    "losses.csv",
    "blocks.csv",
    "resources.json",
    "sums.json",
    "state.safetensors",
    "course-*.safetensors",
    "evaluations/step-*.safetensors",
)


def default_folder(sources: Sequence[MergeSource]) -> Path:
    """`merged/<dataset>-<preset>-<hash>` beside the first."""
    first = sources[0]
    name = f"{first.head.get('dataset')}-{first.head.get('preset')}-{merged_hash(sources)}"
    return first.folder.resolve().parent / "merged" / name.replace("/", "-")


def merged_hash(sources: Sequence[MergeSource]) -> str:
    """The sources' own where they have the same; else of all of them, in whatever order."""
    hashes = sorted({source.hash for source in sources})
    if len(hashes) == 1:
        return hashes[0]
    return hashlib.sha256(" ".join(hashes).encode()).hexdigest()[: len(hashes[0])]


def check_target(to: Path, sources: Sequence[MergeSource]) -> None:
    """Raises UserError unless `to` is free, or a merge of this experiment that can be made anew."""
    target = to.resolve()
    for source in sources:
        folder = source.folder.resolve()
        if target == folder or folder in target.parents or target in folder.parents:
            raise UserError(f"{to}: in, or around, {source.folder}; give another --to")
    if not target.exists():
        return
    if not target.is_dir() or (any(target.iterdir()) and not (target / FILE_NAME).is_file()):
        raise UserError(f"{to}: there is something else; give another --to, or move it")
    if (target / FILE_NAME).is_file():
        before = without_hash(read_json(target / "experiment.json"))
        if changed := differences(before, sources[0].head):
            raise UserError(f"{to}: a merge of another experiment: {changed[0]}; give another --to")


@contextmanager
def merge(sources: Sequence[MergeSource], to: Path) -> Iterator[tuple[Path, list[PlacedRun]]]:
    """Make `to` of the sources; what was merged there before is replaced when the block ends well.

    The block gets the folder that is to take its place, to report there, and what went where.

    Files are hard links where the file system has them, copies elsewhere; nothing in a source is
    changed. Feature vectors that any of them, or the former merge, has cached are kept. Raises
    UserError: see `check_target`.
    """
    target = to.resolve()
    recover_folder(target)
    check_target(to, sources)
    placed = place(sources)
    with replacing_folder(target, "give another --to") as folder:
        head = dict(sources[0].head)
        configuration, digest = head.pop("configuration"), merged_hash(sources)
        write_json(
            folder / "experiment.json", {**head, "hash": digest, "configuration": configuration}
        )
        names = ("manifest.json", "audit.json", *ARRAYS)
        _take([sources[0].folder / name for name in names], folder)
        for one in placed:
            # No checkpoints: a run that is not complete is listed here, and continued elsewhere.
            for pattern in OF_A_RUN:
                below = folder / "runs" / one.device / one.run.folder.name / pattern
                _take(one.run.folder.glob(pattern), below.parent, copy=pattern in COPIED)
        for cached in (*(source.folder for source in sources), target):
            _take((cached / "features").glob("[!.]*.safetensors"), folder / "features")
        merge_evidence(sources, placed, folder)
        write_json(folder / FILE_NAME, record(sources, placed))
        yield folder, placed


def record(sources: Sequence[MergeSource], placed: Sequence[PlacedRun]) -> dict[str, Any]:
    """Content of merged.json (results/README.md)."""
    rows = []
    for source in sources:
        complete = [run for run in source.runs if run.complete]
        environments = [run.environment for run in complete]
        # First and last day on which a run was completed, by the age of its status.
        ages = [(run.folder / "status.json").stat().st_mtime for run in complete]
        rows.append(
            {
                "name": source.name,
                "hash": source.hash,
                "sha256": source.identity,
                "git_revisions": _texts(environments, "git_revision"),
                "source_digests": _texts(environments, "source_digest"),
                "finished": sorted({day(min(ages)), day(max(ages))}) if ages else [],
            }
        )
    return {
        "kind": "merged",
        "sources": rows,
        "runs": [
            {
                "run": f"{one.device}/{one.run.folder.name}",
                "device": one.run.device,
                "state": one.run.status["state"],
                "sha256": one.fingerprint,
                "sources": list(one.sources),
            }
            for one in placed
        ],
    }


def _texts(environments: Sequence[Mapping[str, Any]], key: str) -> list[str]:
    return sorted({value for of in environments if isinstance(value := of.get(key), str)})


def _take(files: Iterable[Path], to: Path, copy: bool = False) -> None:
    for file in files:
        # A link in a source would lead elsewhere from here.
        source, target = file.resolve(), to / file.name
        if not source.is_file() or target.exists():
            continue
        to.mkdir(parents=True, exist_ok=True)
        try:
            if copy:
                raise OSError
            os.link(source, target)
        except OSError:  # asked for, another file system, or one without links
            shutil.copy2(source, target)
