"""The runs of a study: many small trainings, a process each, one to a core at a time.

Records, resume and scores are those of a comparison; only the turns are not taken. No time is read
from these runs: each has one thread, and whatever else runs beside it.
"""

from __future__ import annotations

import time
from collections import ChainMap
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

import numpy as np

from harness.config.experiment import Experiment
from harness.data import Images, Prepared
from harness.launch.launch import LaunchRequest, Part, train_parts
from harness.metrics.evaluate import ImageSets, evaluate, is_scored, training_images
from harness.metrics.extractors import EFFICIENTNET
from harness.metrics.features import features
from harness.records.run import RunRecord, find_runs, run_name
from harness.system import provenance
from harness.system.errors import WorkerFailed
from harness.system.files import read_arrays
from harness.system.machine import Machine
from harness.system.progress import Display, duration
from harness.training.experiment_folder import decoded_images, experiment_folder, write_experiment
from harness.training.job import Job
from harness.training.jobs import ComparisonRequest, PreparedExperiment, jobs_left
from harness.training.side_by_side import complete
from harness.training.worker_process import Worker

BLOCK_SECONDS = 5.0  # between looks at whether to stop
MOST_AT_ONCE = 8  # a worker takes up to a gigabyte


@dataclass(frozen=True)
class Variant:
    """One experiment of the study, and the runs that it needs: seeds by backend.

    `role`: what it is for: "reference", "planted", "default", "base" (of a default). `name`: of the
    default, or of the planted difference.
    """

    role: str
    name: str
    experiment: Experiment
    seeds: Mapping[str, tuple[int, ...]]


class Runs:
    """Folders of the study's experiments, below `study`; `prepared` holds their images."""

    def __init__(self, study: Path, prepared: Prepared, display: Display):
        self.study, self.prepared, self.display = study, prepared, display
        # One thread a run.
        self.machine = Machine("cpu", provenance.device_name("cpu", 1), 1)

    def folder(self, experiment: Experiment) -> Path:
        return experiment_folder(self.study / "experiments", experiment, self.prepared)

    def train(self, variants: Sequence[Variant], at_once: int | None = None) -> list[WorkerFailed]:
        """Train what is not complete yet; a run that fails does not keep others from running.

        On KeyboardInterrupt every run in progress leaves a checkpoint.
        """
        jobs = [job for variant in variants for job in self._jobs(variant)]
        wanted = sum(len(seeds) for variant in variants for seeds in variant.seeds.values())
        self.display.say(f"Runs: {wanted - len(jobs)} of {wanted} are there, {len(jobs)} to train")
        return _train_at_once(jobs, self.display, at_once) if jobs else []

    def train_by(
        self, launch: LaunchRequest, request: ComparisonRequest, variants: Sequence[Variant]
    ) -> list[WorkerFailed]:
        """`train` with units of one backend each, as the seeds that backends need differ.

        They also translate before their first step. `request`: dataset and data_dir as given by the
        user.
        """
        failures: list[WorkerFailed] = []
        for backend in dict.fromkeys(name for variant in variants for name in variant.seeds):
            parts = {}
            for variant in variants:
                folder, _ = self._written(variant.experiment)
                bench = PreparedExperiment(variant.experiment, self.prepared, folder)
                label = " ".join(filter(None, [variant.role, variant.name, backend]))
                missing = self._missing(folder, backend, variant)
                parts[folder] = Part(bench, missing, str(request.dataset), label)
            asked = replace(request, backends=(backend,))
            untimed = frozenset[int]()
            failures += train_parts(
                list(parts.values()), asked, self.machine, self.display, launch, untimed, threads=1
            )
        return failures

    def score(self, variants: Sequence[Variant]) -> None:
        """Write each folder's metrics.json; features of all folders are extracted in one go."""
        reals = {
            self.folder(each.experiment): each.experiment.evaluation.reals for each in variants
        }
        folders = [folder for folder in reals if any(run.complete for run in find_runs(folder))]
        sets = [
            ImageSets(
                read_arrays(folder / "references.safetensors"),
                [run for run in find_runs(folder) if run.complete],
                train=training_images(folder, reals[folder]),
            )
            for folder in folders
        ]
        every_set: Mapping[str, np.ndarray] = ChainMap(*sets)  # type: ignore[arg-type]
        features(every_set, EFFICIENTNET, self.study / "features", self.display.stage)
        for done, folder in enumerate(folders):
            self.display.stage("experiments scored", done, len(folders))
            if not is_scored(folder):
                evaluate(folder, lambda *_: None)
        self.display.stage("experiments scored", len(folders), len(folders))

    def _jobs(self, variant: Variant) -> list[Job]:
        folder, images = self._written(variant.experiment)
        jobs = []
        for backend in variant.seeds:
            missing = self._missing(folder, backend, variant)
            request = ComparisonRequest(seeds=missing, backends=(backend,))
            listed = jobs_left(
                folder, variant.experiment, images, request, self.machine, self.display
            )
            jobs += [job for [job] in listed]
        return jobs

    def _written(self, experiment: Experiment) -> tuple[Path, dict[str, Images]]:
        """An experiment's folder, ready for its runs, and its images."""
        folder = self.folder(experiment)
        images = decoded_images(self.prepared, experiment, self.display)
        write_experiment(folder, experiment, self.prepared, images)
        (self.study / "features").mkdir(exist_ok=True)
        if not (folder / "features").exists():
            # Most folders have the same real images: their features are extracted once.
            (folder / "features").symlink_to(Path("..") / ".." / "features")
        return folder, images

    def _missing(self, folder: Path, backend: str, variant: Variant) -> tuple[int, ...]:
        """Seeds that are not complete."""
        on_device = folder / "runs" / provenance.slug(self.machine.device_name)
        seeds = variant.seeds.get(backend, ())
        records = {seed: RunRecord(on_device / run_name(backend, seed)) for seed in seeds}
        return tuple(s for s, run in records.items() if not (run.begun and run.complete))


def _train_at_once(jobs: Sequence[Job], display: Display, asked: int | None) -> list[WorkerFailed]:
    """Bring every run to completion, as many at once as there are cores, or as `asked` for."""
    at_once = min(asked or min(provenance.default_threads(), MOST_AT_ONCE), len(jobs))
    stop, began = Event(), time.monotonic()
    failures: list[WorkerFailed] = []
    pool = ThreadPoolExecutor(at_once)
    left: set[Future[None]] = {pool.submit(_train, job, stop) for job in jobs}
    try:
        while left:
            display.update("runs", len(jobs) - len(left), len(jobs))
            finished, left = wait(left, return_when=FIRST_COMPLETED)
            for run in finished:
                try:
                    run.result()
                except WorkerFailed as failure:
                    display.say(f"Failed: {failure}")
                    failures.append(failure)
            if len(left) == len(jobs) - at_once:
                pace = (time.monotonic() - began) / at_once
                display.say(f"Training takes about {duration(pace * len(left))} from here")
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
    display.update("runs", len(jobs), len(jobs))
    return failures


def _train(job: Job, stop: Event) -> None:
    with closing(Worker(job)) as worker:
        complete(worker, BLOCK_SECONDS, stop)
