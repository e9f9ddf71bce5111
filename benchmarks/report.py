"""The report of a long comparison, from its folder to the page."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from benchmarks.experiment_folder import write_folder
from benchmarks.measure import Benchmark, Work
from benchmarks.sizes import Sizes
from harness.report.comparison import write_report


def benchmarks(sizes: Sizes) -> list[Benchmark]:
    steps = sizes.logged_steps
    size = f"2 runs of {steps:,} steps"
    return [Benchmark("report: written", size, 2 * steps, "step", partial(_written, sizes))]


def _written(sizes: Sizes, folder: Path) -> Work:
    write_folder(folder, sizes)
    return partial(write_report, folder)
