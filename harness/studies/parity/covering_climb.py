"""The ladder for every covering experiment, with all backends at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from threading import Lock

from harness.config.experiment import Experiment
from harness.processes.remote_backend import Process
from harness.studies.parity.backend_cache import BackendCache, Precision
from harness.studies.parity.covering import COVERING, experiment_of
from harness.studies.parity.ladder import CHECKS, climb
from harness.studies.parity.parity_case import covering_case
from harness.studies.parity.parity_check import ParityCheck, Rung
from harness.studies.parity.rows import ParityRow
from harness.studies.parity.together import measurements
from harness.system import provenance

Processes = dict[tuple[str, bool], Process]
LANES = 2  # each has every framework in memory, more than 1 GB

# Rungs, and checks of others, that the experiment's own ladder climbs: options touch nothing there
# that other rungs here do not measure. Adam's are in FREEZING, which compares whole training steps
# with Adam in NumPy.
LEFT_OUT = (Rung.ADAM, Rung.EXCHANGE)
# What a setting that is tried once can touch: compilation the whole step, many blocks the passes
# through them. To compile networks for translations as well would double what it costs.
OF_ONCE = {
    "runtime.compile=default": (Rung.TRAJECTORY,),
    "model.blocks=9": (Rung.PARAMETERS, Rung.ACTIVATIONS, Rung.GRADIENTS),
}


def checks_of(overrides: Sequence[str]) -> tuple[ParityCheck, ...]:
    """Those that a covering experiment is measured by, in float64 and in what it trains in."""
    climbed = {rung for rung in Rung if rung not in LEFT_OUT}
    for setting, rungs in OF_ONCE.items():
        if setting in overrides:
            climbed &= set(rungs)
    return tuple(check for check in CHECKS if check.rung in climbed and check.quick)


def reduced(experiment: Experiment) -> tuple[Precision, ...]:
    return ("bfloat16",) if experiment.runtime.precision == "bfloat16" else ()


def climb_covering(
    names: Sequence[str],
    experiments: Mapping[str, tuple[str, ...]] = COVERING,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, list[ParityRow]]:
    """Rows of every experiment, by its name.

    Two processes for each backend where there are two cores, each of which measures one experiment
    after the other: to import a framework takes longer than any of them. Processes do not wait for
    each other.
    """
    lanes: list[Processes] = [{} for _ in range(min(LANES, provenance.default_threads()))]
    caches: dict[str, BackendCache] = {}
    checks: dict[str, Sequence[ParityCheck]] = {}
    for number, (key, overrides) in enumerate(experiments.items()):
        experiment = experiment_of(overrides)
        case, checks[key] = covering_case(experiment), checks_of(overrides)
        lane = lanes[number % len(lanes)]
        caches[key] = BackendCache(
            case, names, None, reduced(experiment), apart=True, processes=lane
        )
    return climb_apart(caches, checks, lanes, progress)


def climb_apart(
    caches: Mapping[str, BackendCache],
    checks: Mapping[str, Sequence[ParityCheck]],
    lanes: Sequence[Processes],
    progress: Callable[[int, int], None],
) -> dict[str, list[ParityRow]]:
    """Rows of every cache by its key. `lanes`: processes that caches share, which have them in
    turn; they are ended here."""
    names = list(dict.fromkeys(name for cache in caches.values() for name in cache.names))
    total = sum(len(cache.names) for cache in caches.values())
    done, lock = 0, Lock()

    def measure(name: str, lane: int) -> None:
        nonlocal done
        for key, cache in islice(caches.items(), lane, None, len(lanes)):
            if name not in cache.names:
                continue
            for function in measurements(cache, name, checks[key]):
                with suppress(Exception):
                    cache.once(function, name)
            cache.forget(name)
            with lock:
                done += 1
                progress(done, total)

    work = [(name, lane) for lane in range(len(lanes)) for name in names]
    with ThreadPoolExecutor(len(work)) as pool:
        try:
            for future in [pool.submit(measure, *each) for each in work]:
                future.result()
        finally:
            for process in [process for lane in lanes for process in lane.values()]:
                process.close()  # so that no thread goes on waiting
    return {key: list(climb(cache, checks[key])) for key, cache in caches.items()}
