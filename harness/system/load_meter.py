"""What others took of the CPUs while a block of steps was timed. From Linux's counters."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")
# Of a line of /proc/stat: user nice system idle iowait irq softirq steal; guests are in user, nice.
IDLE, WAITING, STEAL, FIELDS = 3, 4, 7, 8


@dataclass(frozen=True)
class CpuReading:
    """Seconds of all CPUs that this process may use, together, since some fixed moment.

    `busy`: with work of any process; `own`: of this one; `stolen`: by the hypervisor;
    `throttled`: that a limit (cgroup) kept its group waiting; `possible`: what there was to use.
    """

    busy: float
    own: float
    stolen: float
    throttled: float
    possible: float

    def minus(self, other: CpuReading) -> CpuReading:
        return CpuReading(
            self.busy - other.busy,
            self.own - other.own,
            self.stolen - other.stolen,
            self.throttled - other.throttled,
            self.possible - other.possible,
        )

    def plus(self, other: CpuReading) -> CpuReading:
        return CpuReading(
            self.busy + other.busy,
            self.own + other.own,
            self.stolen + other.stolen,
            self.throttled + other.throttled,
            self.possible + other.possible,
        )


@dataclass(frozen=True)
class CpuLoad:
    """Shares of the CPU time that this process could have used; NaN where nothing can be read.

    `others`: other processes worked; `steal`: the hypervisor ran something else; `throttled`: a
    limit on CPU time was reached.
    """

    others: float = math.nan
    steal: float = math.nan
    throttled: float = math.nan

    @property
    def in_all(self) -> float | None:
        """All three together; None where nothing can be read."""
        total = self.others + self.steal + self.throttled
        return total if math.isfinite(total) else None

    @classmethod
    def of(cls, spent: CpuReading | None) -> CpuLoad:
        if spent is None or spent.possible <= 0:
            return cls()
        # Linux counts in hundredths of a second: a difference below zero is one of rounding.
        others = max(0.0, spent.busy - spent.own)
        shares = (others, max(0.0, spent.stolen), max(0.0, spent.throttled))
        return cls(*(min(1.0, seconds / spent.possible) for seconds in shares))


class LoadMeter:
    """Counts the CPU time of this process and of all others, on the CPUs that it may use.

    A reading takes some 50 microseconds on few CPUs. What the backend whose turn it is not does
    counts as others: it should do nothing. Never raises. `proc`, `cgroups`: where to read.
    """

    def __init__(self, proc: Path = PROC, cgroups: Path = CGROUPS) -> None:
        self._stat = proc / "stat"
        self._throttled = _throttled(proc, cgroups)
        self._cpus: frozenset[str] = frozenset()
        with suppress(OSError, AttributeError):  # no such call on macOS
            self._cpus = frozenset(f"cpu{number}" for number in os.sched_getaffinity(0))

    def read(self) -> CpuReading | None:
        """None where it cannot be read."""
        try:
            text = self._stat.read_text(encoding="ascii")
            ticks, found = [0] * FIELDS, 0
            for line in text.splitlines():
                name, *fields = line.split()
                if name in self._cpus:
                    found += 1
                    for i, field in enumerate(fields[:FIELDS]):
                        ticks[i] += int(field)
                elif not name.startswith("cpu"):
                    break  # CPUs come first; the line of interrupts is long
            if not found:
                return None
            second = os.sysconf("SC_CLK_TCK")
            free = ticks[IDLE] + ticks[WAITING] + ticks[STEAL]
            return CpuReading(
                busy=(sum(ticks) - free) / second,
                own=time.process_time(),
                stolen=ticks[STEAL] / second,
                throttled=self._throttled(),
                possible=found * time.perf_counter(),
            )
        except (OSError, ValueError, AttributeError):
            return None

    def since(self, before: CpuReading | None) -> CpuReading | None:
        """What was spent since `before`; None where a reading is missing."""
        now = self.read()
        return None if now is None or before is None else now.minus(before)


def _throttled(proc: Path, cgroups: Path) -> Callable[[], float]:
    """Reads the seconds that a limit on CPU time has cost the group of this process so far.

    The first file that says so; zero where none does, as in a group without limit.
    """
    folders: list[tuple[Path, str, float]] = []
    with suppress(OSError):
        for line in (proc / "self" / "cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            inside = path.lstrip("/")
            if not controllers:  # version 2
                own = [cgroups / inside, cgroups]
                folders += [(place, "throttled_usec", 1e-6) for place in own]
            elif "cpu" in controllers.split(","):
                own = [cgroups / controllers / inside, cgroups / "cpu" / inside, cgroups / "cpu"]
                folders += [(place, "throttled_time", 1e-9) for place in own]

    def counter(file: Path, key: str, unit: float) -> float | None:
        with suppress(OSError, ValueError):
            for line in file.read_text(encoding="ascii").splitlines():
                name, _, value = line.partition(" ")
                if name == key:
                    return int(value) * unit
        return None

    for folder, key, unit in folders:
        file = folder / "cpu.stat"
        if counter(file, key, unit) is not None:
            return lambda: counter(file, key, unit) or 0.0
    return lambda: 0.0
