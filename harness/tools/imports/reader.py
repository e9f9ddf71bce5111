"""A process that reads other programs' files for the one that started it. See foreign.py.

A JSON line and the bytes of arrays (harness.processes.wire) in, one of each out. What it reads may
be made to take for ever: its memory and its time have bounds.
"""

from __future__ import annotations

import importlib
import resource
import sys
import time
from contextlib import suppress

import psutil

from harness.processes import wire
from harness.processes.child import Parent, run
from harness.system.errors import UserError
from harness.tools.imports.curves import Curves

# Kind of file -> module and function.
READERS = {
    "networks": ("harness.tools.imports.pth", "read_networks"),
    "keras": ("harness.tools.imports.keras_files", "read_keras"),
    "events": ("harness.tools.imports.events", "read_events"),
    "tables": ("harness.tools.imports.tables", "read_tables"),
    "log": ("harness.tools.imports.authors_log", "read_log"),
}
ROOM, TIMES = 2**29, 16  # bytes for any file, and so many for each byte of it


def serve(parent: Parent) -> None:
    module, name = READERS[parent.first["kind"]]
    read = getattr(importlib.import_module(module), name)
    parent.send({"ready": True})
    for message in parent.commands():
        given = wire.unpack(message["given"], parent.read(message["content"]))
        _bound(message["bytes"], message["seconds"])
        try:
            found = read(*given)
            packed, content = wire.pack(found.packed() if isinstance(found, Curves) else found)
            parent.send({"returned": packed, "content": len(content)}, content)
        except UserError as error:
            parent.send({"refused": str(error)})
        except MemoryError:
            parent.send({"refused": f"{given[0]}: needs more memory than files of its size do"})


def _bound(size: int, seconds: float) -> None:
    """Of memory from now on; of the CPU's time, in case nobody is there to end this process."""
    if sys.platform != "linux":
        return
    with suppress(ValueError, OSError):
        now = psutil.Process().memory_info().vms
        most = now + ROOM + TIMES * size
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
        used = int(time.process_time() + 4 * seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (used, resource.RLIM_INFINITY))


if __name__ == "__main__":
    run(serve)
