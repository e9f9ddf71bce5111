"""Repeats every study, on as many processes as asked for, and makes the rows.

Every repeat has random numbers of its own, from the seed, the study's name and the repeat's number:
rows depend neither on the number of processes nor on what other studies there are.
"""

from __future__ import annotations

import signal
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import astuple, dataclass
from itertools import pairwise
from multiprocessing import get_context

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.coverage import (
    feature_studies,
    image_studies,
    run_studies,
    sequential_studies,
    step_studies,
)
from benchmarks.coverage.rows import Row, Study, make_row
from harness.statistics.intervals import Interval
from harness.system.errors import UserError

SEED = 20240229
PARTS = 24  # of a study: small enough to keep all processes busy to the end
STUDIES: tuple[Study, ...] = (
    *feature_studies.STUDIES,
    *image_studies.STUDIES,
    *run_studies.STUDIES,
    *sequential_studies.STUDIES,
    *step_studies.STUDIES,
)
BY_NAME = {study.name: study for study in STUDIES}

Progress = Callable[[str, int, int], None]  # what, done, total
Outcomes = dict[str, np.ndarray]  # by key: bool (n,) or float64 (n, 3)


@dataclass(frozen=True)
class Part:
    """Repeats `start` to `stop` of a study, by its name: functions cannot be sent to a process."""

    study: str
    start: int
    stop: int


def calibrate(repeats: int | None, processes: int, progress: Progress) -> list[Row]:
    """Every row of every study; `repeats` of each instead of the default numbers.

    `progress` is called with (group of studies, repeats done, out of how many). With fewer than 36
    repeats no row can pass: see `rows.py`. Raises UserError for numbers below 1, and if a process
    dies.
    """
    if processes < 1 or (repeats is not None and repeats < 1):
        raise UserError("calibrate: at least one process and one repeat are needed")
    parts, totals = [], {study.group: 0 for study in STUDIES}
    for study in STUDIES:
        count = repeats or study.repeats
        edges = np.linspace(0, count, min(PARTS, count) + 1).astype(int).tolist()
        parts += [Part(study.name, start, stop) for start, stop in pairwise(edges)]
        totals[study.group] += count
    done = dict.fromkeys(totals, 0)
    for group, total in totals.items():
        progress(group, 0, total)
    outcomes: dict[Part, Outcomes] = {}
    for part, of_part in _computed(parts, processes):
        outcomes[part] = of_part
        group = BY_NAME[part.study].group
        done[group] += part.stop - part.start
        progress(group, done[group], totals[group])
    return [
        row
        for study in STUDIES
        for row in rows_of(study, [outcomes[part] for part in parts if part.study == study.name])
    ]


def rows_of(study: Study, parts: Sequence[Outcomes]) -> list[Row]:
    """The study's rows from its parts, in order."""
    outcomes = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    return [make_row(line, outcomes) for line in study.lines]


def repeat(study: Study, start: int, stop: int) -> Outcomes:
    """Outcomes of some repeats of a study, by key."""
    repeats = []
    for index in range(start, stop):
        seed = np.random.SeedSequence(SEED, spawn_key=(zlib.crc32(study.name.encode()), index))
        repeats.append(study.once(np.random.Generator(np.random.Philox(seed))))
    arrays = {}
    for key in repeats[0]:
        outcomes = [once[key] for once in repeats]
        intervals = [astuple(outcome) for outcome in outcomes if isinstance(outcome, Interval)]
        # None, "not known", becomes NaN.
        arrays[key] = np.array(intervals, np.float64) if intervals else np.array(outcomes, bool)
    return arrays


def _computed(parts: Sequence[Part], processes: int) -> Iterator[tuple[Part, Outcomes]]:
    """Results as they come. One thread of linear algebra a process, whatever their number."""
    if processes == 1:
        with threadpool_limits(1):
            for part in parts:
                yield part, _compute(part)
        return
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _begin)
    try:
        waiting: dict[Future[Outcomes], Part] = {
            pool.submit(_compute, part): part for part in parts
        }
        for future in as_completed(waiting):
            yield waiting[future], future.result()
    except BrokenProcessPool:
        raise UserError(
            "calibrate: a process was killed, perhaps for lack of memory; try --processes 1"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threadpool_limits(1)


def _compute(part: Part) -> Outcomes:
    return repeat(BY_NAME[part.study], part.start, part.stop)
