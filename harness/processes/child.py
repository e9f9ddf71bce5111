"""The child's end of a process: what it is told, what it answers, its last word. See process.py.

A module that runs as a child ends with `run(serve)`.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NoReturn

from harness.processes.faults import diagnosis
from harness.system.errors import UserError

ALIVE_SECONDS = 5.0
# Schedulers send them to every process of a job: whoever started this one decides what they mean.
MEANT_FOR_THE_PARENT = (
    signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2,
)  # fmt: skip


class Parent:
    """The process that started this one. `first`: the first line it wrote."""

    def __init__(self) -> None:
        # Frameworks print, and start programs that read: they must not use the protocol's pipes.
        # Standard error is the log.
        self._requests, self._answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
        with open(os.devnull, "rb") as nothing:  # noqa: PTH123
            os.dup2(nothing.fileno(), 0)
        os.dup2(2, 1)
        self.first: dict[str, Any] = json.loads(self._requests.readline())
        self._sent = time.monotonic()

    def commands(self) -> Iterator[dict[str, Any]]:
        """Until the parent closes its end, or is gone."""
        return map(json.loads, iter(self._requests.readline, b""))

    def read(self, count: int) -> bytes:
        """The bytes behind the last command."""
        return self._requests.read(count)

    def send(self, event: dict[str, Any], content: bytes = b"") -> None:
        """An event and the bytes behind it. Raises BrokenPipeError if the parent is gone."""
        self._sent = time.monotonic()
        self._answers.write(json.dumps(event, allow_nan=False).encode() + b"\n" + content)
        self._answers.flush()

    def progress(self, **what: Any) -> None:
        self.send({"alive": True, **what})

    def alive(self) -> bool:
        """To be called whenever something is done: tells the parent, every ALIVE_SECONDS at most.

        From the thread that does the work: of one that hangs, nothing is heard. Returns whether the
        parent has something to say before it was answered, which is to stop, or is gone.
        """
        if time.monotonic() > self._sent + ALIVE_SECONDS:
            with suppress(BrokenPipeError):  # noticed after the command
                self.progress()
        return bool(select.select([self._requests], [], [], 0)[0])


def run(serve: Callable[[Parent], None]) -> NoReturn:
    """The whole of a child process: `serve` answers the first line and the commands.

    The parent is told of a UserError as a refusal and of any other exception as a failure.
    """
    for number in MEANT_FOR_THE_PARENT:
        signal.signal(number, signal.SIG_IGN)
    parent, status = Parent(), 0
    try:
        serve(parent)
    except BrokenPipeError:  # the parent is gone
        status = 1
    except UserError as error:
        status = 2
        parent.send({"refused": str(error)})
    except Exception as error:
        status = 1
        # On a full disk the log cannot be written: the parent must still hear.
        with suppress(OSError, MemoryError):
            traceback.print_exc()
        parent.send(failure(error))
    # What `sys.exit` does, but for taking all objects apart: with a framework that takes a second.
    atexit._run_exitfuncs()
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


def failure(error: Exception) -> dict[str, Any]:
    """The last event of a process that cannot go on."""
    fault, why = diagnosis(error)
    return {"failed": why, "fault": fault}
