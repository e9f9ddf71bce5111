"""A whole comparison: configuration -> data -> plan -> workers -> metrics -> report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import backends
from harness.config.backend_names import check_backends
from harness.config.load import load_any
from harness.config.presets import DEFAULT
from harness.data import Images
from harness.launch.launch import HERE, LaunchRequest, train_seeds
from harness.metrics.any_model import evaluate_any
from harness.metrics.evaluate import Known
from harness.metrics.extractors import EFFICIENTNET
from harness.metrics.weights import try_once
from harness.plan.step_cost import paper_seconds, paper_sentence, step_flops
from harness.records.experiment import load
from harness.records.run import find_runs
from harness.records.seeds import compared_seeds, record_look
from harness.report.comparison import write_report
from harness.report.comparison.function_evidence import parity_sentence
from harness.statistics.intervals import MINIMUM_SEEDS
from harness.studies.course import course_steps, twin_bar, write_course
from harness.studies.estimate.typical import typical_seconds
from harness.studies.estimate.work import Counts, Work
from harness.studies.parity import parity_record, write_parity
from harness.studies.seeds import check_automatic, train_until_decided
from harness.system.errors import UserError, WorkerFailed, as_typed
from harness.system.lock import locked
from harness.system.machine import Machine, find_machine
from harness.system.progress import Display
from harness.training.experiment_folder import prepare_data
from harness.training.jobs import (
    ComparisonRequest,
    PreparedExperiment,
    begin,
    check_precision,
    set_up,
    tell,
)
from harness.training.pace import Pace

FEATURES = f"features, {EFFICIENTNET.name}"
REPORT = "report"
TWIN_START = 15.0  # seconds until a worker is ready, and its first step


def compare(request: ComparisonRequest, display: Display, launch: LaunchRequest = HERE) -> Path:
    """Train what is not trained yet, score, report; returns the path of report.html.

    Raises UserError for bad input, and WorkerFailed if a training died: after all else is done.
    """
    check_backends(list(request.backends))
    machine = find_machine(request.device)
    preset = request.preset or DEFAULT
    experiment = load_any(request.dataset, preset, list(request.overrides))
    check_precision(experiment, machine)
    if request.automatic:
        check_automatic(experiment, request.backends)
    choice = (
        preset
        if request.preset
        else as_typed(f"{DEFAULT}, the default; --preset NAME takes another")
    )
    why = f", since {machine.why}" if machine.why else ""
    display.say(f"Preset {choice}. On {machine.device_name}{why}")
    prepared = prepare_data(experiment, request.data_dir, display)
    bench = set_up(experiment, prepared, request.results)
    tell(display, machine, bench.folder, bench.folder / "runs" / "*" / "*" / "log.txt")
    with locked(bench.folder):
        images = begin(bench, display)
        check_function(bench, request, machine, display)
        paper_cost = None if request.preset else partial(_say_paper_cost, display, bench, images)
        afterwards = partial(_afterwards, bench, images, request)
        course = course_steps(bench, images) if len(request.backends) > 1 else None
        known: Known = {}
        if request.automatic:
            failures = train_until_decided(
                *(bench, images, request, machine, display, known, launch),
                *(paper_cost, course, afterwards),
            )
            request = replace(request, seeds=tuple(range(MINIMUM_SEEDS)))
        else:
            failures = train_seeds(
                bench,
                images,
                request,
                machine,
                display,
                launch,
                with_pace=paper_cost,
                course=course,
                afterwards=afterwards,
            )
        if failures and not any(run.complete for run in find_runs(bench.folder)):
            raise failures[0]
        follow_course(bench, images, request, machine, display)
        report = score(bench.folder, display, known)
        if failures:
            raise failures[0]
        return report


def check_function(
    bench: PreparedExperiment, request: ComparisonRequest, machine: Machine, display: Display
) -> None:
    """Climb the parity ladder for this experiment, or take its rows from the cache: parity.json.

    A breach is said at once; it does not keep anybody from training.
    """
    if len(request.backends) < 2:
        return
    names = backends.ordered(request.backends)
    try:
        record = parity_record(
            bench.experiment,
            names,
            "cuda" if machine.device == "cuda" else "cpu",
            partial(display.stage, "parity checks"),
        )
    except UserError as error:
        display.say(f"Parity is not checked: {error}")
        return
    write_parity(bench.folder, record)
    display.say(parity_sentence(record))


def follow_course(
    bench: PreparedExperiment,
    images: Mapping[str, Images],
    request: ComparisonRequest,
    machine: Machine,
    display: Display,
) -> None:
    """Compare the weights of the first seed's runs, and those of a twin: course.json."""
    if len(request.backends) < 2:
        return
    try:
        write_course(bench, images, request, machine, display)
    except WorkerFailed as failure:
        display.say(f"The course of the weights is not compared: {failure}")
    for name in request.backends:
        display.expect(twin_bar(name), 0.0)


def score(folder: Path, display: Display, known: Known | None = None) -> Path:
    """Score every complete run and write the report; returns the path of report.html.

    `known`: see `evaluate`. That the scores were looked at is written down.
    """
    if load(folder, scored=False).kind == "cyclegan":  # samples have no FID
        try_once(display.say, display.stage)
    display.say("Scoring")
    evaluate_any(folder, display.stage, known)
    for part in (FEATURES, "scores"):  # what is cached has no bar
        display.expect(part, 0.0)
    for device, seeds in compared_seeds(find_runs(folder)).items():
        record_look(folder, device, seeds)
    report = write_report(folder)
    display.expect(REPORT, 0.0)
    return report


def _afterwards(
    bench: PreparedExperiment,
    images: Mapping[str, Images],
    request: ComparisonRequest,
    paces: dict[str, Pace],
) -> dict[str, float]:
    """Seconds of what follows the trainings, by the names of the bars that show it."""
    splits = ("trainA", "trainB", "testA", "testB")
    train_a, train_b, test_a, test_b = (len(images[split]) for split in splits)
    counts = Counts(train_a, train_b, test_a, test_b, paired="truthAB" in images)
    seeds = len(request.seeds) or MINIMUM_SEEDS
    work = Work(bench.experiment, counts, request.backends, seeds)
    typical = typical_seconds(work)
    parts = {FEATURES: typical["features"], "scores": typical["scores"], REPORT: typical["report"]}
    first = next(iter(backends.ordered(paces)), None)
    if first is not None and len(request.backends) > 1:
        steps = course_steps(bench, images)
        parts[twin_bar(first)] = TWIN_START + steps * paces[first].step
    return parts


def _say_paper_cost(
    display: Display,
    bench: PreparedExperiment,
    images: Mapping[str, Images],
    paces: dict[str, Pace],
) -> None:
    flops = step_flops(bench.experiment)
    counts = (len(images["trainA"]), len(images["trainB"]))
    speeds = [flops / pace.step for pace in paces.values()]
    seconds = paper_seconds(bench.experiment.dataset, counts, speeds)
    if seconds is not None:
        display.say(paper_sentence(seconds, len(speeds), "here"))
