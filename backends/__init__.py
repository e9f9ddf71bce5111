"""CycleGAN in several frameworks behind one interface. A framework is imported when asked for.

A backend is a folder `<name>_impl` here. It has a function `prepare(runtime)` for what must be done
before the framework is imported, and a module `backend` with a class `Backend` that follows
`backends.interface.Backend`. Adding a folder adds a backend; nothing else has to change.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backends.interface import Backend, Runtime
    from backends.model import Model
    from backends.objective import Objective


def available() -> tuple[str, ...]:
    """Names that `load` takes, by folder name: `torch_impl` is `torch`. Imports no framework."""
    folders = Path(__file__).parent.glob("*_impl/backend.py")
    names = sorted(path.parent.name.removesuffix("_impl") for path in folders)
    # PyTorch first, as the reference; any other order would do as well.
    return tuple(sorted(names, key=lambda name: name != "torch"))


def load(name: str, model: Model, objective: Objective, runtime: Runtime) -> Backend:
    """Build the four networks of backend `name`. Raises KeyError for an unknown name."""
    if name not in available():
        raise KeyError(name)
    package = f"backends.{name}_impl"
    importlib.import_module(package).prepare(runtime)
    return importlib.import_module(f"{package}.backend").Backend(model, objective, runtime)
