"""What a failure of a worker was, told from its exception or its end; and what can be done."""

from __future__ import annotations

import errno
import signal
from contextlib import suppress

from backends import ReplicaLost
from harness.system.errors import Diverged, Fault

# Of frameworks and allocators, in lower case: the exceptions' names cannot be had without importing
# the frameworks, and PyTorch's on the CPU is a plain RuntimeError.
NO_MEMORY = (
    "out of memory", "outofmemory", "resourceexhausted", "resource_exhausted", "oom when",
    "can't allocate memory", "cannot allocate memory", "bad_alloc", "memoryerror",
)  # fmt: skip
NO_SPACE = "no space left on device"
FULL = {errno.ENOSPC, errno.EDQUOT}
LESS_MEMORY = "lower training.batch_size, data.crop_size or model.filters"
MORE_SPACE = "free some space; the same command goes on from the last checkpoint"


def diagnosis(error: BaseException) -> tuple[Fault, str]:
    """What it was, and a line that says so, with what to do where that is known."""
    first_line = f"{type(error).__name__}: {error}".splitlines()[0]
    if isinstance(error, Diverged):
        return "diverged", str(error)
    if isinstance(error, ReplicaLost):
        return "died", str(error)
    if isinstance(error, MemoryError) or any(sign in first_line.lower() for sign in NO_MEMORY):
        return "memory", f"{first_line}; out of memory: {LESS_MEMORY}"
    if disk_full(error):
        return "disk", f"{first_line}; {MORE_SPACE}"
    return "error", first_line


def disk_full(error: BaseException) -> bool:
    return (isinstance(error, OSError) and error.errno in FULL) or NO_SPACE in str(error).lower()


def ended(status: int) -> tuple[Fault, str]:
    """Of a process that said nothing: `status` as subprocess has it, negative for a signal."""
    if status >= 0:
        return "died", f"ended with status {status}"
    name = f"signal {-status}"
    with suppress(ValueError):
        name = signal.Signals(-status).name
    if status == -signal.SIGKILL:
        return "died", f"killed ({name}), by hand or for lack of memory: then {LESS_MEMORY}"
    return "died", f"killed ({name})"
