"""CycleGAN in several frameworks behind one interface. A framework is imported when asked for.

A backend is a folder `<name>_impl` here. It has PACKAGES, the installed packages whose versions
decide its numbers; a function `prepare(runtime)` for what must be done before the framework is
imported; and a module `backend` with a class `Backend` that follows `backends.interface.Backend`.
It may have COLOUR, as "#0072B2": that of its curves; and, for `cyclebench doctor`, GPU_BUILDS,
VARIABLES and SETTINGS, all of `backends.releases`. Its title is the `framework` of `environment`.
Adding a folder adds a backend; nothing else has to change but its extras in pyproject.toml, which
`make setup` installs.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backends.interface import Backend, Runtime
    from backends.model import Model
    from backends.objective import Objective
    from backends.releases import GpuBuild, SettingsFile, Variable


# What is compared where nobody says what, in the order of every difference and ratio; then others.
USUAL = ("torch", "tf")


class ReplicaLost(RuntimeError):
    """A replica ended while it was needed. What it knew is in the last checkpoint."""


def available() -> tuple[str, ...]:
    """Names that `load` takes, by folder name: `torch_impl` is `torch`. Imports no framework.

    Whether the framework is installed it does not say: see harness.system.interpreters.installed.
    """
    folders = Path(__file__).parent.glob("*_impl/backend.py")
    names = {path.parent.name[: -len("_impl")] for path in folders}  # Python 3.8 reads this, too
    return (*USUAL, *sorted(names - set(USUAL)))


def load(name: str, model: Model, objective: Objective, runtime: Runtime) -> Backend:
    """Build the four networks of backend `name`. Raises KeyError for an unknown name."""
    if name not in available():
        raise KeyError(name)
    _package(name).prepare(runtime)
    module = importlib.import_module(f"backends.{name}_impl.backend")
    return module.Backend(model, objective, runtime)


def packages(name: str) -> tuple[str, ...]:
    """Packages that decide the numbers of backend `name`, as pip calls them. Imports no framework.

    Of alternatives, such as a CPU and a GPU build, only one is installed.
    """
    return _package(name).PACKAGES


def gpu_builds(name: str) -> tuple[GpuBuild, ...]:
    """Of the framework of backend `name`, as far as known; the usual one first. Imports none."""
    return getattr(_package(name), "GPU_BUILDS", ())


def variables(name: str) -> tuple[Variable, ...]:
    """Of the environment, that change what backend `name` does. Imports no framework."""
    return getattr(_package(name), "VARIABLES", ())


def settings_file(name: str) -> SettingsFile | None:
    """Which the framework of backend `name` follows, if there is one. Imports no framework."""
    return getattr(_package(name), "SETTINGS", None)


def colour(name: str) -> str | None:
    """The colour that backend `name` has chosen, as "#0072B2"; None: none, or no such backend.

    Imports no framework.
    """
    if name not in available():
        return None
    return getattr(_package(name), "COLOUR", None)


def _package(name: str) -> ModuleType:
    return importlib.import_module(f"backends.{name}_impl")


def interpreter_variable(name: str) -> str:
    """The environment variable that names the Python of backend `name`."""
    return f"CYCLEBENCH_PYTHON_{name.upper()}"


def interpreter(name: str) -> Path:
    """The Python that backend `name` runs in.

    What `interpreter_variable` names, a program or the folder of an environment; else that of the
    environment beside this one that `make setup` makes on GPU machines (`.venv-torch` beside
    `.venv`); else this one. It need not exist: `harness.system.interpreters` checks.
    """
    named = os.environ.get(interpreter_variable(name))
    if named:
        path = Path(named).expanduser().absolute()
        return path / "bin" / "python" if path.is_dir() else path
    beside = Path(f"{sys.prefix}-{name}")
    return beside / "bin" / "python" if beside.is_dir() else Path(sys.executable)
