"""Measure point after point, each written as soon as it is there: `cyclebench scaling`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from backends import title
from harness.config.backend_names import check_backends
from harness.config.load import load_experiment
from harness.plan.step_cost import step_flops
from harness.studies.scaling.points import ScalingPoint, axes_of, choose, make_points
from harness.studies.scaling.record import (
    KIND,
    Failure,
    MeasuredPoint,
    Memory,
    ScalingRecord,
    ScalingSide,
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
from harness.training.timed_session import loads_of, timed_session


@dataclass(frozen=True)
class Method:
    """`pairs`: blocks of each backend; `block_seconds`: of the slowest one's, about."""

    pairs: int = 6
    block_seconds: float = 0.5


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
    logs = request.folder / "logs" / record.digest

    def seconds_left(rest: Sequence[ScalingPoint]) -> float | None:
        return estimate(record.base, rest, request.method)

    # Two of them at the same time would slow each other down.
    with locked(request.folder):
        tell(display, request.machine, request.folder, logs)
        # An earlier run's points are kept; those that failed are measured again.
        if file.exists():
            record = record.model_copy(update={"points": read_record(file).points})
        done = {point.key for point in record.points if point.sides}
        todo = [point for point in points if point.key not in done]
        for line in left_out:
            display.say(f"Left out: {line}")
        display.say(f"{len(points)} points, {len(points) - len(todo)} of them measured already")
        # The base comes first where it is not there: estimates are made from it.
        watched = with_progress("points", todo, lambda point: point.label, display, seconds_left)
        for turn, point in enumerate(watched):
            measured = measure(point, request, logs, turn)
            record = record.having(measured)
            write_record(file, record)
            if measured.failed:
                display.say(f"Failed at {point.label}: {measured.failed.why}")
    failures = [point.failed for point in record.points if point.failed]
    if len(failures) == len(record.points):
        raise WorkerFailed(f"scaling: no point could be measured; the first: {failures[0].why}")
    return record, file


def _new_record(request: ScalingRequest, base: ScalingPoint) -> ScalingRecord:
    machine, method = request.machine, request.method
    made_by = provenance.describe(machine.device)
    # Points are reused only beside others of the same code, packages and way of measuring.
    packages = provenance.deciding_packages(request.backends)
    code = (made_by["source_digest"], provenance.in_one_line(packages))
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
        axes=axes_of(base.experiment),
    )


def measure(point: ScalingPoint, request: ScalingRequest, logs: Path, turn: int) -> MeasuredPoint:
    """Every backend in a fresh process, timed in turns; which one begins changes with `turn`.

    A process that dies is a finding, not an error.
    """
    began = time.monotonic()
    facts: dict[str, Any] = {
        "axis": point.axis,
        "value": point.value,
        "settings": dict(point.settings),
        "flops": step_flops(point.experiment),
    }
    machine, backends, method = request.machine, request.backends, request.method
    try:
        with timed_session(
            point.experiment, machine, backends, logs, label=point.label, turn=turn
        ) as session:
            first = session.warm_up(method.block_seconds)
            rounds = list(islice(session.rounds(), method.pairs))
            memory = session.ask(memory=True)
        facts["sides"] = tuple(
            ScalingSide(
                backend=backends[i],
                framework=title(backends[i], session.environments[i]),
                first_step_seconds=first[i],
                seconds_per_step=tuple(block.seconds for block in blocks),
                memory=Memory(**memory[i]),
                load_share=loads_of(blocks) if machine.device == "cpu" else None,
            )
            for i, blocks in enumerate(zip(*rounds, strict=True))
        )
    except WorkerFailed as error:
        facts["failed"] = failure(error)
    return MeasuredPoint(**facts, wall_seconds=time.monotonic() - began)


def failure(error: WorkerFailed) -> Failure:
    """What is known of it, without the log's path, which means nothing on another machine."""
    why = str(error).rpartition("; ")[0] or str(error)
    # A process that Linux takes away for want of memory is killed, as it is where a user does it.
    killed = error.fault == "died" and "SIGKILL" in why
    return Failure(why=why, out_of_memory=error.fault == "memory" or killed)


def estimate(
    base: MeasuredPoint | None, todo: Sequence[ScalingPoint], method: Method
) -> float | None:
    """Seconds, if all start as fast as the base did and steps take as long as FLOPs say; None
    without a measured base."""
    if base is None or not base.sides:
        return None

    def stepping(steps: Sequence[float]) -> float:
        """Seconds of all steps of a point, given those of one step of each backend."""
        steps_per_block = max(1, round(method.block_seconds / max(steps)))
        return sum(steps) * (2 + (method.pairs + 1) * steps_per_block)

    steps = [side.step for side in base.sides]
    start = max(0.0, base.wall_seconds - stepping(steps))
    flops = [step_flops(point.experiment) for point in todo]
    return sum(start + stepping([step * count / base.flops for step in steps]) for count in flops)
