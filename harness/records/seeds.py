"""How an experiment's seeds came to be: asked for at once, or added after a look (seeds.json).

Whoever adds seeds until a verdict suits has looked several times, and each look may err. Therefore
every look at the scores that `make compare` takes is recorded, and the verdict corrected for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.records.run import RunRecord
from harness.records.schema import SeedsShape, check_shape
from harness.statistics.intervals import MINIMUM_SEEDS
from harness.statistics.sequential import DEFAULT_MAXIMUM, LARGEST_MAXIMUM
from harness.system.errors import UserError
from harness.system.files import read_json, write_json

FILE = "seeds.json"
NOT_MADE_UP = (
    "The first look was at the ordinary level, which is not made up for; SEEDS=auto from the start"
    " plans all looks."
)


@dataclass(frozen=True)
class Correction:
    """How the verdict on one device's seeds is corrected for looks.

    `maximum`: of the sequential design whose levels hold; None: ordinary levels, of a single look.
    `note`: a sentence for the page; empty where nothing needs to be said.
    """

    maximum: int | None
    note: str


@dataclass(frozen=True)
class SeedRecord:
    """seeds.json.

    `maximum`: of an automatic design; None: seeds were listed by the user. `looked_before`: scores
    of three seeds or more had been shown when the automatic design began.
    """

    maximum: int | None
    looks: Mapping[str, tuple[tuple[int, ...], ...]]  # device -> seeds at each look, in order
    looked_before: bool = False

    def correction(self, device: str, seeds: Sequence[int], merged: bool = False) -> Correction:
        """`seeds`: of the device's complete pairs of runs now; `merged`: from several folders."""
        count = len(set(seeds))
        if count < MINIMUM_SEEDS:
            return Correction(None, "")
        if merged:
            return Correction(
                None,
                "The folders were merged: how often results were looked at before seeds were added"
                " is not known, and the verdicts are not corrected for it.",
            )
        looks = [look for look in self.looks.get(device, ()) if len(look) >= MINIMUM_SEEDS]
        # What is shown now is a look as well, whether or not it is recorded yet.
        if not looks or set(looks[-1]) != set(seeds):
            looks.append(tuple(seeds))
        if self.maximum is not None and count <= self.maximum:
            text = (
                f"Seeds were added until the primary score was decided, {self.maximum} at most. The"
                " verdict on it holds over all looks (group-sequential design)."
                + f" {NOT_MADE_UP}"
                * self.looked_before
            )
            return Correction(self.maximum, text)
        if len(looks) == 1 and self.maximum is None:
            return Correction(None, "")
        if count <= DEFAULT_MAXIMUM:
            text = (
                "Seeds were added after results had been seen. The verdicts use the levels of a"
                f" sequential design of up to {DEFAULT_MAXIMUM} seeds. {NOT_MADE_UP}"
            )
            return Correction(DEFAULT_MAXIMUM, text)
        text = (
            "Seeds were added after results had been seen, more than any plan foresaw: the verdicts"
            " are not fully corrected for it."
        )
        return Correction(LARGEST_MAXIMUM if count <= LARGEST_MAXIMUM else None, text)


def read_seeds(folder: Path) -> SeedRecord:
    """Of an older folder, or one that was not looked at, an empty record. Raises UserError."""
    path = folder / FILE
    if not path.exists():
        return SeedRecord(None, {})
    document = read_json(path)
    check_shape(path, document, SeedsShape, "mend it, or remove the folder and train anew")
    looks: dict[str, list[tuple[int, ...]]] = {}
    for look in document["looks"]:
        looks.setdefault(look["device"], []).append(tuple(look["seeds"]))
    maximum = document["maximum"] if document["design"] == "auto" else None
    every = {device: tuple(each) for device, each in looks.items()}
    return SeedRecord(maximum, every, document["looked_before"])


def begin_automatic(folder: Path, maximum: int) -> SeedRecord:
    """Fix the design of `--seeds auto`, before any look; later calls may only ask for fewer seeds.

    Raises UserError for a larger maximum than the one under which scores were looked at: its levels
    would not hold.
    """
    record = read_seeds(folder)
    looked = any(len(look) >= MINIMUM_SEEDS for looks in record.looks.values() for look in looks)
    if record.maximum is not None and looked:
        if maximum > record.maximum:
            raise UserError(
                f"{folder / FILE}: it was planned with {record.maximum} seeds at most, and looked"
                f" at; give MAX_SEEDS={record.maximum} or fewer, or other RESULTS"
            )
        return record
    record = SeedRecord(maximum, record.looks, looked)
    _write(folder, record)
    return record


def record_look(folder: Path, device: str, seeds: Sequence[int]) -> None:
    """Write down that the scores of these seeds were shown; the same look again is no new one."""
    record, now = read_seeds(folder), tuple(sorted(seeds))
    looks = record.looks.get(device, ())
    if now and now not in looks:
        _write(folder, replace(record, looks={**record.looks, device: (*looks, now)}))


def compared_seeds(runs: Iterable[RunRecord]) -> dict[str, list[int]]:
    """By device, seeds of which every backend there has a complete run; none of one backend."""
    seeds: dict[str, dict[str, set[int]]] = {}
    for run in runs:
        if run.complete:
            seeds.setdefault(run.device, {}).setdefault(run.backend, set()).add(run.seed)
    return {
        device: sorted(set.intersection(*by_backend.values()))
        for device, by_backend in seeds.items()
        if len(by_backend) > 1
    }


def _write(folder: Path, record: SeedRecord) -> None:
    document: dict[str, Any] = {
        "design": "fixed" if record.maximum is None else "auto",
        "maximum": record.maximum,
        "looked_before": record.looked_before,
        "looks": [
            {"device": device, "seeds": list(seeds)}
            for device, looks in record.looks.items()
            for seeds in looks
        ],
    }
    write_json(folder / FILE, document)
