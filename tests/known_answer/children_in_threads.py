"""Child processes as threads of this one: the same two ends, the same lines of JSON, no start.

`test_in_processes.py` takes the real way once.
"""

from __future__ import annotations

import importlib
import json
import queue
import threading
from collections.abc import Iterator
from typing import Any

import known_clock
from known_backend import Killed
from pytest import MonkeyPatch

from harness.processes.child import failure
from harness.processes.process import Child
from harness.system.errors import UserError, WorkerFailed

SECONDS = 60.0
KILL = "SIGKILL"


class ThreadParent:
    """As `harness.processes.child.Parent`."""

    def __init__(self, first: dict[str, Any]) -> None:
        self.first = json.loads(json.dumps(first))
        self.asked: queue.Queue[str] = queue.Queue()
        self.answers: queue.Queue[str] = queue.Queue()

    def commands(self) -> Iterator[dict[str, Any]]:
        while True:
            line = self.asked.get()
            if line == KILL:
                raise Killed
            yield json.loads(line)

    def send(self, event: dict[str, Any]) -> None:
        self.answers.put(json.dumps(event, allow_nan=False))

    def progress(self, **what: Any) -> None:
        self.send({"alive": True, **what})

    def alive(self) -> None:
        pass


def _serve(module: str, parent: ThreadParent) -> None:
    known_clock.begin()
    try:
        importlib.import_module(module).serve(parent)
    except Killed:
        parent.send({"died": True})
    except UserError as error:
        parent.send({"refused": str(error)})
    except Exception as error:
        parent.send(failure(error))


def _init(self, module, name, log, first, patience, backend=None, variables=None, wait=True):
    self.name, self.patience, self.failed, self.log = name, patience, "", log
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch()
    self._parent = ThreadParent(first)
    self._thread = threading.Thread(target=_serve, args=(module, self._parent), daemon=True)
    self._thread.start()
    self.begin = _heard(self)[-1]


def _heard(self) -> list[dict[str, Any]]:
    events = [{"alive": True}]
    while "alive" in events[-1]:
        events.append(json.loads(self._parent.answers.get(timeout=SECONDS)))
    last = events[-1]
    if "refused" in last:
        raise UserError(last["refused"])
    if "failed" in last or "died" in last:
        fault = "died" if "died" in last else last["fault"]
        raise WorkerFailed(f"{self.name}: {last.get('failed', 'killed')}", fault)
    return events[1:]


def _events(self, **command: Any) -> Iterator[dict[str, Any]]:
    self._parent.asked.put(json.dumps(command))
    yield from _heard(self)


def _end(self, command: dict[str, Any], seconds: float) -> None:
    self._parent.asked.put(json.dumps(command))
    self._thread.join(SECONDS)


def _close(self) -> None:
    self._parent.asked.put(KILL)
    self._thread.join(SECONDS)


def install(patch: MonkeyPatch) -> None:
    for name, method in (("__init__", _init), ("events", _events), ("end", _end)):
        patch.setattr(Child, name, method)
    patch.setattr(Child, "close", _close)
