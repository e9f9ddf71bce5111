"""A clock and counters that move only when a known backend says so: one set for each thread."""

from __future__ import annotations

import threading
from types import SimpleNamespace

from harness.system.load_meter import CpuReading

THREADS = 4
_local = threading.local()


def begin() -> None:
    """From zero, for the process that this thread stands for."""
    _local.now = _local.others = _local.joules = 0.0


def tick(seconds: float, others: float = 0.0, joules: float = 0.0) -> None:
    """`others`: share of all CPUs that other programs took meanwhile."""
    _local.now += seconds
    _local.others += others * THREADS * seconds
    _local.joules += joules


def now() -> float:
    return _local.now


TIME = SimpleNamespace(perf_counter=now)  # in place of the module `time`


class KnownMeter:
    """As `harness.system.energy_meter.Meter`."""

    source = "known"

    def __init__(self, device: str) -> None:
        pass

    def joules(self) -> float:
        return _local.joules

    def since(self, before: float) -> float:
        return _local.joules - before


class KnownLoad:
    """As `harness.system.load_meter.LoadMeter`."""

    def read(self) -> CpuReading:
        own = THREADS * _local.now / 2
        return CpuReading(own + _local.others, own, 0.0, 0.0, THREADS * _local.now)

    def since(self, before: CpuReading) -> CpuReading:
        return self.read().minus(before)
