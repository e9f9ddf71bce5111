"""Measure point after point, each written as soon as it is there: `cyclebench scaling`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.config.experiment import check_backends, load_experiment
from harness.plan.step_cost import step_flops
from harness.studies.scaling.axes import axes_of, choose
from harness.studies.scaling.measure import Method, measure
from harness.studies.scaling.points import ScalingPoint, make_points
from harness.studies.scaling.record import (
    KIND,
    MeasuredPoint,
    ScalingAxisRecord,
    ScalingRecord,
    read_record,
    write_record,
)
from harness.studies.study import with_progress
from harness.system import provenance
from harness.system.errors import WorkerFailed
from harness.system.lock import locked
from harness.system.machine import Machine, device_memory
from harness.system.progress import Display
from harness.training.jobs import check_precision, tell


@dataclass(frozen=True)
class ScalingRequest:
    """`axes` None: all that the configuration has. `values`: by axis, in place of the defaults."""

    preset: str
    machine: Machine
    backends: tuple[str, ...]
    results: Path
    overrides: tuple[str, ...] = ()
    axes: tuple[str, ...] | None = None
    values: Mapping[str, Sequence[int]] = field(default_factory=dict)
    method: Method = field(default_factory=Method)

    @property
    def folder(self) -> Path:
        return self.results / "scaling"


def scale(request: ScalingRequest, display: Display) -> tuple[ScalingRecord, Path]:
    """Measure what is not measured yet; the record, with all points so far, and its file.

    Raises UserError for bad input, before anything is measured or written; WorkerFailed if no point
    has any numbers.
    """
    check_backends(list(request.backends))
    base = load_experiment(None, request.preset, list(request.overrides))
    check_precision(base, request.machine)
    axes = choose(base, request.axes)
    points, left_out = make_points(base, request.overrides, axes, request.values)
    record = _new_record(request, points[0])
    device = provenance.slug(request.machine.device_name)
    file = request.folder / f"{provenance.slug(base.preset)}-{device}-{record.digest}.json"
    # Another one at the same time would spoil both.
    with locked(request.folder):
        tell(display, request.machine, request.folder, request.folder / "logs" / record.digest)
        record = _continued(record, file)
        done = {point.key for point in record.points if point.sides}
        todo = [point for point in points if point.key not in done]
        for line in left_out:
            display.say(f"Left out: {line}")
        display.say(f"{len(points)} points, {len(points) - len(todo)} of them measured already")
        record = _measure_all(record, todo, file, request, display)
    failures = [point.failed for point in record.points if point.failed]
    if len(failures) == len(record.points):
        raise WorkerFailed(f"scaling: no point could be measured; the first: {failures[0].why}")
    return record, file


def _new_record(request: ScalingRequest, base: ScalingPoint) -> ScalingRecord:
    machine, method = request.machine, request.method
    made_by = provenance.describe(machine.device)
    # Points are reused only beside others of the same code, packages and way of measuring.
    code = (made_by["source_digest"], provenance.in_one_line(provenance.deciding_packages()))
    digest = base.experiment.digest(*request.backends, machine.device_name, *code, repr(method))
    return ScalingRecord(
        kind=KIND,
        preset=base.experiment.preset,
        digest=digest,
        configuration=base.experiment.model_dump(mode="json"),
        device=machine.device_name,
        device_kind=machine.device,
        device_memory=device_memory(machine.device),
        threads=machine.threads,
        machine=made_by,
        backends=request.backends,
        pairs=method.pairs,
        block_seconds=method.block_seconds,
        axes=tuple(
            ScalingAxisRecord(name=axis.name, title=axis.title, unit=axis.unit, base=axis.base)
            for axis in axes_of(base.experiment)
        ),
    )


def _continued(record: ScalingRecord, file: Path) -> ScalingRecord:
    """With the points of an earlier run. Raises UserError where its file is damaged."""
    if not file.exists():
        return record
    return record.model_copy(update={"points": read_record(file).points})


def _measure_all(
    record: ScalingRecord,
    todo: Sequence[ScalingPoint],
    file: Path,
    request: ScalingRequest,
    display: Display,
) -> ScalingRecord:
    """The base comes first where it is not there: estimates are made from it."""
    logs = request.folder / "logs" / record.digest

    def left(rest: Sequence[ScalingPoint]) -> float | None:
        return estimate(record.base, rest, request.method)

    points = with_progress("points", todo, lambda point: point.label, display, left)
    for turn, point in enumerate(points):
        measured = measure(point, request.machine, request.backends, request.method, logs, turn)
        record = record.having(measured)
        write_record(file, record)
        if measured.failed:
            display.say(f"Failed at {point.label}: {measured.failed.why}")
    return record


def estimate(
    base: MeasuredPoint | None, todo: Sequence[ScalingPoint], method: Method
) -> float | None:
    """Seconds, if all start as fast as the base did and steps take as long as FLOPs say; None
    without a measured base."""
    if base is None or not base.sides:
        return None
    steps = [side.step for side in base.sides]
    start = max(0.0, base.wall_seconds - _stepping(steps, method))
    return sum(
        start
        + _stepping([step * step_flops(point.experiment) / base.flops for step in steps], method)
        for point in todo
    )


def _stepping(steps: Sequence[float], method: Method) -> float:
    """Seconds of all steps of a point, given those of one step of each backend."""
    return sum(steps) * (2 + (method.pairs + 1) * method.steps(max(steps)))
