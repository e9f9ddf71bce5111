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

from benchmarks.coverage import feature_studies, image_studies, run_studies
from benchmarks.coverage.rows import Row, make_row
from benchmarks.coverage.study import Outcome, Study
from harness.statistics.intervals import Interval
from harness.system.errors import UserError

SEED = 20240229
PARTS = 24  # of a study: small enough to keep all processes busy to the end
STUDIES: tuple[Study, ...] = (
    *feature_studies.STUDIES,
    *image_studies.STUDIES,
    *run_studies.STUDIES,
)
BY_NAME = {study.name: study for study in STUDIES}

Progress = Callable[[str, int, int], None]  # what, done, total
Found = dict[str, np.ndarray]  # by key: bool (n,) or float64 (n, 3)


@dataclass(frozen=True)
class Part:
    """Repeats `start` to `stop` of a study. A name, since functions do not travel."""

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
    counts = {study.name: repeats or study.repeats for study in STUDIES}
    parts = [part for study in STUDIES for part in _parts(study.name, counts[study.name])]
    totals = {study.group: 0 for study in STUDIES}
    for study in STUDIES:
        totals[study.group] += counts[study.name]
    done = dict.fromkeys(totals, 0)
    for group, total in totals.items():
        progress(group, 0, total)
    found: dict[Part, Found] = {}
    for part, made in _computed(parts, processes):
        found[part] = made
        group = BY_NAME[part.study].group
        done[group] += part.stop - part.start
        progress(group, done[group], totals[group])
    return [
        row
        for study in STUDIES
        for row in rows_of(study, [found[part] for part in parts if part.study == study.name])
    ]


def rows_of(study: Study, found: Sequence[Found]) -> list[Row]:
    """The study's rows from its parts, in order."""
    outcomes = {key: np.concatenate([each[key] for each in found]) for key in found[0]}
    return [make_row(line, outcomes) for line in study.lines]


def repeat(study: Study, start: int, stop: int) -> Found:
    """Outcomes of some repeats of a study, by key."""
    outcomes = [study.once(_generator(study.name, index)) for index in range(start, stop)]
    return {key: _array([each[key] for each in outcomes]) for key in outcomes[0]}


def _generator(name: str, index: int) -> np.random.Generator:
    key = (zlib.crc32(name.encode()), index)
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(SEED, spawn_key=key)))


def _array(outcomes: Sequence[Outcome]) -> np.ndarray:
    intervals = [astuple(each) for each in outcomes if isinstance(each, Interval)]
    if intervals:
        return np.array(intervals, np.float64)  # None, "not known", becomes NaN
    return np.array(outcomes, bool)


def _parts(name: str, count: int) -> list[Part]:
    edges = np.linspace(0, count, min(PARTS, count) + 1).astype(int).tolist()
    return [Part(name, start, stop) for start, stop in pairwise(edges)]


def _computed(parts: Sequence[Part], processes: int) -> Iterator[tuple[Part, Found]]:
    """Results as they come. One thread of linear algebra a process, whatever their number."""
    if processes == 1:
        with threadpool_limits(1):
            for part in parts:
                yield part, _compute(part)
        return
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _begin)
    try:
        waiting: dict[Future[Found], Part] = {pool.submit(_compute, part): part for part in parts}
        for each in as_completed(waiting):
            yield waiting[each], each.result()
    except BrokenProcessPool:
        raise UserError(
            "calibrate: a process was killed, perhaps for lack of memory; try --processes 1"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threadpool_limits(1)


def _compute(part: Part) -> Found:
    return repeat(BY_NAME[part.study], part.start, part.stop)
