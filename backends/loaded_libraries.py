"""Which cuDNN and which CUDA runtime this process has loaded, as they say themselves.

A framework's build constants say what it was compiled with; what it computes with is what the
loader found, which need not be the same.
"""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Callable
from pathlib import Path

MAPS = Path("/proc/self/maps")  # Linux; elsewhere nothing is found
# The libraries themselves, not the parts that cuDNN 9 consists of.
CUDNN = re.compile(r"libcudnn\.so[.\d]*")
CUDA_RUNTIME = re.compile(r"libcudart(-[0-9a-f]+)?\.so[.\d]*")


def find() -> dict[str, str | None]:
    """`cudnn`, as "9.20.0", and `cuda_runtime`, as "13.0"; None where none is loaded.

    Several that are loaded at a time are all named, with a comma in between.
    """
    paths = _mapped()
    return {
        "cudnn": _versions(paths, CUDNN, _cudnn),
        "cuda_runtime": _versions(paths, CUDA_RUNTIME, _cuda_runtime),
    }


def _mapped() -> list[str]:
    """Files that are mapped into this process's memory, in the order of their addresses."""
    try:
        lines = MAPS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return []
    # Address, permissions, offset, device, inode, and a path, which may have spaces.
    mappings = (line.split(maxsplit=5) for line in lines)
    return list(dict.fromkeys(mapping[5] for mapping in mappings if len(mapping) == 6))


def _versions(
    paths: list[str], name: re.Pattern[str], ask: Callable[[ctypes.CDLL], str | None]
) -> str | None:
    versions = []
    for path in paths:
        if name.fullmatch(Path(path).name) is None:
            continue
        try:
            # As it is loaded, never anew.
            library = ctypes.CDLL(path, mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
            versions.append(ask(library))
        except (OSError, AttributeError):  # gone meanwhile, or without the function
            continue
    return ", ".join(sorted({version for version in versions if version})) or None


def _cudnn(library: ctypes.CDLL) -> str:
    """`size_t cudnnGetVersion(void)`: 1000 * major + 100 * minor + patch up to 8, then 10000."""
    library.cudnnGetVersion.restype = ctypes.c_size_t
    number = int(library.cudnnGetVersion())
    thousands = 10_000 if number >= 90_000 else 1_000
    return f"{number // thousands}.{number % thousands // 100}.{number % 100}"


def _cuda_runtime(library: ctypes.CDLL) -> str | None:
    """`cudaError_t cudaRuntimeGetVersion(int *)`: 1000 * major + 10 * minor."""
    number = ctypes.c_int()
    if library.cudaRuntimeGetVersion(ctypes.byref(number)) != 0:
        return None
    return f"{number.value // 1000}.{number.value % 1000 // 10}"
