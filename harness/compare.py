"""A whole comparison: configuration -> data -> plan -> workers -> metrics -> report."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import backends
from harness import provenance
from harness.config import Experiment, check_backends, load_experiment
from harness.datasets import Prepared, Resize, load_images, prepare
from harness.errors import UserError
from harness.metrics.evaluate import evaluate
from harness.plan import total_steps
from harness.progress import Display, duration
from harness.records import SCHEMA_VERSION, RunRecord, find_runs, write_arrays, write_json
from harness.report import write_report
from harness.training import train_seed
from harness.worker import Job
from harness.workers import WorkerFailed


@dataclass(frozen=True)
class Request:
    """What the user asked for. None: decided by what the machine has."""

    dataset: str = "seasons"
    preset: str | None = None
    seeds: tuple[int, ...] = (0,)
    backends: tuple[str, ...] = ("torch", "tf")
    device: str | None = None
    data_dir: Path | None = None
    results: Path = Path("results")
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Machine:
    device: str
    device_name: str
    threads: int


def compare(request: Request, display: Display) -> Path:
    """Train what is not trained yet, score, report; returns the path of report.html.

    Raises UserError for bad input, and WorkerFailed if a training died: after all else is done.
    """
    check_backends(list(request.backends))
    machine = find_machine(request.device)
    experiment = load_experiment(
        request.dataset, _choose_preset(request, machine, display), list(request.overrides)
    )
    if machine.device == "cuda" and experiment.runtime.precision == "float64":
        raise UserError("runtime.precision: float64 is for the CPU only; add --device cpu")
    prepared = prepare_data(experiment, request.data_dir, display)
    experiment = experiment.model_copy(update={"dataset": prepared.manifest.name})
    folder = experiment_folder(request.results, experiment, prepared)
    with locked(folder):
        images = decoded_images(prepared, experiment, display)
        write_experiment(folder, experiment, prepared, images)
        failures = _train(folder, experiment, images, request, machine, display)
        if failures and not any(run.complete for run in find_runs(folder)):
            raise failures[0]
        display.say("Scoring translations")
        evaluate(folder, display.stage)
        report = write_report(folder)
        if failures:
            raise failures[0]
        return report


def find_machine(device: str | None) -> Machine:
    """Raises UserError where a GPU is asked for and none is there."""
    device = device or provenance.default_device()
    if device not in ("cpu", "cuda"):
        raise UserError(f"device: {device!r} is unknown; cpu or cuda")
    if device == "cuda" and provenance.gpu_name() is None:
        raise UserError("device cuda: no NVIDIA GPU is visible (nvidia-smi); use --device cpu")
    threads = provenance.default_threads()
    return Machine(device, provenance.device_name(device, threads), threads)


def _choose_preset(request: Request, machine: Machine, display: Display) -> str:
    if request.preset is not None:
        display.say(f"Preset {request.preset}, on {machine.device_name}")
        return request.preset
    preset = "paper" if machine.device == "cuda" else "quick"
    why = "a GPU was found" if machine.device == "cuda" else "no GPU was found"
    display.say(f"Preset {preset}, since {why} ({machine.device_name}); --preset changes it")
    return preset


def prepare_data(experiment: Experiment, data_dir: Path | None, display: Display) -> Prepared:
    """The images an experiment asks for, found, drawn or fetched. Raises UserError."""
    data = experiment.data
    return prepare(
        experiment.dataset,
        data_dir,
        size=data.load_size,
        counts=(data.train, data.test),
        report=display.say,
        progress=display.stage,
    )


def experiment_folder(results: Path, experiment: Experiment, prepared: Prepared) -> Path:
    """Named after all that decides the numbers: configuration, data, code."""
    digest = experiment.digest(
        prepared.manifest.digest, provenance.source_digest(), str(SCHEMA_VERSION)
    )
    return results / f"{experiment.dataset}-{experiment.preset}-{digest}"


def decoded_images(
    prepared: Prepared, experiment: Experiment, display: Display
) -> dict[str, np.ndarray]:
    """Training images at the loading size; test, floor and true-pair images at the crop size.

    `data.resize` is for the former; the latter are for evaluation, one yardstick for all settings.
    The built-in set is drawn at the loading size: there `data.resize` changes nothing.
    """
    load, crop = experiment.data.load_size, experiment.data.crop_size

    def decode(split: str, size: int, method: Resize = "bicubic") -> np.ndarray:
        return load_images(
            prepared.manifest, split, size,
            lambda done, total: display.stage(f"decode {split}", done, total), method,
        )  # fmt: skip

    train = ("trainA", "trainB")
    images = {split: decode(split, load, experiment.data.resize) for split in train}
    images |= {split: decode(split, crop) for split in ("testA", "testB")}
    images["floorA"] = _evenly(decode("trainA", crop), len(images["testA"]))
    images["floorB"] = _evenly(decode("trainB", crop), len(images["testB"]))
    if prepared.manifest.paired:
        images["truthAB"] = decode("testA_in_B", crop)
        images["truthBA"] = decode("testB_in_A", crop)
    return images


def _evenly(images: np.ndarray, count: int) -> np.ndarray:
    """At most `count` images, evenly spaced over the split."""
    count = min(count, len(images))
    return images[np.linspace(0, len(images) - 1, count).round().astype(int)]


def write_experiment(
    folder: Path,
    experiment: Experiment,
    prepared: Prepared,
    images: dict[str, np.ndarray],
) -> None:
    """What the runs of `folder` are made from; `folder` is one of `experiment_folder`."""
    title_a, title_b = prepared.located.titles
    configuration: dict[str, Any] = {
        **experiment.model_dump(exclude={"dataset", "preset"}),
        # The order of every difference and ratio: one for the folder, whatever was asked for today.
        "backends": list(backends.available()),
        "titles": {"a": title_a, "b": title_b},
    }
    digest = folder.name.rpartition("-")[2]
    head = {"dataset": experiment.dataset, "preset": experiment.preset, "hash": digest}
    write_json(folder / "experiment.json", {**head, "configuration": configuration})
    write_json(folder / "manifest.json", prepared.manifest.to_json())
    write_json(folder / "audit.json", prepared.audit.to_json())
    names = {
        "real_a": "testA",
        "real_b": "testB",
        "floor_a": "floorA",
        "floor_b": "floorB",
        "truth_ab": "truthAB",
        "truth_ba": "truthBA",
    }
    arrays = {name: images[key] for name, key in names.items() if key in images}
    write_arrays(folder / "references.safetensors", arrays)


def _train(
    folder: Path,
    experiment: Experiment,
    images: dict[str, np.ndarray],
    request: Request,
    machine: Machine,
    display: Display,
) -> list[WorkerFailed]:
    """Train what is not complete yet; a seed that fails does not keep the others from running."""
    todo = jobs_left(folder, experiment, images, request, machine, display)
    steps = total_steps(experiment, len(images["trainA"]), len(images["trainB"]))
    failures: list[WorkerFailed] = []
    for done, jobs in enumerate(todo):
        later = [job.backend for seed in todo[done + 1 :] for job in seed]
        estimate = partial(_say_estimate, display, later, steps)
        try:
            train_seed(jobs, experiment.timing, display, estimate)
        except WorkerFailed as failure:
            display.say(f"Failed: {failure}")
            failures.append(failure)
    return failures


def jobs_left(
    folder: Path,
    experiment: Experiment,
    images: dict[str, np.ndarray],
    request: Request,
    machine: Machine,
    display: Display,
) -> list[list[Job]]:
    """What is left to train, a list a seed: those are trained in turns."""
    device_folder = folder / "runs" / provenance.slug(machine.device_name)
    splits = ("trainA", "trainB", "testA", "testB")
    # Memory-mapped by load_images: the workers open the same files.
    files = {split: str(Path(images[split].filename).resolve()) for split in splits}  # type: ignore[attr-defined]
    todo = []
    for seed in request.seeds:
        jobs = []
        for backend in request.backends:
            record = RunRecord(device_folder / f"{backend}-seed{seed}")
            if (record.folder / "status.json").exists() and record.complete:
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
                )
            )
        todo.append(jobs)
    return [jobs for jobs in todo if jobs]


def _say_estimate(
    display: Display, later: list[str], steps: int, seconds: dict[str, float], left: dict[str, int]
) -> None:
    """`later`: backends of seeds to come, which take all `steps`; of this seed, steps `left`."""
    typical = max(seconds.values())
    rest = [*left.items(), *((backend, steps) for backend in later)]
    total = sum(count * seconds.get(backend, typical) for backend, count in rest)
    paces = ", ".join(f"{name} {1000 * s:.0f} ms a step" for name, s in seconds.items())
    scope = f"{len(rest)} runs of {steps} steps"
    display.say(f"Training takes about {duration(total)} from here: {scope} ({paces})")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Two comparisons writing one folder would spoil both."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise UserError(f"{folder}: cannot write there ({error.strerror}); set RESULTS") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(f"{folder}: another cyclebench is writing there; wait for it") from None
        yield
