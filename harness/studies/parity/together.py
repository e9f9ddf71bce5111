"""All backends measured at the same time, each by a thread that waits for a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from threading import Lock
from typing import Any

from harness.studies.parity.backend_cache import BackendCache
from harness.studies.parity.ladder import LADDERS
from harness.studies.parity.parity_check import ParityCheck

Work = Callable[[BackendCache, str], Any]


def measure_together(cache: BackendCache, progress: Callable[[int, int], None]) -> None:
    """Everything that a climb asks of `cache`, which must have its backends `apart`.

    `progress`: told how many measurements are made, of how many. What a measurement raises is
    raised again where the climb asks for it.
    """
    # The state that other backends are given goes first.
    ladder = LADDERS[type(cache.case)]
    work = {
        name: list(dict.fromkeys((ladder.first, *measurements(cache, name, ladder.checks))))
        for name in cache.names
    }
    total, done, lock = sum(map(len, work.values())), 0, Lock()

    def measure(name: str, functions: Iterable[Work]) -> None:
        nonlocal done
        for function in functions:
            with suppress(Exception):
                cache.once(function, name)
            with lock:
                done += 1
                progress(done, total)

    # States that go from one backend to another: no thread may ask another one's process for them.
    first = {name: functions[:1] for name, functions in work.items()}
    rest = {name: functions[1:] for name, functions in work.items()}
    pool = ThreadPoolExecutor(len(cache.names))
    try:
        for part in (first, rest):
            started = [pool.submit(measure, name, part[name]) for name in cache.names]
            for future in as_completed(started):
                future.result()
    except BaseException:
        cache.close()  # so that no thread goes on waiting
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def measurements(cache: BackendCache, name: str, checks: Sequence[ParityCheck]) -> list[Work]:
    """What `checks` ask of backend `name`, in their order."""
    functions: dict[Work, None] = {}
    for check in checks:
        if check.subjects(cache, [name]):
            wanted = (check.measure, check.truth, check.noise)
            functions |= dict.fromkeys(function for function in wanted if function)
    return list(functions)
