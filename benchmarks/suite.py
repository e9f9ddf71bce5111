"""Every benchmark, each measured in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import cache, features, plan, recording, report, scores
from benchmarks.measure import Benchmark, Measured
from benchmarks.rows import Row
from benchmarks.sizes import Sizes
from harness.data.cache import CACHE_VARIABLE
from harness.processes.process import Child
from harness.system.errors import UserError

MODULES = (plan, cache, recording, scores, features, report)
# As scoring does: one thread, so that neither other programs nor the number of cores decide.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
BENCHMARK_SECONDS = 1800.0  # of one: nothing is heard of it while it is measured

Progress = Callable[[str, int, int], None]
"""Called with (what is being measured, how many are done, out of how many)."""


def benchmarks(sizes: Sizes) -> list[Benchmark]:
    return [each for module in MODULES for each in module.benchmarks(sizes)]


def run_benchmarks(sizes: Sizes, only: str | None, progress: Progress) -> list[Row]:
    """Those whose name or size contains `only`, or all. Raises UserError where there is none.

    Raises WorkerFailed if a benchmark fails; its traceback is in the log that the message names.
    """
    chosen = [
        (place, each)
        for place, each in enumerate(benchmarks(sizes))
        if not only or only in f"{each.what} {each.size}"
    ]
    if not chosen:
        names = ", ".join(dict.fromkeys(each.what for each in benchmarks(sizes)))
        raise UserError(f"--only {only}: no such benchmark; part of one of: {names}")
    rows = []
    for done, (place, benchmark) in enumerate(chosen):
        progress("benchmarks", done, len(chosen))
        rows.append(Row.of(benchmark, _in_a_process(place, benchmark, sizes)))
    progress("benchmarks", len(chosen), len(chosen))
    return rows


def _in_a_process(place: int, benchmark: Benchmark, sizes: Sizes) -> Measured:
    with TemporaryDirectory(prefix="cyclebench-bench-") as folder:
        first = {"place": place, "folder": folder, "sizes": asdict(sizes)}
        own = {**ONE_THREAD, CACHE_VARIABLE: str(Path(folder) / "cache")}
        name = f"benchmark {benchmark.what}"
        with closing(
            Child("benchmarks.one", name, None, first, BENCHMARK_SECONDS, None, own)
        ) as one:
            return Measured(**one.begin)
