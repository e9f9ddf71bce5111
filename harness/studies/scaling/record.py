"""A record of `cyclebench scaling`, as it is on disk (schema: results/README.md)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from harness.statistics.timed_blocks import LOAD_LIMIT
from harness.studies import study
from harness.system.files import write_json

KIND = "scaling"
BASE = "base"
# What is beyond cannot be measured, nor be added up or drawn.
Positive = Annotated[float, Field(ge=1e-12, le=1e18)]
Whole = Annotated[int, Field(ge=1, le=10**18)]
Share = Annotated[float, Field(ge=0, le=10)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Memory(_Part):
    """Most of a process at once. `kind`: "resident" (CPU) or "device"."""

    bytes: Whole
    kind: str


class ScalingSide(_Part):
    """One backend at one point. `seconds_per_step`: a block, in order, warm-up apart.

    `load_share`: likewise, the share of the CPU time that others took; None on a GPU, where nothing
    can be read, and in old records.
    """

    backend: str
    framework: str
    first_step_seconds: Positive  # with tracing and compiling
    seconds_per_step: Annotated[tuple[Positive, ...], Field(min_length=1)]
    memory: Memory
    load_share: Annotated[tuple[Share, ...], Field(min_length=1)] | None = None

    @property
    def step(self) -> float:
        """Seconds, median over blocks."""
        return float(np.median(self.seconds_per_step))

    @property
    def restlessness(self) -> float:
        """The longest block over the shortest."""
        return max(self.seconds_per_step) / min(self.seconds_per_step)


class Failure(_Part):
    why: str
    out_of_memory: bool


class MeasuredPoint(_Part):
    """A point: numbers of every backend, or why there are none. `wall_seconds`: it took in all."""

    axis: str
    value: Annotated[int, Field(ge=0, le=10**9)] | None
    settings: Mapping[str, int]
    flops: Whole
    wall_seconds: Positive
    sides: tuple[ScalingSide, ...] = ()
    failed: Failure | None = None

    @model_validator(mode="after")
    def _numbers_or_a_reason(self) -> MeasuredPoint:
        if bool(self.sides) == bool(self.failed):
            raise ValueError("points: each has either sides or failed")
        if len({len(side.seconds_per_step) for side in self.sides}) > 1:
            raise ValueError("points: not as many blocks of each backend")
        return self

    @property
    def busy(self) -> bool:
        """Whether others took so much of the CPU time that times are about them."""
        loads = [side.load_share for side in self.sides if side.load_share]
        return any(float(np.median(load)) > LOAD_LIMIT for load in loads)

    @property
    def key(self) -> tuple[str, int | None]:
        return self.axis, self.value

    def side(self, backend: str) -> ScalingSide | None:
        return next((side for side in self.sides if side.backend == backend), None)


class ScalingAxis(_Part):
    """`base`: its value in the configuration that is varied."""

    name: str
    title: str
    unit: str
    base: Annotated[int, Field(ge=0, le=10**9)]


class ScalingRecord(_Part):
    """`device_memory`: bytes there are to use, of the GPU or else of the machine; None: unknown."""

    kind: str
    preset: str
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]+$")]  # part of names of figures
    configuration: Mapping[str, Any]
    device: str
    device_kind: str
    device_memory: Whole | None
    threads: Whole
    machine: Mapping[str, Any]
    backends: Annotated[tuple[str, ...], Field(min_length=1)]
    pairs: Whole
    block_seconds: Positive
    axes: tuple[ScalingAxis, ...]
    points: tuple[MeasuredPoint, ...] = ()

    @model_validator(mode="after")
    def _points_are_of_its_axes(self) -> ScalingRecord:
        names = {axis.name for axis in self.axes}
        for point in self.points:
            if point.axis not in names | {BASE} or (point.value is None) != (point.axis == BASE):
                raise ValueError(f"points: {point.axis!r} at {point.value} is on none of the axes")
        return self

    @property
    def base(self) -> MeasuredPoint | None:
        return next((point for point in self.points if point.axis == BASE), None)

    def on(self, axis: ScalingAxis) -> list[tuple[int, MeasuredPoint]]:
        """Value and point of an axis, ascending, the base among them; empty: nothing but that."""
        own = [(p.value, p) for p in self.points if p.axis == axis.name and p.value is not None]
        if own and self.base:
            own.append((axis.base, self.base))
        return sorted(own, key=lambda value_and_point: value_and_point[0])

    def having(self, point: MeasuredPoint) -> ScalingRecord:
        """With this point, in place of one with the same key."""
        order = [BASE, *(axis.name for axis in self.axes)]
        kept = [other for other in self.points if other.key != point.key]
        points = sorted([*kept, point], key=lambda p: (order.index(p.axis), p.value or 0))
        return self.model_copy(update={"points": tuple(points)})


def write_record(path: Path, record: ScalingRecord) -> None:
    """As JSON. Raises OSError."""
    write_json(path, record.model_dump(mode="json"))


def read_record(path: Path) -> ScalingRecord:
    """Raises UserError for a missing or damaged one."""
    return study.read_record(path, KIND, ScalingRecord)


def find_records(folder: Path) -> list[ScalingRecord]:
    """All in a folder, by device and preset. Raises UserError for a damaged one."""
    records = study.read_records(folder, read_record).values()
    return sorted(records, key=lambda record: (record.device, record.preset))
