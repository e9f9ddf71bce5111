"""Trains every backend of one seed, taking turns block by block: A B A B ...

A machine that slows down slows both, and the ratio of their times is formed block by block.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from harness.config import TimingSection
from harness.progress import Display
from harness.worker import Job
from harness.workers import Worker

# Called once with seconds per step of every backend, before the bulk of the training.
Estimate = Callable[[dict[str, float]], None]


def train_seed(
    jobs: Sequence[Job], timing: TimingSection, display: Display, estimate: Estimate
) -> None:
    """Bring every run to completion. On KeyboardInterrupt each leaves a checkpoint.

    Raises WorkerFailed if a worker dies; the others leave checkpoints.
    """
    with ExitStack() as stack:
        workers: list[Worker] = []
        for job in jobs:
            display.say(f"{job.backend}, seed {job.seed}: starting")
            worker = Worker(job)
            stack.callback(worker.close)
            workers.append(worker)
        try:
            for worker in workers:
                if worker.step > 0:
                    display.say(f"{worker.name}: goes on from step {worker.step}")
                else:
                    worker.request(evaluate="translations")
            block = _warm_up(workers, timing, display, estimate)
            _take_turns(workers, block, display)
            for worker in workers:
                worker.request(evaluate="everything")
                worker.request(finish=True)
        except BaseException:
            for worker in workers:
                worker.interrupt()
            raise


def _warm_up(
    workers: list[Worker], timing: TimingSection, display: Display, estimate: Estimate
) -> int:
    """Two short blocks each, the second one timed; returns the steps of a block from here on."""
    seconds: dict[str, float] = {}
    for worker in workers:
        _train_block(worker, timing.warmup_steps, display)
    for worker in workers:
        per_step = _train_block(worker, timing.warmup_steps, display)
        if per_step is not None:
            seconds[worker.job.backend] = per_step
    if not seconds:
        return 1
    estimate(seconds)
    return max(1, round(timing.block_seconds / max(seconds.values())))


def _take_turns(workers: list[Worker], block: int, display: Display) -> None:
    while any(worker.step < worker.steps for worker in workers):
        # After an uneven interruption the one behind catches up first, so blocks pair again.
        behind = min(worker.step for worker in workers)
        for worker in workers:
            if worker.step < behind + block:
                _train_block(worker, behind + block - worker.step, display)


def _train_block(worker: Worker, steps: int, display: Display) -> float | None:
    """Seconds per step, or None if there was nothing left to train."""
    if worker.step >= worker.steps:
        return None
    event = worker.train(min(worker.step + steps, worker.steps))
    losses = event["losses"]
    cycle = (losses["cycle_a"] + losses["cycle_b"]) / 2
    note = f"cycle {cycle:.3f}  {1 / event['seconds_per_step']:.1f} steps/s"
    display.update(worker.name, worker.step, worker.steps, note)
    return event["seconds_per_step"]
