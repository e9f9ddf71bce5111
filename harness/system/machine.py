"""The machine that trains: its device, by name, its threads, its memory."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from harness.system import provenance
from harness.system.errors import UserError
from harness.system.gpu import find_gpu, why_no_gpu

LIMIT = Path("/sys/fs/cgroup/memory.max")  # of this process's container, a number or "max"


@dataclass(frozen=True)
class Machine:
    """`why`: a clause, where the CPU is used for want of a GPU that CUDA can use."""

    device: str
    device_name: str
    threads: int
    why: str = ""


def find_machine(device: str | None, threads: int | None = None) -> Machine:
    """`threads`: fewer than the CPUs it may use. Raises UserError for a GPU that is not there."""
    asked, device = device, device or provenance.default_device()
    if device not in ("cpu", "cuda"):
        raise UserError(f"device: {device!r} is unknown; cpu or cuda")
    if device == "cuda" and find_gpu() is None:
        raise UserError(f"device cuda: {why_no_gpu()}; use --device cpu")
    threads = threads or provenance.default_threads()
    why = "" if asked or device == "cuda" else why_no_gpu()
    return Machine(device, provenance.device_name(device, threads), threads, why)


def device_memory(device: str) -> int | None:
    """Bytes: for "cuda" of the GPU, or slice of one, that CUDA will use, None where there is none;
    otherwise of the machine, or what a container may take of it."""
    if device == "cuda":
        gpu = find_gpu()
        return gpu.memory if gpu else None
    total = psutil.virtual_memory().total
    with suppress(OSError, ValueError):
        return min(total, int(LIMIT.read_text(encoding="ascii")))
    return total
