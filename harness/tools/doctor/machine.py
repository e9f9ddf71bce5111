"""What this machine has: cores, memory, folders to write to, data sets, weights."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil

from harness.data.cache import CACHE_VARIABLE, cache_folder
from harness.data.listing import catalogue
from harness.metrics.weights import OFFLINE_VARIABLE, find_weights
from harness.system import provenance
from harness.system.errors import UserError
from harness.system.machine import LIMIT, device_memory
from harness.tools.doctor.check import Check, State, ok

QUOTA = Path("/sys/fs/cgroup/cpu.max")  # microseconds of CPU a period, or "max", and the period
USED = Path("/sys/fs/cgroup/memory.current")
SAMPLE = 0.5  # seconds
BUSY = 0.15  # of the cores; more than that shows in timings
# Two workers of the smallest preset take 1.2 GB together, and scoring as much as one of them.
LITTLE_MEMORY, TOO_LITTLE_MEMORY = 3 * 2**30, 3 * 2**29  # bytes
LITTLE_SPACE, TOO_LITTLE_SPACE = 2 * 2**30, 2**28  # bytes of a disk


def check_machine() -> Iterator[Check]:
    cores = os.cpu_count() or 1
    yield check_load(psutil.cpu_percent(SAMPLE) / 100, cores)
    yield check_cores(provenance.default_threads(), cores, _quota())
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
    if free >= LITTLE_MEMORY:
        return ok("memory", found)
    fix = "end other programs; smaller images or batches: --set data.crop_size, training.batch_size"
    state: State = "problem" if free < TOO_LITTLE_MEMORY else "warning"
    return Check("memory", state, found, fix)


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


def check_places(results: Path, data_dir: Path | None) -> Iterator[Check]:
    yield check_folder("results", results, "give another --results")
    try:
        cache = cache_folder()
    except UserError as error:
        yield Check("cache", "problem", str(error), f"set {CACHE_VARIABLE} to a folder")
        return
    yield check_folder("cache", cache, f"point {CACHE_VARIABLE} at another folder")
    temporary = Path(os.environ.get("TMPDIR") or "/tmp")  # noqa: S108
    yield check_folder("temporary files", temporary, "point TMPDIR at another folder")
    yield from check_data(data_dir)
    yield check_weights()


def check_folder(name: str, folder: Path, fix: str) -> Check:
    """Whether it, or the closest parent that exists, can be written to and has space left."""
    existing = folder.absolute()
    while not os.path.lexists(existing):
        existing = existing.parent
    if not existing.is_dir():
        return Check(name, "problem", f"{folder}: {existing} is not a folder", fix)
    if not os.access(existing, os.W_OK | os.X_OK):
        return Check(name, "problem", f"{folder}: {existing} cannot be written to", fix)
    free = shutil.disk_usage(existing).free
    found = f"{folder}, {free / 2**30:.1f} GiB free"
    if free >= LITTLE_SPACE:
        return ok(name, found)
    state: State = "problem" if free < TOO_LITTLE_SPACE else "warning"
    return Check(name, state, found, f"free some space, or {fix}")


def check_data(data_dir: Path | None) -> Iterator[Check]:
    try:
        sets = catalogue(data_dir)
    except UserError as error:
        yield Check("data sets", "problem", str(error), "give another --data-dir")
        return
    found = []
    for state in ("built in", "here", "to download"):
        names = [data.name for data in sets if data.state == state]
        found += [f"{state}: {', '.join(names)}"] if names else []
    yield ok("data sets", "; ".join(found))
    for data in sets:
        if data.state == "damaged":
            fix = "mend or remove that folder"
            yield Check(f"data set {data.name}", "warning", data.place, fix)


def check_weights() -> Check:
    path = find_weights()
    if path is not None:
        return ok("Inception weights", str(path))
    offline = f", and {OFFLINE_VARIABLE} is set" if os.environ.get(OFFLINE_VARIABLE) else ""
    fix = "`make weights`, or `make weights FILE=...` without internet"
    found = f"not here{offline}: FID will not be computed, all other scores are"
    return Check("Inception weights", "warning", found, fix)
