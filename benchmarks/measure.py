"""What a benchmark is, and how long one takes."""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from backends.interface import resident_peak

Work = Callable[[], object]
REPEATS = 20  # at most
STATUS = Path("/proc/self/status")


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
class Measured:
    """`seconds`: the shortest call. `peak`: bytes beyond what was in memory before the calls."""

    seconds: float
    repeats: int
    peak: int


def measure(benchmark: Benchmark, folder: Path, repeat_seconds: float) -> Measured:
    """Call the work once, and again until `repeat_seconds` have gone by or REPEATS are done.

    The peak is resident memory of this process or of one that it started, whichever is more.
    """
    work = benchmark.prepare(folder)
    gc.collect()
    before, times = _begin_peak(), list[float]()
    while not times or (sum(times) < repeat_seconds and len(times) < REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    started = 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    peak = max(0, resident_peak().bytes - before, started)
    return Measured(min(times), len(times), peak)


def _begin_peak() -> int:
    """Resident bytes now; on Linux the high-water mark is set back to them.

    Elsewhere the mark of the preparation stays, and a peak below it is not seen.
    """
    with suppress(OSError, IndexError, ValueError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        status = STATUS.read_text(encoding="ascii")
        return 1024 * int(status.partition("VmRSS:")[2].split()[0])
    return resident_peak().bytes
