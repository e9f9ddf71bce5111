"""The entry of a bench record; numbers as the page of benches has them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from harness.studies.history.entry import (
    MOST_WORDS,
    Entry,
    EntryEstimate,
    EntryPair,
    NoEntry,
    Side,
    digest,
)
from harness.studies.history.parts import changes_of, code_of, machine_of, made, versions_of
from harness.studies.timing.findings import performance
from harness.studies.timing.record import TimingRecord
from harness.studies.timing.record_files import read_record
from harness.studies.timing.verdicts import verdict
from harness.system.checksums import sha256
from harness.system.dates import moment


def read_bench(path: Path) -> TimingRecord:
    """Raises NoEntry for a record of one backend against itself: it is about the instrument."""
    record = read_record(path)
    if record.same:
        raise NoEntry(f"{path}: one backend against itself (A/A); give a record of two")
    return record


def entry_of_bench(path: Path, record: TimingRecord) -> Entry:
    return made(path, partial(_document, path, record))


def _document(path: Path, record: TimingRecord) -> dict[str, Any]:
    configuration, environment = record.configuration, record.starts[0].first.environment
    size = configuration["data"]["crop_size"]
    return {
        "kind": "bench",
        "identity": digest(sha256(path)),
        # The record does not say when; a copy that keeps times (`cp -p`) keeps this one.
        "measured": moment(path.stat().st_mtime),
        "series": digest({"kind": "bench", "configuration": configuration}),
        "dataset": None,  # its images are drawn at random
        "preset": record.preset,
        "changes": changes_of(configuration, record.preset),
        "image": (size, size),
        "batch": record.batch_size,
        "precision": configuration["runtime"]["precision"],
        "steps": 0,
        "machine": machine_of(
            {**environment, "device": record.device, "threads": record.threads}, record.machine
        ),
        "code": code_of(record.machine),
        "backends": tuple(_side(record, place) for place in range(len(record.backends))),
        "pairs": tuple(
            EntryPair(
                first=record.backends[one],
                second=record.backends[other],
                ratio=EntryEstimate.of(record.ratio_of(one, other), len(record.counted)),
            )
            for one, other in record.pairs
        ),
        "sentence": verdict(record).text[:MOST_WORDS],
    }


def _side(record: TimingRecord, place: int) -> Side:
    measured = performance(record, place)
    return Side(
        backend=measured.backend,
        title=measured.framework,
        versions=versions_of(record.starts[-1].sides[place].environment),
        step=EntryEstimate(value=measured.step, n=len(record.shown)),
        memory=measured.memory.bytes,
        memory_kind=measured.memory.kind,
        joules=measured.joules_per_image or None,
    )
