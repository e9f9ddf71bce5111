"""What the report takes, on a made-up comparison of the size that it will be about."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.cache import photographs
from benchmarks.experiment_folder import SIDE, write_folder
from benchmarks.recording import losses
from benchmarks.sizes import Sizes
from harness.report.comparison import write_report
from harness.report.gallery import ROWS, Column, Gallery, sheet
from harness.studies.estimate.work import Work
from harness.system.files import write_table

MOST_ROWS = 20_000  # of a table of losses; more are reckoned from so many
MOST_IMAGES = 64  # of an evaluation; a report shows few of them
BLOCK = 20  # steps of a timed block
SHEETS = 10  # of images, in a report: six galleries and four of best and worst


def time_report(work: Work, folder: Path) -> tuple[float, float]:
    """Seconds of a report of one seed, and of writing a row of one run's losses."""
    rows = min(work.steps, MOST_ROWS)
    table = losses(rows)
    row = _seconds(lambda: write_table(folder / "losses.csv", table)) / rows
    sizes = Sizes(
        logged_steps=rows,
        block_steps=min(BLOCK, rows),
        scored_steps=work.evaluations + 1,
        shown_images=min(MOST_IMAGES, *work.tested),
    )
    write_folder(folder, sizes)
    # Made-up images have one size; what they take to compress depends on it.
    larger = _sheet(work.experiment.data.crop("a"), len(work.backends)) - _sheet(
        SIDE, len(work.backends)
    )
    report = max(0.0, _seconds(lambda: write_report(folder)) + SHEETS * larger)
    return report + len(work.backends) * (work.steps - rows) * row, row


def _sheet(side: int, backends: int) -> float:
    """Seconds of a sheet of images: originals, each backend's, true ones."""
    columns = tuple(Column("", photographs(ROWS, side, seed)) for seed in range(backends + 2))
    gallery = Gallery("", "", "", columns, tuple(range(ROWS)))
    return _seconds(lambda: sheet(gallery))


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began
