"""A backend that lives in a process of its own, perhaps in another Python, and is used like any.

Where a backend's framework is installed in this Python it can be built here; `load_anywhere` does
as fits, and whoever uses what it returns need not know.
"""

from __future__ import annotations

import atexit
from functools import cache
from typing import Any, overload

import backends
from backends.gan import GanBackend, GanModel, GanObjective
from backends.interface import Backend, Runtime
from backends.model import Model
from backends.objective import Objective
from harness.processes import wire
from harness.processes.backend_process import METHODS
from harness.processes.process import FRAMEWORK_SECONDS, Child
from harness.system import interpreters
from harness.system.errors import UserError

# What such a process may raise that has a meaning for who called; anything else is a failure.
RAISED: dict[str, type[Exception]] = {
    "ValueError": ValueError,
    "UserError": UserError,
    "ImportError": ImportError,
    "ModuleNotFoundError": ImportError,
    "MemoryError": MemoryError,
}


class Process(Child):
    """`harness.processes.backend_process` in the Python of backend `name`; ends with this one."""

    def __init__(self, name: str, patience: float = FRAMEWORK_SECONDS):
        super().__init__("harness.processes.backend_process", name, None, {}, patience, name)
        self.forgotten: list[int] = []  # backends there that nobody here has any more
        atexit.register(self.close)

    def ask(self, verb: str, *given: object) -> Any:
        """Raises what the other side raised, as RAISED says, else WorkerFailed."""
        packed, content = wire.pack(given)
        forget = [self.forgotten.pop() for _ in range(len(self.forgotten))]
        message = {"verb": verb, "given": packed, "forget": forget}
        event, content = self.exchange(message, content)
        if "raised" not in event:
            return wire.unpack(event["returned"], content)
        kind, message = event["raised"]
        raise RAISED[kind](message) if kind in RAISED else self.failure(f"{kind}: {message}")

    def close(self) -> None:
        atexit.unregister(self.close)
        super().close()


class RemoteBackend:
    """See backends.interface.Backend; every method is called in `process`."""

    def __init__(self, process: Process, name: str, model: Any, objective: Any, runtime: Runtime):
        self.model, self.objective, self.runtime = model, objective, runtime
        self._process = process
        self._number: int = process.ask("load", name, model, objective, runtime)

    def __getattr__(self, method: str) -> Any:
        """Called for whatever is not here: the methods of the interface."""
        if method not in METHODS:
            raise AttributeError(method)

        def call(*arguments: object, **named: object) -> Any:
            return self._process.ask("call", self._number, method, arguments, named)

        return call

    def __del__(self) -> None:
        """What it has taken there is given back with the next message."""
        if "_number" in vars(self):
            self._process.forgotten.append(self._number)


@overload
def load_anywhere(name: str, model: Model, objective: Objective, runtime: Runtime) -> Backend: ...
@overload
def load_anywhere(
    name: str, model: GanModel, objective: GanObjective, runtime: Runtime
) -> GanBackend: ...
def load_anywhere(name: str, model: Any, objective: Any, runtime: Runtime) -> Any:
    """`backends.load`, here where backend `name` runs in this Python, else in a process of its own.

    Backends of one name share that process, as they would share this one.
    """
    if interpreters.is_own(name):
        return backends.load(name, model, objective, runtime)
    return load_in(process_of(name), name, model, objective, runtime)


def load_in(process: Process, name: str, model: Any, objective: Any, runtime: Runtime) -> Any:
    return RemoteBackend(process, name, model, objective, runtime)


def run_with(name: str, function: str, *arguments: object) -> Any:
    """One of `backend_process.FUNCTIONS`, in the Python of backend `name`."""
    from harness.processes.backend_process import call_function

    if interpreters.is_own(name):
        return call_function(function, arguments)
    return process_of(name).ask("run", function, arguments)


@cache
def process_of(name: str) -> Process:
    """Started at the first call, ended with this process."""
    interpreters.check_interpreters([name])
    return Process(name)
