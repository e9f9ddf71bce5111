"""What the page is about: records by name, results apart from checks of the instrument."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from harness.studies.timing.quantities import Performance, performance
from harness.studies.timing.record import TimingRecord
from harness.studies.timing.verdict import TimingVerdict, verdict


@dataclass(frozen=True)
class BenchEntry:
    """A record and what follows from it. `apart`: what tells it from another of the same title."""

    file: str
    apart: str
    record: TimingRecord
    verdict: TimingVerdict
    sides: tuple[Performance, Performance]

    @property
    def in_pieces(self) -> bool:
        """Whether steps of both backends were timed in pieces."""
        return all(side.phases for side in self.sides)

    @property
    def title(self) -> str:
        return _title(self.record) + self.apart


@dataclass(frozen=True)
class Entries:
    """`checks`: of one backend against itself. They say how far results can be believed."""

    results: tuple[BenchEntry, ...]
    checks: tuple[BenchEntry, ...]

    @property
    def all(self) -> tuple[BenchEntry, ...]:
        return self.results + self.checks

    def unchecked(self) -> list[str]:
        """Devices with results and without a check, in order."""
        checked = {entry.record.device for entry in self.checks}
        devices = dict.fromkeys(entry.record.device for entry in self.results)
        return [device for device in devices if device not in checked]


def find(records: Mapping[str, TimingRecord]) -> Entries:
    """`records` by file name; by device and setting they are put in order."""
    ordered = sorted(records.items(), key=lambda item: (item[1].device, item[1].setting, item[0]))
    same = Counter(_title(record) for record in records.values())
    entries = [
        BenchEntry(
            file,
            # Two machines of one kind: only their files tell them apart.
            f" ({file})" if same[_title(record)] > 1 else "",
            record,
            verdict(record),
            (performance(record, 0), performance(record, 1)),
        )
        for file, record in ordered
    ]
    return Entries(
        tuple(entry for entry in entries if not entry.record.same),
        tuple(entry for entry in entries if entry.record.same),
    )


def _title(record: TimingRecord) -> str:
    against = f", {record.names[0]} against itself" if record.same else ""
    return f"{record.device}: {record.setting}{against}"
