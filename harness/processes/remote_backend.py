"""A backend that lives in a process of its own, perhaps in another Python, and is used like any.

Where a backend's framework is installed in this Python it can be built here; `load_anywhere` does
as fits, and whoever uses what it returns need not know.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, cast

import backends
from backends.interface import Backend, Runtime
from backends.model import Model
from backends.objective import Objective
from harness.processes import wire
from harness.processes.process import Child
from harness.system import interpreters
from harness.system.errors import UserError, WorkerFailed

# Seconds without an answer after which a process is taken for hung. The longest answers: a first
# step that compiles for a new GPU, a discriminator's and generator's float64 gradients on a CPU.
PATIENCE = 1800.0
# What such a process may raise that has a meaning for who called; anything else is a failure.
RAISED: dict[str, type[Exception]] = {
    "ValueError": ValueError,
    "UserError": UserError,
    "ImportError": ImportError,
    "ModuleNotFoundError": ImportError,
    "MemoryError": MemoryError,
}


class Process:
    """Runs `harness.processes.backend_process` in the Python of backend `name`.

    `patience`: seconds without an answer after which it is ended. Its log stays where something
    went wrong; the messages name it.
    """

    def __init__(self, name: str, patience: float = PATIENCE):
        self.log = Path(tempfile.mkdtemp(prefix="cyclebench-")) / f"{name}.txt"
        self._failed = False
        first = {"log": str(self.log)}
        self._child = Child(
            "harness.processes.backend_process", name, self.log, first, patience, name
        )
        atexit.register(self.close)

    def ask(self, verb: str, *given: object) -> Any:
        """Raises what the other side raised, as RAISED says, else WorkerFailed."""
        packed, content = wire.pack(given)
        try:
            event, content = self._child.exchange({"verb": verb, "given": packed}, content)
        except WorkerFailed:
            self._failed = True
            raise
        if "raised" not in event:
            return wire.unpack(event["returned"], content)
        kind, message = event["raised"]
        if kind in RAISED:
            raise RAISED[kind](message)
        self._failed = True
        raise WorkerFailed(f"{self._child.name}: {kind}: {message}; see {self.log}")

    def close(self) -> None:
        atexit.unregister(self.close)
        self._child.close()
        if not self._failed:
            shutil.rmtree(self.log.parent, ignore_errors=True)


class RemoteBackend:
    """See backends.interface.Backend; every method is called in `process`."""

    def __init__(
        self, process: Process, name: str, model: Model, objective: Objective, runtime: Runtime
    ):
        self.model, self.objective, self.runtime = model, objective, runtime
        self._process = process
        self._number: int = process.ask("load", name, model, objective, runtime)

    def __getattr__(self, method: str) -> Any:
        """Called for whatever is not here: the methods of the interface."""
        if method.startswith("_") or method not in vars(Backend):
            raise AttributeError(method)

        def call(*arguments: object, **named: object) -> Any:
            return self._process.ask("call", self._number, method, arguments, named)

        return call


def load_anywhere(name: str, model: Model, objective: Objective, runtime: Runtime) -> Backend:
    """`backends.load`, here where backend `name` runs in this Python, else in a process of its own.

    Backends of one name share that process, as they would share this one.
    """
    if interpreters.is_own(name):
        return backends.load(name, model, objective, runtime)
    return load_in(process_of(name), name, model, objective, runtime)


def load_in(
    process: Process, name: str, model: Model, objective: Objective, runtime: Runtime
) -> Backend:
    return cast(Backend, RemoteBackend(process, name, model, objective, runtime))


def run_with(name: str, function: str, *arguments: object) -> Any:
    """One of `backend_process.FUNCTIONS`, in the Python of backend `name`."""
    from harness.processes.backend_process import Host

    if interpreters.is_own(name):
        return Host().answer("run", (function, arguments))
    return process_of(name).ask("run", function, arguments)


@cache
def process_of(name: str) -> Process:
    """Started at the first call, ended with this process."""
    interpreters.check_interpreters([name])
    return Process(name)
