"""What a bench measured, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from itertools import combinations
from typing import Annotated, Any

import numpy as np
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from backends import titles
from backends.cost import Cost
from backends.interface import PHASES, PeakMemory, Peaks
from harness.statistics.intervals import (
    MINIMUM_PAIRS,
    Interval,
    enough_starts,
    joint_confidence,
    over_starts,
    width,
)
from harness.statistics.timed_blocks import under_load

SMALLEST, LARGEST = 1e-12, 1e18  # of numbers that are measured or counted, in their units
Finite = Annotated[float, Field(strict=True, ge=0, le=LARGEST)]
Positive = Annotated[float, Field(strict=True, ge=SMALLEST, le=LARGEST)]
Whole = Annotated[int, Field(strict=True, ge=0, le=int(LARGEST))]
Text = Annotated[str, Field(max_length=2000)]
Times = Annotated[tuple[Finite, ...], Field(min_length=1)]
CONFIG = ConfigDict(populate_by_name=True, allow_inf_nan=False)


@dataclass(frozen=True, config=CONFIG)
class TimingSide:
    """One backend of one start. Seconds and joules are of one step.

    `blocks`, `joules` and `load`: a number a block, in order; `load`: the share of the CPU time
    that others took. `joules`, `load`: None where nothing can be read, and in old records.
    `phases`: by phase a number a step that was timed in pieces; empty where none was.
    `first_step`: with tracing and compiling.
    """

    backend: Text
    environment: Mapping[str, Any]
    setup: Annotated[Finite, Field(alias="setup_seconds")]
    first_step: Annotated[Positive, Field(alias="first_step_seconds")]
    blocks: Annotated[tuple[Positive, ...], Field(alias="seconds_per_step", min_length=1)]
    memory: PeakMemory
    joules: Annotated[Times | None, Field(alias="joules_per_step")] = None
    phases: Mapping[str, Times] | None = None
    peaks: Peaks | None = None
    load: Annotated[Times | None, Field(alias="load_share")] = None

    @model_validator(mode="after")
    def _fits_together(self) -> TimingSide:
        _check(Text, self.environment.get("framework"), "environment.framework")
        versions = self.environment.get("versions", {})
        _check(Mapping[str, Text], versions, "environment.versions")
        _check(Whole, self.memory.bytes, "memory.bytes")
        if self.joules is not None and len(self.joules) != len(self.blocks):
            raise ValueError("joules_per_step: not one a block")
        if self.load is not None and len(self.load) != len(self.blocks):
            raise ValueError("load_share: not one a block")
        if self.phases:
            _check_phases(self.phases)
            if len({len(seconds) for seconds in self.phases.values()}) != 1:
                raise ValueError("phases: not of the same steps")
            if not sum(float(np.median(seconds)) for seconds in self.phases.values()):
                raise ValueError("phases: they take no time")
        if self.peaks:
            _check(dict[str, Positive], asdict(self.peaks), "peaks")
        return self


@dataclass(frozen=True, config=CONFIG)
class Start:
    """All backends in processes of their own. `number` from 0; `cold`: pairs that are warm-up.

    `more`: sides of further backends; a pair is then a round of all of them. In pairs of an even
    number, `number` added, the first backend came first and the last one last; in others they came
    the other way round.
    """

    number: Whole
    steps_per_block: Whole
    cold: Annotated[Whole, Field(alias="cold_pairs")]
    first: TimingSide
    second: TimingSide
    more: tuple[TimingSide, ...] = ()

    @model_validator(mode="after")
    def _blocks_are_pairs(self) -> Start:
        pairs = len(self.first.blocks)
        if {len(side.blocks) for side in self.sides} != {pairs} or self.cold >= pairs:
            raise ValueError("blocks are not pairs, or all of them are cold")
        return self

    @property
    def sides(self) -> tuple[TimingSide, ...]:
        return self.first, self.second, *self.more

    @property
    def disturbed(self) -> np.ndarray:
        """Which pairs, cold ones included, had a block that others disturbed, bool (pairs,).

        None where load is not known, and none on a GPU.
        """
        marked = np.zeros(len(self.first.blocks), bool)
        for side in self.sides:
            threads, seconds = side.environment.get("threads"), self.steps_per_block
            if side.load is not None and side.environment.get("device_kind") != "cuda":
                cpus = threads if isinstance(threads, int) else 1
                marked |= under_load(np.array(side.load), seconds * np.array(side.blocks), cpus)
        return marked

    @property
    def left_out(self) -> int:
        """How many warm pairs others disturbed."""
        return int(self.disturbed[self.cold :].sum())

    @property
    def counts(self) -> bool:
        """Whether enough pairs were left alone for a ratio."""
        return not self.left_out or len(self.disturbed) - self.cold - self.left_out >= MINIMUM_PAIRS

    @property
    def kept(self) -> np.ndarray:
        """Numbers of the warm pairs that were left alone; of all warm ones if those are too few."""
        warm = np.arange(self.cold, len(self.disturbed))
        return warm[~self.disturbed[self.cold :]] if self.counts else warm

    def warm(self, side: int) -> np.ndarray:
        """Seconds a step, (kept pairs,), of the backend with that place."""
        return np.array(self.sides[side].blocks)[self.kept]

    def ratios(self, one: int = 0, other: int = 1) -> np.ndarray:
        """How many times as long `other` takes as `one`, pair by pair; both are places of sides."""
        return self.warm(other) / self.warm(one)

    def ratio(self, one: int = 0, other: int = 1) -> float:
        return float(np.median(self.ratios(one, other)))

    @property
    def led(self) -> np.ndarray:
        """Of which pairs the earlier backends came first, bool (pairs,)."""
        return (self.kept + self.number) % 2 == 0


@dataclass(frozen=True, config=CONFIG)
class TimingRecord:
    """`starts`: in the order they were made. `width`: beyond which no ratio is shown.

    `configuration`: every key of the experiment, nested; `changes`: dotted keys that are not as the
    preset has them. `costs`: counted, by phase; empty in records that have none. `machine`: as
    provenance.describe. `energy_source`: what the joules are read from. Old records have no
    phases, costs, peaks or energy.
    """

    preset: Text
    configuration: Mapping[str, Any]
    device: Text
    threads: Whole
    machine: Mapping[str, Any]
    starts: Annotated[tuple[Start, ...], Field(min_length=1)]
    changes: Mapping[str, Any] = Field(default_factory=dict)
    width: Positive = 0.05
    costs: Mapping[str, Cost] = Field(default_factory=dict)
    energy_source: Text | None = None

    @model_validator(mode="after")
    def _can_be_shown(self) -> TimingRecord:
        if len({tuple(side.backend for side in start.sides) for start in self.starts}) != 1:
            raise ValueError("starts: of different backends")
        _check(Annotated[Whole, Field(ge=1)], self.batch_size, "training.batch_size")
        _check(Text, self.setting, "changes")
        if self.costs:
            _check_phases(self.costs)
            for total in ("flops", "bytes"):
                counts = [getattr(cost, total) for cost in self.costs.values()]
                _check(list[Whole], counts, f"costs.{total}")
                if not sum(counts):
                    raise ValueError(f"costs.{total}: 0 in all")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Of the frameworks; with the backend's where two backends share one."""
        sides = self.starts[0].sides
        of_sides = titles((side.backend, side.environment) for side in sides)
        return tuple(of_sides[side.backend] for side in sides)

    @property
    def backends(self) -> tuple[str, ...]:
        return tuple(side.backend for side in self.starts[0].sides)

    @property
    def same(self) -> bool:
        """One backend against itself: a check of the instrument, not a result."""
        return len(set(self.backends)) == 1

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Places of every two backends, the earlier one first."""
        return list(combinations(range(len(self.backends)), 2))

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
        in_head = {"data.crop_size", "training.batch_size", "runtime.precision"}
        changes = [f"{key}={value}" for key, value in self.changes.items() if key not in in_head]
        return ", ".join([head, *changes])

    @property
    def counted(self) -> tuple[Start, ...]:
        """Starts that a ratio is of: not those that others disturbed for too long."""
        return tuple(start for start in self.starts if start.counts)

    @property
    def shown(self) -> tuple[Start, ...]:
        """Starts that times are of: where none counts, all of them."""
        return self.counted or self.starts

    @property
    def load(self) -> float | None:
        """Median over all blocks: the share of the CPU time that others took. None: not known."""
        return _median(
            np.array([x for s in self.starts for one in s.sides for x in one.load or ()])
        )

    def warm(self, side: int) -> np.ndarray:
        """Seconds a step of all blocks of a backend that count, in order."""
        return np.concatenate([start.warm(side) for start in self.shown])

    @property
    def ratio(self) -> Interval:
        """How many times as long the second takes as the first: see `ratio_of`."""
        return self.ratio_of(0, 1)

    def ratio_of(self, one: int, other: int) -> Interval:
        """How many times as long `other` takes as `one`, for other starts of both.

        With more than two backends the intervals of all pairs hold together at 95 % (Bonferroni).
        """
        return over_starts([start.ratio(one, other) for start in self.counted], self.confidence)

    @property
    def confidence(self) -> float:
        """Of the interval of each ratio."""
        return joint_confidence(len(self.pairs))

    @property
    def least_settled(self) -> tuple[int, int]:
        """The pair whose ratio is known least well."""
        return max(self.pairs, key=lambda pair: width(self.ratio_of(*pair)))

    @property
    def settled(self) -> bool:
        """Whether the interval of every ratio is as narrow as was asked for, and not by luck."""
        ratios = [start.ratio(*self.least_settled) for start in self.counted]
        return enough_starts(ratios, self.width, self.confidence)

    def by_order(self, one: int = 0, other: int = 1) -> tuple[float | None, float | None]:
        """The median ratio of pairs that the earlier backend began, and that the later one did."""
        ratios = np.concatenate([start.ratios(one, other) for start in self.shown])
        led = np.concatenate([start.led for start in self.shown])
        return _median(ratios[led]), _median(ratios[~led])

    @property
    def agrees_with_itself(self) -> bool:
        """Of an A/A record: whether the interval covers 1; unknown is not yes."""
        low, high = self.ratio.low, self.ratio.high
        return low is not None and high is not None and low <= 1 <= high


def _check(kind: Any, value: object, name: str) -> None:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        raise ValueError(f"{name}: {error.errors()[0]['msg']}") from None


def _check_phases(by_phase: Mapping[str, Any]) -> None:
    if set(by_phase) != set(PHASES):
        raise ValueError(f"phases: {', '.join(by_phase)} in place of {', '.join(PHASES)}")


def _median(values: np.ndarray) -> float | None:
    return float(np.median(values)) if len(values) else None
