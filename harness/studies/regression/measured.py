"""What one folder or bench record has measured, ready to be held against another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from harness.config.differences import flat


@dataclass(frozen=True)
class BackendOnDevice:
    """A backend on a device; `device` as its folder is called, `title` and `framework` to show."""

    device: str
    backend: str
    title: str
    framework: str

    @property
    def key(self) -> tuple[str, str]:
        return self.device, self.backend


@dataclass(frozen=True)
class ScoreKey:
    """Of a score."""

    metric: str
    direction: str
    device: str
    backend: str


@dataclass(frozen=True)
class Measurement:
    """A number a start of the processes: seconds a step (median), bytes at the peak.

    `relative`: seconds of the second backend over the first's, of blocks run in turns, a number a
    start, by (device, first, second). `scores`: after the last step, by seed. `yardsticks`: what
    real images score, by metric and direction, which no training changes. `data`: digest of the
    images; None of a bench. `finished`, `revisions`: when, and of which code, as far as is known.
    """

    name: str
    kind: Literal["experiment", "bench"]
    configuration: Mapping[str, Any]
    data: str | None
    finished: str
    revisions: tuple[str, ...]
    places: Mapping[tuple[str, str], BackendOnDevice]
    environments: Mapping[tuple[str, str], Mapping[str, str]]
    steps: Mapping[tuple[str, str], tuple[float, ...]]
    memory: Mapping[tuple[str, str], tuple[float, ...]]
    relative: Mapping[tuple[str, str, str], tuple[float, ...]]
    scores: Mapping[ScoreKey, Mapping[int, float]]
    yardsticks: Mapping[tuple[str, str], float]


def texts(environments: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """All values of each dotted key, as one text."""
    values_of: dict[str, set[str]] = {}
    for environment in environments:
        for key, value in flat(environment).items():
            if key != "schema_version":
                values_of.setdefault(key, set()).add(str(value))
    return {key: ", ".join(sorted(values)) for key, values in sorted(values_of.items())}
