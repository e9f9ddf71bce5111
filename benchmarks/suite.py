"""Every benchmark, each measured in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import harness
from benchmarks import cache, features, plan, recording, report, scores
from benchmarks.measure import Benchmark, Measured
from benchmarks.rows import Row
from benchmarks.sizes import Sizes
from harness.data.cache import CACHE_VARIABLE
from harness.system.errors import UserError

MODULES = (plan, cache, recording, scores, features, report)
# As scoring does: one thread, so that neither other programs nor the number of cores decide.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

Progress = Callable[[str, int, int], None]
"""Called with (what is being measured, how many are done, out of how many)."""


def benchmarks(sizes: Sizes) -> list[Benchmark]:
    return [each for module in MODULES for each in module.benchmarks(sizes)]


def run_benchmarks(sizes: Sizes, only: str | None, progress: Progress) -> list[Row]:
    """Those whose name or size contains `only`, or all. Raises UserError where there is none.

    A benchmark that fails prints its traceback and raises CalledProcessError.
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
        rows.append(Row.of(benchmark, _in_a_process(place, sizes)))
    progress("benchmarks", len(chosen), len(chosen))
    return rows


def _in_a_process(place: int, sizes: Sizes) -> Measured:
    source = str(Path(harness.__file__).parent.parent)
    paths = os.pathsep.join([source, *filter(None, [os.environ.get("PYTHONPATH")])])
    with TemporaryDirectory(prefix="cyclebench-bench-") as folder:
        own = {"PYTHONPATH": paths, CACHE_VARIABLE: str(Path(folder) / "cache")}
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.one"],
            input=json.dumps({"place": place, "folder": folder, "sizes": asdict(sizes)}),
            stdout=subprocess.PIPE,
            env={**os.environ, **ONE_THREAD, **own},
            text=True,
            check=True,
        )
    return Measured(**json.loads(done.stdout.splitlines()[-1]))
