"""Do the backends follow the same course? Their weights some steps on, and a twin's: course.json.

The trainings themselves are followed. The runs of the first seed have kept their weights. A twin of
the first backend is trained for as many steps on the same plan, from a start that is moved by one
unit in the last place; it is not timed, and nothing else runs meanwhile.
"""

from __future__ import annotations

import itertools
import math
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import backends
from harness.data import Images
from harness.plan.plan import total_steps
from harness.records.evidence import COURSE, courses
from harness.records.run import RunRecord, run_name
from harness.studies.consistency.trajectory import Sample, relative_mean, relative_norm
from harness.system import provenance
from harness.system.checksums import sha256
from harness.system.files import read_arrays, write_json
from harness.system.machine import Machine
from harness.system.progress import Display
from harness.training.job import Job
from harness.training.jobs import COURSE_STEPS, ComparisonRequest, PreparedExperiment, image_files
from harness.training.worker_process import Worker

ULP_DRAW = 0
AT_ONCE = 20  # steps between two times that progress is shown
TWIN_FOLDER = ".twin"


def twin_bar(backend: str) -> str:
    """Name of the bar that shows the twin's training."""
    return f"twin of {backend}"


def course_steps(bench: PreparedExperiment, images: Mapping[str, Images]) -> int:
    """Steps after which the weights of the first seed's runs are kept."""
    counts = (len(images["trainA"]), len(images["trainB"]))
    return min(COURSE_STEPS, total_steps(bench.experiment, *counts))


def write_course(
    bench: PreparedExperiment,
    images: Mapping[str, Images],
    request: ComparisonRequest,
    machine: Machine,
    display: Display,
) -> None:
    """Write into course.json how far the runs of one seed are apart, and a twin from its original.

    The seed: the first of `request` whose runs have all kept their weights; nothing is written
    where there is none. What is in the file for these very weights stays, and no twin is trained.
    Raises WorkerFailed if the twin's process fails.
    """
    steps = course_steps(bench, images)
    device = provenance.slug(machine.device_name)
    names = backends.ordered(request.backends)
    for seed in request.seeds:
        below = bench.folder / "runs" / device
        runs = {name: RunRecord(below / run_name(name, seed)) for name in names}
        if all(_kept(run, steps) for run in runs.values()):
            break
    else:
        return
    files = {name: sha256(run.course_file(steps)) for name, run in runs.items()}
    about = {"device": device, "seed": seed, "steps": steps, "files": files}
    before = courses(bench.folder / COURSE)
    if any({key: one[key] for key in about} == about for one in before):
        display.detail("Course: compared before, reused")
        return
    model = bench.experiment.networks()
    sample = Sample(model)
    weights = {
        name: sample.weights(read_arrays(run.course_file(steps))) for name, run in runs.items()
    }
    terms = bench.experiment.loss().terms
    losses = {name: _losses(run, steps, terms) for name, run in runs.items()}
    first = names[0]
    job = Job(
        backend=first,
        seed=seed,
        folder=str((bench.folder / TWIN_FOLDER / run_name(first, seed)).resolve()),
        device=machine.device,
        device_name=machine.device_name,
        threads=machine.threads,
        experiment=bench.experiment.model_dump(),
        images=image_files(images),
        course=steps,
        ulp_draw=ULP_DRAW,
    )
    try:
        seconds = _train_twin(job, steps, display)
        twin = RunRecord(Path(job.folder))
        twin_weights = sample.weights(read_arrays(twin.course_file(steps)))
        twin_losses = _losses(twin, steps, terms)
    finally:
        shutil.rmtree(bench.folder / TWIN_FOLDER, ignore_errors=True)
    pairs = [
        {
            "backends": [one, other],
            "weights": relative_norm(weights[one], weights[other]),
            "losses": _apart(losses[one], losses[other]),
        }
        for one, other in itertools.combinations(names, 2)
    ]
    record = {
        **about,
        "pairs": pairs,
        "twin": {
            "backend": first,
            "weights": relative_norm(weights[first], twin_weights),
            "losses": _apart(losses[first], twin_losses),
            "seconds": round(seconds, 1),
        },
    }

    def replaced(one: Mapping[str, Any]) -> bool:
        return one["device"] == device and set(one["files"]) == set(files)

    kept = [one for one in before if not replaced(one)]
    write_json(bench.folder / COURSE, {"courses": [*kept, record]})


def _kept(run: RunRecord, steps: int) -> bool:
    return run.begun and run.complete and run.course_file(steps).exists()


def _train_twin(job: Job, steps: int, display: Display) -> float:
    """Seconds from the start of the process to its end."""
    began, folder = time.monotonic(), Path(job.folder)
    shutil.rmtree(folder, ignore_errors=True)  # of a twin whose comparison was killed
    worker = Worker(job)
    try:
        while worker.step < steps:
            worker.train(min(steps, worker.step + AT_ONCE))
            display.update(twin_bar(job.backend), worker.step, steps)
        worker.request(finish=True)
    finally:
        worker.close()
    return time.monotonic() - began


def _losses(run: RunRecord, steps: int, terms: Sequence[str]) -> Any:
    """float64 (steps, terms)."""
    return run.losses.loc[: steps - 1, list(terms)].to_numpy("float64")


def _apart(one: Any, other: Any) -> Sequence[float | None]:
    """By step, the mean relative difference over terms; None where it is not a number."""
    values = [relative_mean(a, b) for a, b in zip(one, other, strict=True)]
    return [value if math.isfinite(value) else None for value in values]
