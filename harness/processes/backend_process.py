"""A process in which backends live whose methods another process calls. See remote_backend.

A JSON line and the bytes of arrays (harness.processes.wire) in, one of each out:

- `load`: name, model, objective, runtime of a backend; answered by its number
- `call`: number of a backend, name of a method, positional and named arguments; by what it returns
- `run`: name of one of FUNCTIONS and its arguments; by what it returns

`forget`, beside any of them: numbers of backends that nobody will call again. What is raised is
answered as `raised`: type and message; the process goes on.
"""

from __future__ import annotations

import gc
import importlib
import traceback
from collections.abc import Sequence
from typing import Any

import numpy as np

import backends
from backends.architecture import GeneratorSpec
from backends.exporting import exporter
from backends.gan import GanBackend
from backends.interface import Backend, Common, State
from harness.processes import wire
from harness.processes.child import Parent, run

# Whatever else needs a backend's framework: name -> module and function.
FUNCTIONS = {
    "write_tensors": ("harness.tools.imports.pth", "write_tensors"),
    "export_onnx": ("harness.processes.backend_process", "export_onnx"),
}
# What a backend offers. All else, such as attributes, is not called from outside.
METHODS = frozenset(
    name
    for protocol in (Common, Backend, GanBackend)
    for name in vars(protocol)
    if not name.startswith("_")
)


def export_onnx(name: str, spec: GeneratorSpec, weights: State) -> np.ndarray:
    """As `backends.exporting.ExportsOnnx.export_onnx` of backend `name`; uint8, a byte each."""
    return np.frombuffer(exporter(name).export_onnx(spec, weights), np.uint8)


def call_function(name: str, arguments: Sequence[Any]) -> Any:
    """One of FUNCTIONS."""
    module, function = FUNCTIONS[name]
    return getattr(importlib.import_module(module), function)(*arguments)


def answer(loaded: dict[int, Backend], verb: str, given: Any) -> object:
    """`loaded`: the backends of this process, by their numbers."""
    if verb == "load":
        number = max(loaded, default=-1) + 1
        loaded[number] = backends.load(*given)
        return number
    if verb == "run":
        return call_function(*given)
    number, method, arguments, named = given
    if method not in METHODS:
        raise KeyError(method)
    return getattr(loaded[number], method)(*arguments, **named)


def serve(parent: Parent) -> None:
    loaded: dict[int, Backend] = {}
    parent.send({"ready": True})
    for message in parent.commands():
        given = wire.unpack(message["given"], parent.read(message["content"]))
        for number in message["forget"]:
            del loaded[number]
        if message["forget"]:
            gc.collect()  # a backend and its compiled functions refer to each other
        try:
            packed, content = wire.pack(answer(loaded, message["verb"], given))
            event: dict[str, Any] = {"returned": packed}
        except Exception as error:
            traceback.print_exc()
            event, content = {"raised": [type(error).__name__, str(error)]}, b""
        parent.send({**event, "content": len(content)}, content)


if __name__ == "__main__":
    run(serve)
