"""Runs that train at the same time, each in a process and with threads of its own, untimed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from threading import Event, Lock
from typing import Any

from harness.system.interruptions import ignored
from harness.training.worker_process import Worker

# Called after a block of steps or an evaluation, never twice at once: the worker, what it answered
# to the block, and the seconds of the evaluation, 0 where there was none.
Progress = Callable[[Worker, dict[str, Any], float], None]


def train_side_by_side(
    starts: Sequence[Callable[[], Worker]], block_seconds: float, progress: Progress
) -> None:
    """Start all workers at once and bring their runs to completion.

    When one fails, or on KeyboardInterrupt, the others leave checkpoints. Raises what was raised
    first.
    """
    stop, lock = Event(), Lock()

    def tell(worker: Worker, event: dict[str, Any], seconds: float) -> None:
        with lock:
            progress(worker, event, seconds)

    def bring_to_completion(start: Callable[[], Worker]) -> None:
        worker = start()
        try:
            complete(worker, block_seconds, stop, tell)
        finally:
            worker.close()

    pool = ThreadPoolExecutor(len(starts))
    runs = [pool.submit(bring_to_completion, start) for start in starts]
    try:
        finished, _ = wait(runs, return_when=FIRST_EXCEPTION)
        for run in finished:
            run.result()
    finally:
        with ignored():
            stop.set()
            pool.shutdown()


def complete(
    worker: Worker,
    block_seconds: float,
    stop: Event,
    progress: Progress = lambda worker, event, seconds: None,
) -> None:
    """Train to the last step, in blocks of about `block_seconds`, and have all records written.

    Once `stop` is set, the run leaves a checkpoint instead.
    """
    worker.evaluate_if_due()  # not done where the last process ended just before
    block = 1
    while worker.step < worker.steps and not stop.is_set():
        event = worker.train(worker.next_stop(min(worker.step + block, worker.steps)))
        progress(worker, event, worker.evaluate_if_due())
        block = max(1, round(block_seconds / event["seconds_per_step"]))
    if stop.is_set():
        worker.interrupt()
    else:
        worker.complete()
