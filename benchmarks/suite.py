"""Every benchmark, each measured in a process of its own: this module, started again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.hot_paths import Sizes, benchmarks
from benchmarks.measure import Row, measure
from harness.data.cache import CACHE_VARIABLE
from harness.processes.child import Parent, run
from harness.processes.process import Child
from harness.system.errors import UserError

# As scoring does: one thread, so that neither other programs nor the number of cores matter.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
BENCHMARK_SECONDS = 1800.0  # of one, which reports nothing while it is measured

Progress = Callable[[str, int, int], None]
"""Called with (what is being measured, how many are done, out of how many)."""


def run_benchmarks(sizes: Sizes, only: str | None, progress: Progress) -> list[Row]:
    """Those whose name or size contains `only`, or all. Raises UserError where there is none.

    Raises WorkerFailed if a benchmark fails; its traceback is in the log that the message names.
    """
    every = benchmarks(sizes)
    chosen = [
        (place, benchmark)
        for place, benchmark in enumerate(every)
        if not only or only in f"{benchmark.what} {benchmark.size}"
    ]
    if not chosen:
        names = ", ".join(dict.fromkeys(benchmark.what for benchmark in every))
        raise UserError(f"--only {only}: no such benchmark; part of one of: {names}")
    rows = []
    for done, (place, benchmark) in enumerate(chosen):
        progress("benchmarks", done, len(chosen))
        with TemporaryDirectory(prefix="cyclebench-bench-") as folder:
            first = {"place": place, "folder": folder, "sizes": asdict(sizes)}
            own = {**ONE_THREAD, CACHE_VARIABLE: str(Path(folder) / "cache")}
            name = f"benchmark {benchmark.what}"
            child = Child("benchmarks.suite", name, None, first, BENCHMARK_SECONDS, None, own)
            with closing(child):
                rows.append(Row(**child.begin))
    progress("benchmarks", len(chosen), len(chosen))
    return rows


def serve(parent: Parent) -> None:
    """The process: measures one benchmark."""
    sizes = Sizes(**parent.first["sizes"])
    benchmark = benchmarks(sizes)[parent.first["place"]]
    folder = Path(parent.first["folder"]) / "work"
    folder.mkdir()
    parent.send(asdict(measure(benchmark, folder, sizes.repeat_seconds)))


if __name__ == "__main__":
    run(serve)
