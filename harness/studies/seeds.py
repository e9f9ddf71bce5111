"""`--seeds auto`: a seed at a time, until the primary score is decided or a bound is reached."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.config.experiment import AnyExperiment
from harness.config.metric_table import BY_NAME
from harness.data import Images
from harness.launch.launch import HERE, LaunchRequest, at_once, train_seeds
from harness.metrics.any_model import evaluate_any
from harness.metrics.evaluate import Known
from harness.metrics.weights import find_weights, try_once
from harness.records.experiment import load
from harness.records.run import find_runs
from harness.records.seeds import begin_automatic, compared_seeds, record_look
from harness.report.comparison.outcomes import is_decided
from harness.report.comparison.scores import metric_rows, primary_rows
from harness.report.comparison.seed_plan import seed_seconds, standing
from harness.statistics.intervals import MINIMUM_SEEDS
from harness.system import provenance
from harness.system.errors import UserError, WorkerFailed
from harness.system.machine import Machine
from harness.system.progress import Display, duration
from harness.training.jobs import Afterwards, ComparisonRequest, PreparedExperiment
from harness.training.pace import Estimate


def check_automatic(experiment: AnyExperiment, backends: Sequence[str]) -> None:
    """Raises UserError where no seed could decide anything. Looks at nothing but its arguments."""
    if len(backends) < 2:
        raise UserError("--seeds auto: it compares two backends; name them, or list seeds as 0,1,2")


def check_primary(name: str, images: Mapping[str, Images]) -> None:
    """Raises UserError for a primary score that these images do not allow."""
    missing = {
        "pair": "true pairs, which this data set has not" if "truthAB" not in images else "",
        "class": "labels, which this data set has not" if "trainLabelsA" not in images else "",
    }.get(BY_NAME[name].family, "")
    if name == "fid" and find_weights() is None:
        missing = "the Inception weights; run `make weights`"
    if missing:
        raise UserError(f"evaluation.primary: {name} needs {missing}; choose another score")


def train_until_decided(
    bench: PreparedExperiment,
    images: Mapping[str, Images],
    request: ComparisonRequest,
    machine: Machine,
    display: Display,
    known: Known,
    launch: LaunchRequest = HERE,
    with_pace: Estimate | None = None,
    course: int | None = None,
    afterwards: Afterwards = lambda paces: {},
) -> list[WorkerFailed]:
    """Train seeds 0, 1, 2, then more, as many as run at once; after each such lot, score, and say
    where the verdict stands.

    Interrupted and called again it goes on. `known`: scores that need not be computed again; new
    ones are added. Returns the failures, as `train` does; raises UserError for a larger maximum
    than the scores were looked at with.
    """
    bounds = request.automatic
    assert bounds is not None
    check_primary(bench.experiment.evaluation.primary, images)
    begin_automatic(bench.folder, bounds.maximum)
    try_once(display.say, display.stage)
    device, began = provenance.slug(machine.device_name), time.monotonic()
    failures: list[WorkerFailed] = []
    begun, wanted = 0, max(MINIMUM_SEEDS, _complete(bench, device, bounds.maximum))
    while True:
        seeds = replace(request, seeds=tuple(range(begun, wanted)))
        failures += train_seeds(
            bench,
            images,
            seeds,
            machine,
            display,
            launch,
            all_seeds=range(wanted),
            with_pace=with_pace,
            course=None if begun else course,
            afterwards=afterwards,
        )
        begun = wanted
        if not compared_seeds(find_runs(bench.folder)).get(device):
            return failures  # nothing to compare after several seeds: more would not help
        decided, seconds = _look(bench, device, bounds.maximum, display, known)
        if decided or begun == bounds.maximum:
            return failures
        spent = time.monotonic() - began
        if bounds.hours is not None and spent + seconds > 3600 * bounds.hours:
            display.say(
                f"Stopped at MAX_HOURS={bounds.hours:g}: {duration(spent)} are spent, and another"
                f" seed takes {duration(seconds)}; the same command goes on"
            )
            return failures
        replicas = bench.experiment.runtime.replicas
        more = at_once(launch, machine, request, bounds.maximum - begun, replicas)
        wanted, with_pace = begun + more, None


def _complete(bench: PreparedExperiment, device: str, maximum: int) -> int:
    """How many of the first seeds are complete: they have been looked at, one by one."""
    complete = set(compared_seeds(find_runs(bench.folder)).get(device, []))
    return next((seed for seed in range(maximum) if seed not in complete), maximum)


def _look(
    bench: PreparedExperiment, device: str, maximum: int, display: Display, known: Known
) -> tuple[bool, float]:
    """Whether it is decided, and the seconds of a seed; the look is written down."""
    evaluate_any(bench.folder, display.stage, known)
    record_look(bench.folder, device, compared_seeds(find_runs(bench.folder))[device])
    experiment = load(bench.folder)
    rows = [row for row in primary_rows(metric_rows(experiment)) if row.device == device]
    seconds = seed_seconds(experiment, device) or 0.0
    display.say(standing(experiment, rows, maximum, seconds))
    return is_decided(rows), seconds
