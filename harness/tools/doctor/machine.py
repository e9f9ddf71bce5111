"""Cores, what else runs on them, memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psutil

from harness.system import provenance
from harness.system.machine import LIMIT, device_memory
from harness.tools.doctor.check import Check, ok

QUOTA = Path("/sys/fs/cgroup/cpu.max")  # microseconds of CPU a period, or "max", and the period
USED = Path("/sys/fs/cgroup/memory.current")
SAMPLE = 0.5  # seconds
BUSY = 0.15  # of the cores; more than that shows in timings
# Two workers of the smallest preset take 1.2 GB together, and scoring as much as one of them.
LITTLE, TOO_LITTLE = 3 * 2**30, 3 * 2**29


def check_machine() -> Iterator[Check]:
    threads = provenance.default_threads()
    yield check_load(psutil.cpu_percent(SAMPLE) / 100, os.cpu_count() or 1)
    yield check_cores(threads, os.cpu_count() or 1, _quota())
    yield check_memory(_free_memory(), device_memory("cpu") or 0)


def check_load(share: float, cores: int) -> Check:
    """`share` of the cores that others use, before anything of ours runs."""
    found = f"other programs use {share * cores:.1f} of {cores} cores"
    if share <= BUSY:
        return ok("load", found)
    fix = "end them, or wait: what is timed meanwhile says nothing; what is learnt stays the same"
    return Check("load", "warning", found, fix)


def check_cores(threads: int, cores: int, quota: float | None) -> Check:
    found = f"{threads} of {cores} may be used, as many threads are"
    if quota is not None and quota < threads:
        few = max(1, int(quota))
        fix = f"`taskset -c 0-{few - 1} cyclebench ...`: no more threads than cores"
        return Check("cores", "warning", f"{found}, but the container has only {quota:g}", fix)
    return ok("cores", found)


def check_memory(free: int, total: int) -> Check:
    found = f"{free / 2**30:.1f} of {total / 2**30:.1f} GiB free"
    if free >= LITTLE:
        return ok("memory", found)
    fix = "end other programs; smaller images or batches: --set data.crop_size, training.batch_size"
    return Check("memory", "problem" if free < TOO_LITTLE else "warning", found, fix)


def _quota() -> float | None:
    """Cores that a container may use at once; None: all."""
    try:
        amount, period = QUOTA.read_text(encoding="ascii").split()
        return int(amount) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _free_memory() -> int:
    """Bytes, of the machine or of what is left to its container, caches of files not counted."""
    free = psutil.virtual_memory().available
    try:
        left = int(LIMIT.read_text(encoding="ascii")) - int(USED.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return free
    return max(0, min(free, left))
