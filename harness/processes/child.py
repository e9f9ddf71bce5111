"""The end of a process that its parent speaks to: answers, signs of life, the last word."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from harness.processes.faults import diagnosis

ALIVE_SECONDS = 5.0


def send(answer: TextIO, event: dict[str, Any]) -> None:
    answer.write(json.dumps(event, allow_nan=False) + "\n")
    answer.flush()


def heartbeat(answer: TextIO) -> Callable[[], None]:
    """To be called whenever something is done: tells the parent at most every ALIVE_SECONDS.

    From the thread that does the work: of one that hangs, nothing is heard.
    """
    last = time.monotonic()

    def beat() -> None:
        nonlocal last
        now = time.monotonic()
        if now > last + ALIVE_SECONDS:
            last = now
            # That the parent is gone, `serve` finds out after the command.
            with suppress(BrokenPipeError):
                send(answer, {"alive": True})

    return beat


def failure(error: Exception) -> dict[str, Any]:
    """The last event of a process that cannot go on."""
    fault, why = diagnosis(error)
    return {"failed": why, "fault": fault}


def answering(log: Path) -> TextIO:
    """Where to answer; whatever is printed goes to `log` from here on.

    Frameworks print, and the protocol's pipe must not hear it.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    with log.open("a", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    return answer
