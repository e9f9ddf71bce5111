"""Backends as a comparison runs them, on images of noise and for a minute: what each thing takes.

The workers are those of a comparison, and so are their clocks: nothing is measured here that a run
does not do, and what a run does on the quiet is measured, too.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.config.experiment import Experiment
from harness.plan.random_streams import stream
from harness.plan.step_cost import step_flops
from harness.records.run import RunRecord
from harness.statistics.timed_blocks import cold_blocks
from harness.studies.estimate.measured import Measured, relative_spread
from harness.studies.estimate.work import Work
from harness.system.machine import Machine
from harness.system.progress import Display
from harness.training.run import Job
from harness.training.worker_process import Worker

TRAINED_ON = 8  # images of a domain; speed does not depend on what they show
# Floating-point operations that a timed evaluation may take: some seconds, whatever the network.
EVALUATION_FLOPS = {"cpu": 4e11, "cuda": 4e13}
STEPS_OF_PAIR = 6  # a step computes about so many times what an evaluation does for a pair
LEAST_STEPS = 1000  # that the plan of a calibration has, for a run may be shorter
CLOSE = 0.02  # a spread that no more blocks are timed for
LEAST_ROUNDS = 3  # of blocks, where the time is there
ENOUGH = 6  # blocks of each backend before a small spread is believed
NEVER = 1e8  # seconds; a checkpoint takes what finishing takes


@dataclass(frozen=True)
class Bench:
    """Where and how long to calibrate. `folder`: on the disk that results go to; emptied before."""

    machine: Machine
    folder: Path
    seconds: float


def calibrate(work: Work, bench: Bench, display: Display) -> tuple[Measured, ...]:
    """Of every backend; they take turns, as in training. Raises WorkerFailed if one dies."""
    tested = evaluated(work, bench.machine)
    jobs = _jobs(work, bench, tested)
    with ExitStack() as stack:
        workers, launched = [], []
        for job in jobs:
            display.say(f"{job.backend}: starting")
            began = time.perf_counter()
            worker = Worker(job)
            stack.callback(worker.close)
            launched.append(time.perf_counter() - began)
            workers.append(worker)
        first = _evaluate(workers)
        _train(workers, 1)  # traces and compiles
        again = _train(workers, 1)
        middle = [_evaluate(workers)]
        block = round(work.experiment.timing.block_seconds / max(again))
        block = max(1, min(block, (LEAST_STEPS - 2) // ENOUGH))
        _take_turns(workers, block, work.steps, bench.seconds, display)
        middle += [_evaluate(workers) for _ in range(2)]
        last = [_evaluate(workers, "everything") for _ in range(2)]
        for worker in workers:
            worker.request(finish=True)
    # Few images stand for many: a hiccup would count as often as there are more of them.
    evaluations = np.stack([first, np.median(middle, axis=0), np.min(last, axis=0)]).T.tolist()
    return tuple(
        _measured(RunRecord(Path(job.folder)), launched[i], tested, evaluations[i])
        for i, job in enumerate(jobs)
    )


def evaluated(work: Work, machine: Machine) -> tuple[int, int]:
    """Test images of A and B to time an evaluation on: all, or as many as a few seconds allow."""
    pair = step_flops(work.experiment) / work.experiment.training.batch_size / STEPS_OF_PAIR
    most = max(2, int(EVALUATION_FLOPS[machine.device] / pair))
    a, b = (min(most, count) for count in work.tested)
    return a, b


def _jobs(work: Work, bench: Bench, tested: tuple[int, int]) -> list[Job]:
    experiment, machine = work.experiment, bench.machine
    images = _noise(experiment, bench.folder / "images", tested)
    # The plan has the run's length and epochs; test images are all there are.
    length = {"steps": max(work.steps, LEAST_STEPS), "steps_per_epoch": work.per_epoch}
    timing = {"warmup_steps": 1, "checkpoint_seconds": NEVER}
    changed = experiment.model_copy(
        update={
            "training": experiment.training.model_copy(update=length),
            "timing": experiment.timing.model_copy(update=timing),
            "evaluation": experiment.evaluation.model_copy(update={"images": None}),
        }
    )
    return [
        Job(
            backend=backend,
            seed=0,
            folder=str((bench.folder / "runs" / f"{backend}-seed0").resolve()),
            device=machine.device,
            device_name=machine.device_name,
            threads=machine.threads,
            experiment=changed.model_dump(),
            images=images,
        )
        for backend in work.backends
    ]


def _noise(experiment: Experiment, folder: Path, tested: tuple[int, int]) -> dict[str, str]:
    """Files of the four splits."""
    folder.mkdir(parents=True)
    data, files = experiment.data, {}
    for side, tests in zip("AB", tested, strict=True):
        domain = side.lower()
        for split, count, size in (
            (f"train{side}", TRAINED_ON, data.load(domain)),
            (f"test{side}", tests, data.crop(domain)),
        ):
            shape = (count, size, size, data.channels(domain))
            path = folder / f"{split}.npy"
            np.save(path, stream(0, f"estimate {split}").integers(256, size=shape, dtype=np.uint8))
            files[split] = str(path.resolve())
    return files


def _evaluate(workers: list[Worker], what: str = "translations") -> np.ndarray:
    """Seconds of an evaluation of each."""
    return np.array([worker.request(evaluate=what)["seconds"] for worker in workers])


def _train(workers: list[Worker], steps: int) -> list[float]:
    """So many steps of each; seconds a step."""
    return [worker.train(worker.step + steps)["seconds_per_step"] for worker in workers]


def _take_turns(
    workers: list[Worker], block: int, steps: int, seconds: float, display: Display
) -> None:
    """Blocks of each until they agree, or the seconds are spent, or all `steps` of a run are."""
    rounds: list[list[float]] = []
    began = time.monotonic()
    while len(rounds) < LEAST_ROUNDS or min(worker.step for worker in workers) < steps:
        if min(worker.steps - worker.step for worker in workers) < block:
            break
        rounds.append(_train(workers, block))
        spent = time.monotonic() - began
        display.stage("timed seconds", round(spent), round(seconds))
        close = all(relative_spread(each) < CLOSE for each in zip(*rounds, strict=True))
        if (close and len(rounds) >= ENOUGH) or spent * (1 + 1 / len(rounds)) > seconds:
            break


def _measured(
    record: RunRecord, launched: float, tested: tuple[int, int], evaluations: list[float]
) -> Measured:
    """By a finished worker's own clocks; `launched`: seconds until it answered.

    `evaluations`: seconds of the first, of a later one and of the last.
    """
    clocks, blocks = record.resources["clocks"], record.blocks
    timed = blocks[blocks["warmup"] == 0]
    # The first is a single step, to know how many make a block; without any others it has to do.
    timed = timed.iloc[1:] if len(timed) > 2 else timed
    steps = (timed["train_seconds"] / timed["steps"]).to_numpy()
    warm = steps[cold_blocks(steps) :]
    first, middle, last = evaluations
    return Measured(
        backend=record.backend,
        framework=record.environment["framework"],
        start=max(0.0, launched - clocks["setup"]),
        setup=clocks["setup"],
        first_step=float(blocks["train_seconds"].iloc[0]),
        blocks=tuple(map(float, warm if len(warm) > 1 else steps)),
        data=float(timed["data_seconds"].sum() / timed["steps"].sum()),
        logging=float(timed["logging_seconds"].sum() / timed["steps"].sum()),
        tested=tested,
        first_evaluation=first,
        evaluation=middle,
        last_evaluation=last,
        finish=clocks["checkpoint"],
    )
