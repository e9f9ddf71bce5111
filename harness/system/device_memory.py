"""How much memory a device has."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil

from harness.system.gpu import find_gpu

LIMIT = Path("/sys/fs/cgroup/memory.max")  # of this process's container, a number or "max"


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
