"""What a bench measured, as one value: written, read, printed and shown on the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends.cost import Cost
from backends.interface import PeakMemory, Peaks
from harness.statistics.intervals import Interval, enough_starts, over_starts


@dataclass(frozen=True)
class Side:
    """One backend of one start. Seconds and joules are of one step.

    `blocks` and `joules`: a number a block, in order; `joules` None where nothing can be read.
    `phases`: by phase a number a step that was timed in pieces; empty where none was.
    `first_step`: with tracing and compiling.
    """

    backend: str
    environment: Mapping[str, Any]
    setup: float
    first_step: float
    blocks: tuple[float, ...]
    memory: PeakMemory
    joules: tuple[float, ...] | None = None
    phases: Mapping[str, tuple[float, ...]] | None = None
    peaks: Peaks | None = None


@dataclass(frozen=True)
class Start:
    """Both backends in processes of their own. `number` from 0; `cold`: pairs that are warm-up.

    In pairs of an even number, `number` added, the first backend came first.
    """

    number: int
    steps_per_block: int
    cold: int
    first: Side
    second: Side

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.first, self.second

    def warm(self, side: int) -> np.ndarray:
        """Seconds a step, (pairs,), of the first or second."""
        return np.array(self.sides[side].blocks[self.cold :])

    @property
    def ratios(self) -> np.ndarray:
        """How many times as long the second takes, pair by pair."""
        return self.warm(1) / self.warm(0)

    @property
    def ratio(self) -> float:
        return float(np.median(self.ratios))

    @property
    def led(self) -> np.ndarray:
        """Of which pairs the first backend came first, bool (pairs,)."""
        return (np.arange(len(self.ratios)) + self.cold + self.number) % 2 == 0


@dataclass(frozen=True)
class Record:
    """`starts`: in the order they were made. `width`: beyond which no ratio is shown.

    `configuration`: every key of the experiment, nested; `changes`: dotted keys that are not as the
    preset has them. `costs`: counted, by phase; empty in records that have none. `machine`: as
    provenance.describe. `energy_source`: what the joules are read from.
    """

    preset: str
    configuration: Mapping[str, Any]
    changes: Mapping[str, Any]
    device: str
    threads: int
    machine: Mapping[str, Any]
    width: float
    starts: tuple[Start, ...]
    costs: Mapping[str, Cost]
    energy_source: str | None = None

    @property
    def names(self) -> tuple[str, str]:
        """Of the frameworks."""
        first, second = (side.environment["framework"] for side in self.starts[0].sides)
        return first, second

    @property
    def backends(self) -> tuple[str, str]:
        first, second = self.starts[0].sides
        return first.backend, second.backend

    @property
    def same(self) -> bool:
        """One backend against itself: a check of the instrument, not a result."""
        first, second = self.backends
        return first == second

    @property
    def batch_size(self) -> int:
        return self.configuration["training"]["batch_size"]

    @property
    def setting(self) -> str:
        """The configuration in words that fit a row of a table."""
        head = (
            f"{self.preset}, {self.configuration['data']['crop_size']} px, batch {self.batch_size},"
            f" {self.configuration['runtime']['precision']}"
        )
        said = {"data.crop_size", "training.batch_size", "runtime.precision"}
        changes = [f"{key}={value}" for key, value in self.changes.items() if key not in said]
        return ", ".join([head, *changes])

    def warm(self, side: int) -> np.ndarray:
        """Seconds a step of all blocks of the first or second, in order."""
        return np.concatenate([start.warm(side) for start in self.starts])

    @property
    def ratio(self) -> Interval:
        """How many times as long the second takes, for other starts of both."""
        return over_starts([start.ratio for start in self.starts])

    @property
    def settled(self) -> bool:
        """Whether the interval of the ratio is as narrow as was asked for, and not by luck."""
        return enough_starts([start.ratio for start in self.starts], self.width)

    def by_order(self) -> tuple[float | None, float | None]:
        """The median ratio of pairs that the first began, and of those that the second did."""
        ratios = np.concatenate([start.ratios for start in self.starts])
        led = np.concatenate([start.led for start in self.starts])
        return _median(ratios[led]), _median(ratios[~led])

    @property
    def agrees_with_itself(self) -> bool:
        """Of an A/A record: whether the interval covers 1; unknown is not yes."""
        low, high = self.ratio.low, self.ratio.high
        return low is not None and high is not None and low <= 1 <= high


def _median(values: np.ndarray) -> float | None:
    return float(np.median(values)) if len(values) else None
