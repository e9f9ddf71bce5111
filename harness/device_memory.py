"""How much memory a device has."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path

import psutil

LIMIT = Path("/sys/fs/cgroup/memory.max")  # of this process's container, a number or "max"


def device_memory(device: str) -> int | None:
    """Bytes of the first NVIDIA GPU for "cuda", None where the driver does not say; of the machine
    otherwise, or what a container may take of it."""
    if device == "cuda":
        return _of_gpu()
    total = psutil.virtual_memory().total
    with suppress(OSError, ValueError):
        return min(total, int(LIMIT.read_text(encoding="ascii")))
    return total


def _of_gpu() -> int | None:
    command = ("nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits")
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
        return int(done.stdout.splitlines()[0]) * 2**20
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None
