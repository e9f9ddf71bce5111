"""Records of benches on disk (schema: results/README.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

import backends
from harness.studies import study
from harness.studies.timing.record import TimingRecord
from harness.system import provenance
from harness.system.files import write_json

KIND = "bench"


def file_name(preset: str, names: Sequence[str], device: str, digest: str) -> str:
    """`digest`: of the configuration and what else tells two records of a device apart."""
    of_names = "-".join(map(backends.file_name, names))
    return f"{preset}-{of_names}-{digest}-{provenance.slug(device)[:80]}.json"


def is_bench(folder: Path) -> bool:
    """Whether a folder holds records of benches: JSON, but no experiment and no study."""
    # An experiment that has lost a record is still none.
    others = ("experiment.json", "study.json", "manifest.json", "audit.json", "runs")
    return not any((folder / name).exists() for name in others) and any(folder.glob("*.json"))


def write_record(record: TimingRecord, path: Path) -> None:
    """Raises OSError."""
    content = TypeAdapter(TimingRecord).dump_python(record, mode="json", by_alias=True)
    for start in content["starts"]:
        del start["number"]
        start["sides"] = [start.pop("first"), start.pop("second"), *start.pop("more")]
    write_json(path, {"kind": KIND, **content, **ratios_json(record)})


def ratios_json(record: TimingRecord) -> dict[str, Any]:
    """`ratio`, of the second over the first; of more backends `ratios`, a list of all pairs."""
    if len(record.backends) == 2:
        return {"ratio": asdict(record.ratio)}
    return {
        "ratios": [
            {"of": record.backends[other], "to": record.backends[one],
             **asdict(record.ratio_of(one, other))}
            for one, other in record.pairs
        ]
    }  # fmt: skip


def read_records(folder: Path) -> dict[str, TimingRecord]:
    """By file name, sorted. Raises UserError naming a file that is no such record or is damaged."""
    return study.read_records(folder, read_record)


def read_record(path: Path) -> TimingRecord:
    def with_sides(document: dict[str, Any]) -> dict[str, Any]:
        """A start's list of sides as its first, its second and more."""
        starts = []
        for number, start in enumerate(document["starts"]):
            first, second, *more = start["sides"]
            sides = {"first": first, "second": second, "more": more}
            starts.append({**start, "number": number, **sides})
        return {**document, "starts": starts}

    return study.read_record(path, KIND, TimingRecord, with_sides)
