"""Trains every backend of one seed, taking turns block by block: A B A B ...

A machine that slows down slows both, and the ratio of their times is formed block by block.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from harness.config import TimingSection
from harness.progress import Display
from harness.worker import Job
from harness.workers import Worker

# Called once, before the bulk of a seed's training: by backend, seconds per step and steps left.
Estimate = Callable[[dict[str, float], dict[str, int]], None]
INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def train_seed(
    jobs: Sequence[Job], timing: TimingSection, display: Display, estimate: Estimate
) -> None:
    """Bring every run to completion. On KeyboardInterrupt each leaves a checkpoint.

    Raises WorkerFailed if a worker dies; the others leave checkpoints.
    """
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
                else:
                    worker.request(evaluate="translations")
            block = _warm_up(workers, timing, display, estimate)
            _take_turns(workers, block, display)
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
    before = {each: signal.signal(each, signal.SIG_IGN) for each in INTERRUPTIONS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


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
    estimate(seconds, {worker.job.backend: worker.steps - worker.step for worker in workers})
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
