"""CycleGAN in several frameworks behind one interface. A framework is imported when asked for.

A backend is a folder `<name>_impl` here. It has PACKAGES, the installed packages whose versions
decide its numbers; a function `prepare(runtime)` for what must be done before the framework is
imported; and a module `backend` with a class `Backend` that follows `backends.interface.Backend`.
A module `gan` may have another, for `backends.gan.GanBackend`: a model says which it needs.
It may have COLOUR, as "#0072B2": that of its curves; OVERRIDES, patterns of variables that are
taken from it; and, for `cyclebench doctor`, GPU_BUILDS and VARIABLES, both of `backends.releases`.
Its title is the `framework` of `environment`. It may have RELEASES, those of its framework that
were tried, as `backends.releases.Releases`.
Adding a folder adds a backend; nothing else has to change but its extras in pyproject.toml, which
`make setup` installs.

A backend's name is that of its implementation, `tf`; or of one in another version of its framework,
`tf@2.20.0`, or in another Python, `tf@/path/to/python` or `tf@/path/to/environment`. Each is a
backend of its own, and all of them may be compared with each other.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Dict, Tuple, overload  # noqa: UP035

from backends.releases import numbers

if TYPE_CHECKING:
    from backends.gan import GanBackend, GanModel, GanObjective
    from backends.interface import Backend, Runtime
    from backends.model import Model
    from backends.objective import Objective
    from backends.releases import GpuBuild, Numbers, Releases, Variable


# What is compared where nobody says what, in the order of every difference and ratio; then others.
USUAL = ("torch", "tf")
# As pip writes them: 2.20.0, 2.22.0rc1, 2.13.0+cu126.
VERSION = re.compile(r"[0-9]+(\.[0-9]+)*((a|b|rc|\.dev|\.post)[0-9]+)?(\+[a-z0-9]+(\.[a-z0-9]+)*)?")
# Variables of libraries that several frameworks use, which change what runtime.tf32 and
# runtime.precision say.
OVERRIDES = (
    "NVIDIA_TF32_OVERRIDE", "ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE",
)  # fmt: skip
LONGEST = 64  # characters of a version, and of a path in a file's name


class ReplicaLost(RuntimeError):
    """A replica ended while it was needed. What it knew is in the last checkpoint."""


def available() -> tuple[str, ...]:
    """Names that `load` takes, by folder name: `torch_impl` is `torch`. Imports no framework.

    Whether the framework is installed it does not say: see harness.system.interpreters.installed.
    """
    folders = Path(__file__).parent.glob("*_impl/backend.py")
    names = {path.parent.name[: -len("_impl")] for path in folders}  # Python 3.8 reads this, too
    return (*USUAL, *sorted(names - set(USUAL)))


def implementation(name: str) -> str:
    """The folder's part of a backend's name: `tf` of `tf@2.20.0`."""
    return name.partition("@")[0]


def version(name: str) -> str | None:
    """The version of its framework that backend `name` asks for; None: any."""
    asked = name.partition("@")[2]
    return asked if len(asked) <= LONGEST and VERSION.fullmatch(asked) else None


def own_python(name: str) -> Path | None:
    """The Python that backend `name` asks for, a program or an environment's; None: none."""
    asked = name.partition("@")[2]
    return _program(Path(asked)) if asked.startswith("/") else None


def is_name(name: str) -> bool:
    """Whether there is such an implementation, with a version, an absolute path, or nothing."""
    known, asked = implementation(name) in available(), "@" in name
    return known and (not asked or bool(version(name) or own_python(name)))


def ordered(names: Iterable[str]) -> list[str]:
    """In the order of every difference and ratio: as `available`, older versions before newer."""
    order = available()

    def place(name: str) -> Tuple[int, Tuple[int, ...], str]:  # noqa: UP006
        known = implementation(name)
        return (
            order.index(known) if known in order else len(order),
            numbers(version(name) or ""),
            name,
        )

    return sorted(set(names), key=place)


def file_name(name: str) -> str:
    """A backend's name as a part of a file's: of a path its letters and numbers, of a long one its
    end and a checksum."""
    known, at, asked = name.partition("@")
    if "/" not in asked:
        return name
    plain = re.sub(r"[^A-Za-z0-9.]+", "-", asked).strip("-")
    if len(plain) > LONGEST:
        plain = f"{plain[-LONGEST:]}-{hashlib.sha256(asked.encode()).hexdigest()[:8]}"
    return known + at + plain


def title(name: str, environment: Mapping[str, Any], versioned: bool = False) -> str:
    """ "TensorFlow"; "TensorFlow 2.20.0" of one that asks for a version or a Python, or if
    `versioned`.

    `environment`: what the backend says of itself, or what a record has of it.
    """
    framework, versions = str(environment.get("framework", name)), environment.get("versions")
    if not (versioned or "@" in name) or implementation(name) not in available():
        return framework
    versions = versions if isinstance(versions, Mapping) else {}
    found = (str(versions[package]) for package in packages(name) if package in versions)
    return f"{framework} {next(found, name.partition('@')[2])[:LONGEST]}"


def titles(environments: Iterable[Tuple[str, Mapping[str, Any]]]) -> Dict[str, str]:  # noqa: UP006
    """Backend -> title, of those on one page, given each with what a record has of it.

    `tf` is called by its version, too, where `tf@2.20.0` is beside it.
    """
    known = dict(environments)
    several = {implementation(name) for name in known if "@" in name}
    return distinct(
        (name, title(name, environment, implementation(name) in several))
        for name, environment in known.items()
    )


def distinct(titles: Iterable[Tuple[str, str]]) -> Dict[str, str]:  # noqa: UP006
    """Backend -> title, of pairs of them: with its name where another backend has the same title,
    as two Pythons with one version have."""
    by_name = dict(titles)
    shared = [title for title, count in Counter(by_name.values()).items() if count > 1]
    short = {name: name if len(name) <= LONGEST else file_name(name) for name in by_name}
    return {
        name: f"{title} ({short[name]})" if title in shared else title
        for name, title in by_name.items()
    }


@overload
def load(name: str, model: Model, objective: Objective, runtime: Runtime) -> Backend: ...
@overload
def load(name: str, model: GanModel, objective: GanObjective, runtime: Runtime) -> GanBackend: ...
def load(name: str, model: Any, objective: Any, runtime: Runtime) -> Any:
    """Build the networks of `model` in backend `name`. Raises KeyError for an unknown name."""
    if not is_name(name):
        raise KeyError(name)
    for variable in os.environ.keys() - without_overrides(os.environ).keys():
        del os.environ[variable]
    _package(name).prepare(runtime)
    module = importlib.import_module(f"backends.{implementation(name)}_impl.{model.module}")
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


def without_overrides(environment: Mapping[str, str]) -> Dict[str, str]:  # noqa: UP006
    """Less the variables that would have a backend compute other than its Runtime says.

    Imports no framework.
    """
    of_backends = (getattr(_package(name), "OVERRIDES", ()) for name in available())
    patterns = [*OVERRIDES, *(pattern for patterns in of_backends for pattern in patterns)]
    return {
        name: value
        for name, value in environment.items()
        if not any(fnmatchcase(name, pattern) for pattern in patterns)
    }


def releases(name: str) -> Releases | None:
    """Of the framework of backend `name`, those that were tried. Imports no framework."""
    return getattr(_package(name), "RELEASES", None)


def pythons(name: str) -> tuple[Numbers, Numbers] | None:
    """The first and the last Python that the version in `name` has wheels for; None: not known."""
    known, asked = releases(name), numbers(version(name) or "")
    return known.pythons.get((asked[0], asked[1])) if known and len(asked) > 1 else None


def colour(name: str) -> str | None:
    """The colour that backend `name` has chosen, as "#0072B2"; None: none, or no such backend.

    Imports no framework.
    """
    if implementation(name) not in available():
        return None
    return getattr(_package(name), "COLOUR", None)


def _package(name: str) -> ModuleType:
    return importlib.import_module(f"backends.{implementation(name)}_impl")


def interpreter_variable(name: str) -> str:
    """The environment variable that names the Python of backend `name`, where that names none."""
    return f"CYCLEBENCH_PYTHON_{implementation(name).upper()}"


def interpreter(name: str) -> Path:
    """The Python that backend `name` runs in.

    What the name says; else, for a version, that of the environment beside this one that `make`
    makes (`.venv-tf@2.20.0` beside `.venv`). Else what `interpreter_variable` names, a program or
    the folder of an environment; else that of the environment beside this one that `make setup`
    makes on GPU machines (`.venv-torch`); else this one. It need not exist, nor have that version:
    `harness.system.interpreters` checks.
    """
    own, beside = own_python(name), Path(f"{sys.prefix}-{name}")
    if own:
        return own
    if version(name):
        return _program(beside) if beside.is_dir() else interpreter(implementation(name))
    named = os.environ.get(interpreter_variable(name))
    if named:
        return _program(Path(named).expanduser().absolute())
    return _program(beside) if beside.is_dir() else Path(sys.executable)


def _program(path: Path) -> Path:
    """The Python of an environment, where `path` is its folder."""
    # Unlike `Path.is_dir`, False for names that no file system takes.
    return path / "bin" / "python" if os.path.isdir(path) else path  # noqa: PTH112
