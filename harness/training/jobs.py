"""From what was asked for to the jobs of workers, and through them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from harness.config.experiment import Experiment
from harness.data import Images, Prepared
from harness.data.cache import cache_folder
from harness.plan.plan import epoch_steps, evaluation_steps, total_steps
from harness.records.run import RunRecord
from harness.system import provenance
from harness.system.errors import UserError, WorkerFailed
from harness.system.gpu import BFLOAT16, find_gpu
from harness.system.machine import Machine
from harness.system.progress import Display, duration
from harness.training.experiment_folder import (
    decoded_images,
    experiment_folder,
    write_experiment,
)
from harness.training.run import Job
from harness.training.turns import Estimate, Pace, finished, train_seed

# Steps after which the weights of the first seed's runs are kept: long enough for rounding to grow
# to its full size in the networks of the presets, short enough to be trained once more.
COURSE_STEPS = 200


@dataclass(frozen=True)
class SeedBounds:
    """Of `--seeds auto`, which adds seeds until the primary score is decided.

    `maximum`: seeds at most. `hours`: of this call, after which no seed is begun; None: no bound.
    """

    maximum: int
    hours: float | None = None


@dataclass(frozen=True)
class ComparisonRequest:
    """What the user asked for. None: decided by what the machine has, or by the preset.

    `automatic`: in place of `seeds`.
    """

    dataset: str | None = None
    preset: str | None = None
    seeds: tuple[int, ...] = (0,)
    backends: tuple[str, ...] = ("torch", "tf")
    device: str | None = None
    data_dir: Path | None = None
    results: Path = Path("results")
    overrides: tuple[str, ...] = ()
    automatic: SeedBounds | None = None


@dataclass(frozen=True)
class PreparedExperiment:
    """One experiment with its data found, and the folder its runs go to."""

    experiment: Experiment
    prepared: Prepared
    folder: Path


def set_up(experiment: Experiment, prepared: Prepared, results: Path) -> PreparedExperiment:
    """Writes nothing."""
    experiment = experiment.model_copy(update={"dataset": prepared.manifest.name})
    return PreparedExperiment(
        experiment, prepared, experiment_folder(results, experiment, prepared)
    )


def begin(bench: PreparedExperiment, display: Display) -> dict[str, Images]:
    """Write what the runs are made from; returns the decoded images.

    Raises UserError where the folder has runs of something else.
    """
    images = decoded_images(bench.prepared, bench.experiment, display)
    write_experiment(bench.folder, bench.experiment, bench.prepared, images)
    return images


def check_precision(experiment: Experiment, machine: Machine) -> None:
    """Raises UserError for what the device cannot do, before anything starts."""
    gpu = find_gpu() if machine.device == "cuda" else None
    if gpu is None or gpu.has_bfloat16:
        return
    needs = f"compute capability {BFLOAT16[0]}.{BFLOAT16[1]}"
    has = f"needs a GPU of {needs}; {gpu.name} has {gpu.capability[0]}.{gpu.capability[1]}"
    if experiment.runtime.precision == "bfloat16":
        raise UserError(f"runtime.precision: bfloat16 {has}; take float32")
    if experiment.runtime.tf32:
        raise UserError(f"runtime.tf32: TF32 {has}; leave it false")


def tell(display: Display, machine: Machine, folder: Path, logs: Path) -> None:
    """What was decided besides the preset, to those who asked for it."""
    why = f", since {machine.why}" if machine.why else ""
    display.detail(f"Device: {machine.device_name} ({machine.device}){why}")
    display.detail(f"Threads: {machine.threads} a process, the CPUs that this one may use")
    display.detail(f"Cache of data sets and decoded images: {cache_folder()}")
    display.detail(f"Records go to {folder}")
    display.detail(f"What worker processes print goes to {logs}")


def train(
    bench: PreparedExperiment,
    images: Mapping[str, Images],
    request: ComparisonRequest,
    machine: Machine,
    display: Display,
    give_up: Callable[[RunRecord], bool] = lambda run: False,
    with_pace: Estimate | None = None,
    course: int | None = None,
) -> list[WorkerFailed]:
    """Train what is not complete yet; a seed that fails does not keep the others from running.

    `give_up`: of a run that is not complete, whether to leave it as it is. `with_pace`: called
    once, with the pace of the first seed's backends. `course`: see `jobs_left`.
    """
    todo = [
        [job for job in jobs if not _left_alone(job, give_up)]
        for jobs in jobs_left(
            bench.folder, bench.experiment, images, request, machine, display, course
        )
    ]
    todo = [jobs for jobs in todo if jobs]
    counts = (len(images["trainA"]), len(images["trainB"]))
    steps = total_steps(bench.experiment, *counts)
    per_epoch = epoch_steps(bench.experiment, *counts)
    evaluations = len(evaluation_steps(bench.experiment, steps, per_epoch)) + 2
    failures: list[WorkerFailed] = []
    for done, jobs in enumerate(todo):
        later = [job.backend for seed in todo[done + 1 :] for job in seed]
        then = None if done else with_pace
        estimate = partial(_say_estimate, display, later, steps, evaluations, then)
        try:
            train_seed(jobs, bench.experiment.timing, display, estimate)
        except WorkerFailed as failure:
            if failure.fault == "disk":  # whatever comes next would fail as well
                raise
            display.say(f"Failed: {failure}")
            failures.append(failure)
    return failures


def _left_alone(job: Job, give_up: Callable[[RunRecord], bool]) -> bool:
    record = RunRecord(Path(job.folder))
    return record.begun and give_up(record)


def image_files(images: Mapping[str, Images]) -> dict[str, str]:
    """By split, the files of decoded images: memory-mapped by load_images, opened by workers."""
    splits = ("trainA", "trainB", "testA", "testB")
    return {split: str(Path(images[split].filename).resolve()) for split in splits}  # type: ignore[union-attr]


def jobs_left(
    folder: Path,
    experiment: Experiment,
    images: Mapping[str, Images],
    request: ComparisonRequest,
    machine: Machine,
    display: Display,
    course: int | None = None,
) -> list[list[Job]]:
    """What is left to train, a list a seed: those are trained in turns.

    `course`: runs of the first seed keep their weights after so many steps.
    """
    device_folder = folder / "runs" / provenance.slug(machine.device_name)
    files = image_files(images)
    todo = []
    for seed in request.seeds:
        jobs = []
        for backend in request.backends:
            record = RunRecord(device_folder / f"{backend}-seed{seed}")
            if finished(record):
                display.say(f"{backend}, seed {seed}: already trained, reused")
                continue
            jobs.append(
                Job(
                    backend=backend,
                    seed=seed,
                    folder=str(record.folder.resolve()),
                    device=machine.device,
                    device_name=machine.device_name,
                    threads=machine.threads,
                    experiment=experiment.model_dump(),
                    images=files,
                    course=course if seed == request.seeds[0] else None,
                )
            )
        todo.append(jobs)
    return [jobs for jobs in todo if jobs]


def _say_estimate(
    display: Display,
    later: list[str],
    steps: int,
    evaluations: int,
    then: Estimate | None,
    paces: dict[str, Pace],
) -> None:
    """`later`: backends of seeds to come, which take all `steps` and `evaluations`. `then`: says
    what follows from the pace besides."""
    slowest = max(paces.values(), key=lambda pace: pace.left)
    whole = [
        replace(paces.get(backend, slowest), steps_left=steps, evaluations_left=evaluations)
        for backend in later
    ]
    total = sum(pace.left for pace in (*paces.values(), *whole))
    paces_text = ", ".join(
        f"{name} {1000 * pace.step:.0f} ms a step" for name, pace in paces.items()
    )
    scope = f"{len(paces) + len(whole)} runs of {steps} steps"
    display.say(f"Training takes about {duration(total)} from here: {scope} ({paces_text})")
    if then:
        then(paces)
