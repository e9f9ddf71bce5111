"""Trains every backend of one seed, taking turns block by block: A B A B ...

A machine that slows down slows both, and the ratio of their times is formed block by block.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.config.experiment import TimingSection
from harness.processes.process import Child
from harness.records.run import RunRecord
from harness.system.errors import WorkerFailed
from harness.system.progress import Display
from harness.training.checkpoints import Checkpoints
from harness.training.run import Job


@dataclass(frozen=True)
class Pace:
    """What a run takes, as far as it is known after warming up; seconds."""

    step: float
    evaluation: float
    steps_left: int
    evaluations_left: int

    @property
    def left(self) -> float:
        return self.step * self.steps_left + self.evaluation * self.evaluations_left


# Called before the bulk of a seed's training and after every turn, with the pace by backend.
Estimate = Callable[[dict[str, Pace]], None]
INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOP_SECONDS = 120.0  # for the step at hand and a checkpoint, before a worker is killed


class Worker(Child):
    """The parent's end of a training process: one backend, one seed."""

    limit = " (timing.patience_seconds)"

    def __init__(self, job: Job):
        name, log = f"{job.backend}, seed {job.seed}", Path(job.folder) / "log.txt"
        patience = job.experiment["timing"]["patience_seconds"]
        super().__init__("harness.training.worker", name, log, asdict(job), patience, job.backend)
        self.job = job
        self.step: int = self.begin["step"]
        self.steps: int = self.begin["steps"]
        self.evaluations_left: list[int] = self.begin["evaluations"]  # steps, ascending

    def request(self, **command: Any) -> dict[str, Any]:
        event = super().request(**command)
        self.step = event["step"]
        return event

    def train(self, until: int) -> dict[str, Any]:
        return self.request(train=until)

    def next_stop(self, until: int) -> int:
        """`until`, or the step before it after which test images are to be translated."""
        return next((step for step in self.evaluations_left if self.step < step < until), until)

    def evaluate_if_due(self) -> float:
        """Translate the test images if this is a step for it; the seconds that took."""
        if self.step not in self.evaluations_left:
            return 0.0
        self.evaluations_left.remove(self.step)
        return self.request(evaluate="translations")["seconds"]

    def interrupt(self) -> None:
        """Ask for a checkpoint and wait for the process to end; one that hangs is killed."""
        self.end({"stop": "interrupted"}, STOP_SECONDS)


def train_seed(
    jobs: Sequence[Job], timing: TimingSection, display: Display, estimate: Estimate
) -> None:
    """Bring every run to completion. On KeyboardInterrupt each leaves a checkpoint.

    After a worker was killed or hung all of them go on from their last checkpoints, in new
    processes: none is to have another history than the others. That is done `timing.restarts` times
    at most. Raises WorkerFailed if a worker fails otherwise, or once more, and UserError if one
    refuses its input; the others leave checkpoints.
    """
    for restarts_left in reversed(range(timing.restarts + 1)):
        try:
            return _train_together(jobs, timing, display, estimate)
        except WorkerFailed as failure:
            if not (failure.passing and restarts_left):
                raise
            display.say(f"{failure}. Starting anew from the last checkpoints")
            jobs = [job for job in jobs if not finished(RunRecord(Path(job.folder)))]


def finished(record: RunRecord) -> bool:
    """Whether nothing is left to train.

    Of a run that was killed right after its end the checkpoints go, which it had no time to remove.
    """
    complete = record.begun and record.complete
    if complete:
        Checkpoints(record.folder).remove()
    return complete


def _train_together(
    jobs: Sequence[Job], timing: TimingSection, display: Display, estimate: Estimate
) -> None:
    with ExitStack() as stack:
        workers: list[Worker] = []
        try:
            for job in jobs:
                display.say(f"{job.backend}, seed {job.seed}: starting")
                worker = Worker(job)
                stack.callback(worker.close)
                workers.append(worker)
            for worker in workers:
                if worker.step > 0:
                    display.say(f"{worker.name}: goes on from step {worker.step}")
                    worker.evaluate_if_due()
            evaluation = {
                worker.name: worker.request(evaluate="translations")["seconds"]
                for worker in workers
                if worker.step == 0
            }
            paces = _warm_up(workers, timing, display, evaluation)
            if paces:
                slowest = max(pace.step for pace in paces.values())
                block = max(1, round(timing.block_seconds / slowest))
                _take_turns(workers, block, display, paces, estimate)
            for worker in workers:
                worker.request(evaluate="everything")
                worker.request(finish=True)
        except BaseException:
            with _signals_ignored():
                for worker in workers:
                    worker.interrupt()
            raise


@contextmanager
def _signals_ignored() -> Iterator[None]:
    """A second Ctrl-C, or `make` passing on a signal, must not cost the checkpoints."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in INTERRUPTIONS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _warm_up(
    workers: list[Worker], timing: TimingSection, display: Display, evaluation: dict[str, float]
) -> dict[str, Pace]:
    """Two short blocks each, the second one timed; returns the pace by backend, none if all ended.

    `evaluation`: seconds of the first one by worker, where there has been one in this process.
    """
    seconds: dict[str, float] = {}
    for _ in range(2):
        for worker in workers:
            per_step = _train_block(worker, timing.warmup_steps, display)
            if per_step is not None:
                seconds[worker.name] = per_step
        for worker in workers:
            worker.evaluate_if_due()
    typical = max(evaluation.values(), default=0.0)
    return {
        worker.job.backend: Pace(
            seconds.get(worker.name, max(seconds.values())),
            evaluation.get(worker.name, typical),
            worker.steps - worker.step,
            len(worker.evaluations_left) + 1,
        )
        for worker in workers
        if seconds
    }


def _take_turns(
    workers: list[Worker],
    block: int,
    display: Display,
    paces: dict[str, Pace],
    estimate: Estimate,
) -> None:
    estimate(paces)
    while any(worker.step < worker.steps for worker in workers):
        # After an uneven interruption the one behind catches up first, so blocks pair again.
        until = min(worker.step for worker in workers) + block
        measured: dict[str, tuple[float, float]] = {}
        for worker in workers:
            if worker.step < until:
                pace = paces[worker.job.backend]
                step = _train_block(worker, until - worker.step, display) or pace.step
                measured[worker.job.backend] = step, pace.evaluation
        for worker in workers:
            seconds = worker.evaluate_if_due()
            if seconds and worker.job.backend in measured:
                measured[worker.job.backend] = measured[worker.job.backend][0], seconds
        paces = {
            worker.job.backend: _updated(worker, paces[worker.job.backend], measured)
            for worker in workers
        }
        estimate(paces)


def _updated(worker: Worker, pace: Pace, measured: dict[str, tuple[float, float]]) -> Pace:
    """The pace after another turn: of the step, a moving average over some ten blocks."""
    step, evaluation = measured.get(worker.job.backend, (pace.step, pace.evaluation))
    return Pace(
        0.9 * pace.step + 0.1 * step,
        evaluation,
        worker.steps - worker.step,
        len(worker.evaluations_left) + 1,
    )


def _train_block(worker: Worker, steps: int, display: Display) -> float | None:
    """Seconds per step, or None if there was nothing left to train.

    Where test images are to be translated on the way, the block ends there, in all backends alike.
    """
    if worker.step >= worker.steps:
        return None
    event = worker.train(worker.next_stop(min(worker.step + steps, worker.steps)))
    losses = event["losses"]
    cycle = (losses["cycle_a"] + losses["cycle_b"]) / 2
    note = f"cycle {cycle:.3f}  {1 / event['seconds_per_step']:.1f} steps/s"
    display.update(worker.name, worker.step, worker.steps, note, estimated=True)
    return event["seconds_per_step"]
