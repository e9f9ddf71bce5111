"""What a benchmark is, and how long one takes."""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.interface import resident_peak
from harness.system.errors import UserError
from harness.system.files import write_json

Work = Callable[[], object]
REPEATS = 20  # at most


@dataclass(frozen=True)
class Benchmark:
    """`prepare` is given an empty folder and returns what is timed, which may be called again.

    `items`: of `unit`, handled by one call.
    """

    what: str
    size: str
    items: int
    unit: str
    prepare: Callable[[Path], Work]


@dataclass(frozen=True)
class Row:
    """`seconds`: the best of `repeats`; `per_item`: seconds; `peak_mb`: megabytes of 10^6 bytes."""

    what: str
    size: str
    seconds: float
    repeats: int
    per_item: float
    unit: str
    peak_mb: float


def measure(benchmark: Benchmark, folder: Path, repeat_seconds: float) -> Row:
    """Call the work once, and again until `repeat_seconds` have gone by or REPEATS are done.

    The peak is what the calls add to the resident memory of this process, or the resident memory of
    one that it started, whichever is more.
    """
    work = benchmark.prepare(folder)
    gc.collect()
    before, times = _begin_peak(), list[float]()
    while not times or (sum(times) < repeat_seconds and len(times) < REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    of_children = 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    seconds = min(times)
    return Row(
        what=benchmark.what,
        size=benchmark.size,
        seconds=seconds,
        repeats=len(times),
        per_item=seconds / benchmark.items,
        unit=benchmark.unit,
        peak_mb=max(0, resident_peak().bytes - before, of_children) / 1e6,
    )


def _begin_peak() -> int:
    """Resident bytes now; on Linux the high-water mark is set back to them.

    Elsewhere the mark of the preparation stays, and a peak below it is not seen.
    """
    with suppress(OSError, IndexError, ValueError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return 1024 * int(status.partition("VmRSS:")[2].split()[0])
    return resident_peak().bytes


def write_rows(document: Mapping[str, Any], path: Path) -> None:
    """For an option --to. Raises UserError where `path` cannot be written."""
    try:
        write_json(path, document)
    except OSError as error:
        raise UserError(f"--to {path}: cannot write there ({error.strerror})") from None
