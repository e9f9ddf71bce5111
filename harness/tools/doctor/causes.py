"""Why a framework's process has failed, read from all that it has written."""

from __future__ import annotations

import re

# What frameworks, CUDA and cuDNN write when a GPU cannot be used: often as a warning, long before
# the exception that follows from it.
OF_GPUS = re.compile(
    r"driver on your system is too old|driver version is insufficient"
    r"|Cannot dlopen some GPU libraries|Could not load dynamic library"
    r"|Could not find cuda drivers|failed call to cuInit|CUDA_ERROR_\w+|CUDA error"
    r"|CUDNN_STATUS_\w+|Loaded runtime CuDNN library|DNN library initialization failed"
    r"|no kernel image|PTX|libdevice not found|busy or unavailable"
    r"|Expected all tensors to be on the same device"
)
MISSING = re.compile(r"cannot open shared object file|undefined symbol|version `\S+' not found")
EXCEPTION = re.compile(r"^[A-Za-z_][\w.]*(Error|Exception|Exit|Interrupt|Diverged)\b")
# Where in a framework's sources a line was written, and when.
ORIGIN = re.compile(r"^.*?(\.cc:\d+\] |\.py:\d+: \w*Warning: )")
LONGEST = 300  # characters


def cause(written: str, device: str, why: str) -> str:
    """The first line that names a cause: what comes after it follows from it.

    `why`: what else is known, for a process that has written no such line.
    """
    lines = [line.rstrip() for line in written.splitlines() if line.strip()]
    # On the CPU a framework may say that it sees no GPU, which keeps it from nothing.
    signs = [MISSING, EXCEPTION] if device == "cpu" else [OF_GPUS, MISSING, EXCEPTION]
    for sign in signs:
        for line in lines:
            if sign.search(line):
                return ORIGIN.sub("", line).strip()[:LONGEST]
    return why[:LONGEST]
