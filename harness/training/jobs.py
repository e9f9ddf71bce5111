"""From what was asked for to the jobs of workers, and through them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from backends import USUAL
from harness.config.experiment import AnyExperiment
from harness.data import Images, Prepared
from harness.data.cache import cache_folder
from harness.plan.plan import epoch_steps, evaluation_steps, total_steps
from harness.records.run import RunRecord, run_name
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
from harness.training.job import Beside, Job
from harness.training.pace import Estimate, Pace, seconds_left
from harness.training.run_environment import check_packages, check_same
from harness.training.turns import finished, train_seed

# Steps after which the weights of the first seed's runs are kept: long enough for rounding to grow
# to its full size in the networks of the presets, short enough to be trained once more.
COURSE_STEPS = 200
# Steps that are timed where several seeds are trained at once, unless `timing.timed_steps` says.
TIMED_STEPS = 500


# Seconds of the parts that follow all trainings, by name, from the pace of the first seed.
Afterwards = Callable[[dict[str, Pace]], Mapping[str, float]]
TRAINING = "training"  # the part of a display
# By how much a forecast may be off: of training as a share, as `make estimate` allows; of scores
# and report, which nothing was measured of yet, as a factor.
TRAINING_OFF, AFTER_OFF = 0.2, 2.0


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
    backends: tuple[str, ...] = USUAL
    device: str | None = None
    data_dir: Path | None = None
    results: Path = Path("results")
    overrides: tuple[str, ...] = ()
    automatic: SeedBounds | None = None


@dataclass(frozen=True)
class Sharing:
    """How trainings share the machine.

    `timed`: seeds of which steps are timed; None: all. `at_once`: so many seeds are trained at the
    same time, each on a GPU, or with a share of the CPUs; timed steps are made while nothing else
    is. `timed_part`: train no further than those.
    """

    timed: frozenset[int] | None = None
    at_once: int = 1
    timed_part: bool = False

    def is_timed(self, seed: int) -> bool:
        return self.timed is None or seed in self.timed


ALONE = Sharing()


def timed_seeds(experiment: AnyExperiment, seeds: Sequence[int]) -> frozenset[int]:
    """Of `seeds`, those of which steps are timed: see `timing.timed_seeds`."""
    return frozenset(seeds[: experiment.timing.timed_seeds])


@dataclass(frozen=True)
class PreparedExperiment:
    """One experiment with its data found, and the folder its runs go to."""

    experiment: AnyExperiment
    prepared: Prepared
    folder: Path


def set_up(experiment: AnyExperiment, prepared: Prepared, results: Path) -> PreparedExperiment:
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


def check_precision(experiment: AnyExperiment, machine: Machine) -> None:
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
    afterwards: Afterwards = lambda paces: {},
    sharing: Sharing = ALONE,
) -> list[WorkerFailed]:
    """Train what is not complete yet; a seed that fails does not keep the others from running.

    `give_up`: of a run that is not complete, whether to leave it as it is. `with_pace`: called
    once, with the pace of the first seed's backends. `afterwards`: seconds of the parts that follow
    the trainings, by name, from that pace. `course`: see `jobs_left`.
    """
    todo = [
        [job for job in jobs if not _left_alone(job, give_up)]
        for jobs in jobs_left(
            bench.folder, bench.experiment, images, request, machine, display, course, sharing
        )
    ]
    todo = [jobs for jobs in todo if jobs]
    counts = (len(images["trainA"]), len(images["trainB"]))
    steps = total_steps(bench.experiment, *counts)
    per_epoch = epoch_steps(bench.experiment, *counts)
    evaluations = len(evaluation_steps(bench.experiment, steps, per_epoch)) + 2
    failures: list[WorkerFailed] = []
    for done, jobs in enumerate(todo):
        then = None if done else with_pace
        estimate = Forecast(display, todo[done + 1 :], steps, evaluations, then, afterwards)
        try:
            train_seed(jobs, bench.experiment.timing, display, estimate, sharing.timed_part)
        except WorkerFailed as failure:
            if failure.fault == "disk":  # whatever comes next would fail as well
                raise
            display.say(f"Failed: {failure}")
            failures.append(failure)
    display.expect(TRAINING, 0.0)
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
    experiment: AnyExperiment,
    images: Mapping[str, Images],
    request: ComparisonRequest,
    machine: Machine,
    display: Display,
    course: int | None = None,
    sharing: Sharing = ALONE,
) -> list[list[Job]]:
    """What is left to train, a list a seed: those are trained in turns.

    `course`: runs of the first seed keep their weights after so many steps.
    """
    device_folder = folder / "runs" / provenance.slug(machine.device_name)
    files = image_files(images)
    todo = []
    for seed in request.seeds:
        jobs = []
        kept = course if seed == request.seeds[0] else None
        share = beside(
            experiment, machine, len(request.backends), sharing, sharing.is_timed(seed), kept
        )
        for backend in request.backends:
            record = RunRecord(device_folder / run_name(backend, seed))
            check_same(record, backend)
            if finished(record):
                check_packages(record)
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
                    beside=_as_begun(record, share),
                    course=kept,
                )
            )
        todo.append(jobs)
    return [jobs for jobs in todo if jobs]


def beside(
    experiment: AnyExperiment,
    machine: Machine,
    count: int,
    sharing: Sharing = ALONE,
    timed: bool = True,
    kept: int | None = None,
) -> Beside | None:
    """Where runs of `count` backends go on beside others, and with how many threads each.

    None where they never do: of one seed at a time on a GPU, where backends would take memory and
    time from each other; and where there are not as many threads as backends. `kept`: so many steps
    are made in turns in any case, since a twin is compared with them that trains alone.
    """
    steps, at_once = experiment.timing.timed_steps, sharing.at_once
    on_gpu = machine.device != "cpu"
    threads = machine.threads // (at_once * (1 if on_gpu else count))
    if at_once == 1 and (on_gpu or count < 2 or threads < 1 or steps is None):
        return None
    start = max((steps or TIMED_STEPS) if timed else 0, kept or 0)
    return Beside(start, max(1, threads), turns=on_gpu)


def _as_begun(record: RunRecord, share: Beside | None) -> Beside | None:
    """A run goes on as it was begun; `share` is for one that was not."""
    if not (record.folder / "environment.json").exists():
        return share
    recorded = record.environment.get("beside")
    return Beside(**recorded) if recorded else None


class Forecast:
    """How long everything will take from here: said once a seed, then kept up to date on the bar.

    `later`: jobs by seed to come, which take all `steps` and `evaluations`. `then`: says what
    follows from the pace besides. `afterwards`: see `train`.
    """

    def __init__(
        self,
        display: Display,
        later: Sequence[Sequence[Job]],
        steps: int,
        evaluations: int,
        then: Estimate | None,
        afterwards: Afterwards,
    ):
        self.display, self.later, self.then, self.afterwards = display, later, then, afterwards
        self.steps, self.evaluations = steps, evaluations
        self._said = False

    def __call__(self, paces: dict[str, Pace]) -> None:
        slowest = max(paces.values(), key=lambda pace: pace.step)
        training = seconds_left(paces.values()) + sum(
            seconds_left([self._whole(paces.get(job.backend, slowest), job) for job in jobs])
            for jobs in self.later
        )
        self.display.expect(TRAINING, training)
        if self._said:
            return
        self._said = True
        parts = self.afterwards(paces)
        for part, seconds in parts.items():
            self.display.expect(part, seconds)
        after = sum(parts.values())
        low, high = (
            (1 - TRAINING_OFF) * training + after / AFTER_OFF,
            ((1 + TRAINING_OFF) * training + after * AFTER_OFF),
        )
        runs = len(paces) + sum(map(len, self.later))
        speeds = ", ".join(f"{name} {1000 * p.step:.0f} ms a step" for name, p in paces.items())
        rest = f", then about {duration(after)} for scores and report" if after else ""
        self.display.say(
            f"About {duration(training + after)} from here ({duration(low)} to {duration(high)}, if"
            f" nothing else runs): {runs} runs of {self.steps} steps,"
            f" {duration(training)} ({speeds}){rest}"
        )
        if self.then:
            self.then(paces)

    def _whole(self, pace: Pace, job: Job) -> Pace:
        in_turns = job.turns_to(self.steps)
        return replace(
            pace,
            steps_left=in_turns,
            beside_left=self.steps - in_turns,
            evaluations_left=self.evaluations,
        )
