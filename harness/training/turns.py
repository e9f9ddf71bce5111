"""Trains every backend of one seed, taking turns block by block: A B A B ...

A machine that slows down slows both, and the ratio of their times is formed block by block. What is
left after the timed steps is trained side by side: see `timing.timed_steps`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from harness.config.experiment import TimingSection
from harness.records.run import RunRecord
from harness.system.errors import WorkerFailed
from harness.system.interruptions import ignored
from harness.system.progress import Display
from harness.training.checkpoints import Checkpoints
from harness.training.job import Job
from harness.training.pace import Estimate, Pace
from harness.training.side_by_side import train_side_by_side
from harness.training.worker_process import Worker


def train_seed(
    jobs: Sequence[Job],
    timing: TimingSection,
    display: Display,
    estimate: Estimate,
    timed_part: bool = False,
) -> None:
    """Bring every run to completion. On KeyboardInterrupt each leaves a checkpoint.

    `timed_part`: only to the step from which on it trains beside others; then each leaves one, too.

    After a worker was killed or hung all of them go on from their last checkpoints, in new
    processes: none is to have another history than the others. That is done `timing.restarts` times
    at most. Raises WorkerFailed if a worker fails otherwise, or once more, and UserError if one
    refuses its input; the others leave checkpoints.
    """
    for restarts_left in reversed(range(timing.restarts + 1)):
        try:
            return _train_together(jobs, timing, display, estimate, timed_part)
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
    jobs: Sequence[Job],
    timing: TimingSection,
    display: Display,
    estimate: Estimate,
    timed_part: bool,
) -> None:
    if all(job.is_beside(0) and not job.turns_beside for job in jobs):
        starts = [partial(_started, job, display) for job in jobs]
        return _train_side_by_side(starts, timing, display, {}, estimate)
    with ExitStack() as stack:
        workers: list[Worker] = []
        try:
            for job in jobs:
                worker = _starting(job, display)
                stack.callback(worker.close)
                workers.append(worker)
            evaluation = {worker.name: _evaluated_first(worker, display) for worker in workers}
            paces = _warm_up(workers, timing, display, evaluation)
            if paces:
                slowest = max(pace.step for pace in paces.values())
                block = max(1, round(timing.block_seconds / slowest))
                paces = _take_turns(workers, block, display, paces, estimate)
            unfinished = any(worker.step < worker.steps for worker in workers)
            if not unfinished:
                for worker in workers:
                    worker.complete()
            elif timed_part or jobs[0].turns_beside:
                _interrupt(workers)
            else:
                first = min(worker.step for worker in workers)
                display.say(f"From step {first} on side by side, no longer timed")
                starts = [partial(_ready_to_train_beside, worker) for worker in workers]
                _train_side_by_side(starts, timing, display, paces, estimate)
        except BaseException:
            with ignored():
                _interrupt(workers)
            raise
    if unfinished and not timed_part and jobs[0].turns_beside:
        _train_together(jobs, timing, display, estimate, timed_part)


def _interrupt(workers: Sequence[Worker]) -> None:
    """All at once: while one ends its block of steps, the others write their checkpoints."""
    if workers:
        with ThreadPoolExecutor(len(workers)) as pool:
            list(pool.map(lambda worker: worker.interrupt(), workers))


def _starting(job: Job, display: Display) -> Worker:
    display.say(f"{job.backend}, seed {job.seed}: starting")
    return Worker(job)


def _evaluated_first(worker: Worker, display: Display) -> float:
    """What is due before the next step is evaluated; the seconds that took, 0 where nothing was."""
    if worker.step == 0:
        return worker.request(evaluate="translations")["seconds"]
    display.say(f"{worker.name}: goes on from step {worker.step}")
    return worker.evaluate_if_due()


def _started(job: Job, display: Display) -> Worker:
    worker = _starting(job, display)
    try:
        _evaluated_first(worker, display)
    except BaseException:
        worker.close()
        raise
    return worker


def _train_side_by_side(
    starts: Sequence[Callable[[], Worker]],
    timing: TimingSection,
    display: Display,
    paces: dict[str, Pace],
    estimate: Estimate,
) -> None:
    """`starts`: of workers at or beyond the step from which on they train beside others.

    `paces`: empty where no step was trained in turns by these processes.
    """
    begun: set[str] = set()

    def show(worker: Worker, event: dict[str, Any], evaluation: float) -> None:
        _show(worker, event, display)
        step, name = event["seconds_per_step"], worker.job.backend
        if name not in begun:  # a first step may compile for seconds
            begun.add(name)
            return
        before = paces.get(name, Pace(step, evaluation, 0, 0))
        beside = step if before.beside is None else 0.9 * before.beside + 0.1 * step
        paces[name] = _pace(worker, before.step, evaluation or before.evaluation, beside)
        if len(paces) == len(starts):
            estimate(dict(paces))

    train_side_by_side(starts, timing.block_seconds, show)


def _ready_to_train_beside(worker: Worker) -> Worker:
    """The worker itself, or where it began with steps in turns, another process."""
    return worker.renewed() if worker.begin["step"] < worker.turns_until else worker


def _warm_up(
    workers: list[Worker], timing: TimingSection, display: Display, evaluation: dict[str, float]
) -> dict[str, Pace]:
    """Two short blocks each, the second one timed; returns the pace by backend, none if all ended.

    `evaluation`: seconds of the first one by worker, 0 where there has been none in this process.
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
        worker.job.backend: _pace(
            worker,
            seconds.get(worker.name, max(seconds.values())),
            evaluation[worker.name] or typical,
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
) -> dict[str, Pace]:
    """As long as steps are timed; returns the pace at the end."""
    estimate(paces)
    while behind := [worker for worker in workers if worker.step < worker.turns_until]:
        # After an uneven interruption the one behind catches up first, so blocks pair again.
        until = min(worker.step for worker in behind) + block
        steps = {
            worker.name: _train_block(worker, until - worker.step, display)
            for worker in behind
            if worker.step < until
        }
        seconds = {worker.name: worker.evaluate_if_due() for worker in workers}
        paces = {
            worker.job.backend: _updated(
                worker, paces[worker.job.backend], steps.get(worker.name), seconds[worker.name]
            )
            for worker in workers
        }
        estimate(paces)
    return paces


def _updated(worker: Worker, pace: Pace, step: float | None, evaluation: float) -> Pace:
    """The pace after another turn: of the step, a moving average over some ten blocks."""
    step = pace.step if step is None else 0.9 * pace.step + 0.1 * step
    return _pace(worker, step, evaluation or pace.evaluation)


def _pace(worker: Worker, step: float, evaluation: float, beside: float | None = None) -> Pace:
    return Pace(
        step,
        evaluation,
        max(0, worker.turns_until - worker.step),
        len(worker.evaluations_left) + 1,
        worker.steps - max(worker.turns_until, worker.step),
        beside,
    )


def _train_block(worker: Worker, steps: int, display: Display) -> float | None:
    """Seconds per step, or None if there was nothing left to train in turns.

    Where test images are to be translated on the way, the block ends there, in all backends alike.
    """
    if worker.step >= worker.turns_until:
        return None
    until = min(worker.step + steps, worker.turns_until)
    event = worker.train(worker.next_stop(until))
    _show(worker, event, display)
    return event["seconds_per_step"]


def _show(worker: Worker, event: dict[str, Any], display: Display) -> None:
    losses = event["losses"]
    title, terms = event["shown"]
    mean = sum(losses[term] for term in terms) / len(terms)
    note = f"{title} {mean:.3f}  {1 / event['seconds_per_step']:.1f} steps/s"
    display.update(worker.name, worker.step, worker.steps, note, estimated=True)
