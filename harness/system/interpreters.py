"""The Python that each backend runs in: is it there, does it work, what is installed in it?

`backends.interpreter` says which one it is. Two frameworks may need libraries that cannot share an
environment, as different versions of CUDA do: then each has an environment of its own, and the
harness another.
"""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import backends
from harness.system.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0  # seconds; on a cold network disk Python itself takes some
# Of Python's own variables those that say where files are, or are of no consequence: a process goes
# without the others, such as PYTHONWARNINGS=error, PYTHONOPTIMIZE, PYTHONMALLOC.
OF_PYTHON = (
    "PYTHONPATH", "PYTHONHOME", "PYTHONPLATLIBDIR", "PYTHONUSERBASE", "PYTHONNOUSERSITE",
    "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED", "PYTHONFAULTHANDLER",
)  # fmt: skip
# What lies in the current folder is no part of this program: with `-m` and `-c` Python looks there
# first, for `random` as well. Python 3.10 has no option against it.
WITHOUT_THIS_FOLDER = "import sys; sys.path[:] = [path for path in sys.path if path]"
START = (
    f"{WITHOUT_THIS_FOLDER}; import runpy;"
    " runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"
)
OLDEST = (3, 10)
# What a process of a backend imports besides its framework.
MODULES = ("numpy", "pandas", "PIL", "platformdirs", "psutil", "pydantic", "safetensors", "yaml")
# Decide a run's numbers, too: drawing of plans, decoding of images.
SHARED_PACKAGES = ("numpy", "pillow")


@dataclass(frozen=True)
class InterpreterAnswer:
    """`python`: version; `missing`: of MODULES; `versions`: of the packages asked about."""

    python: tuple[int, ...]
    missing: tuple[str, ...]
    versions: Mapping[str, str]


def look(modules, packages):
    """What is installed here. Its text is run by interpreters of which nothing is known yet.

    Standard library only, and nothing that an old Python 3 does not know.
    """
    import contextlib
    import sys
    from importlib import metadata, util

    versions = {}
    for name in packages:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    missing = [name for name in modules if util.find_spec(name) is None]
    return {"python": sys.version_info[:3], "missing": missing, "versions": versions}


QUESTION = f"""{WITHOUT_THIS_FOLDER}
{inspect.getsource(look)}
import json, sys
print(json.dumps(look(*json.loads(sys.argv[1]))))
"""


def is_own(name: str) -> bool:
    """Whether backend `name` runs in the Python that runs this."""
    return backends.interpreter(name) == Path(sys.executable)


def command(name: str | None, module: str) -> list[str]:
    """Runs `module` in the Python of backend `name`; None: in this one."""
    python = sys.executable if name is None else str(backends.interpreter(name))
    return [python, "-c", START, module]


def environment() -> dict[str, str]:
    """Variables for such a process: it finds this code, whatever is installed there, and nothing
    that the user has set changes what is computed (`backends.without_overrides`).

    An empty entry of PYTHONPATH, as in "$PYTHONPATH:/opt/lib", would be the current folder.
    """
    of_user = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    kept = {
        name: value
        for name, value in backends.without_overrides(os.environ).items()
        if not name.startswith("PYTHON") or name in OF_PYTHON
    }
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *map(os.path.abspath, of_user)]),
        "PYTHONSAFEPATH": "1",  # for what the process starts: see WITHOUT_THIS_FOLDER
        "PYTHONUTF8": "1",  # files and their names are read alike in every locale
    }


def check_interpreters(names: Iterable[str]) -> None:
    """Raises UserError for a backend whose Python is missing, does not work, or lacks packages."""
    for name in names:
        python = backends.interpreter(name)
        answer = _ask(name, python)
        if answer.python < OLDEST:
            version = ".".join(map(str, answer.python))
            raise _refused(name, python, f"is Python {version}, older than 3.10")
        if answer.missing:
            raise _refused(name, python, f"lacks {', '.join(answer.missing)}")
        own = backends.packages(name)
        if not any(package in answer.versions for package in own):
            raise _refused(name, python, f"has no package {' or '.join(own)}")
        _check_version(name, python, answer.versions)


def _check_version(name: str, python: Path, versions: Mapping[str, str]) -> None:
    """Whether the framework is in the version that was asked for, and in one that does."""
    found = next(versions[package] for package in backends.packages(name) if package in versions)
    releases = backends.releases(name)
    if releases and (wrong := releases.check(found)):
        raise UserError(f"backend {name}: {wrong}")
    asked = backends.version(name)
    # 2.20.0 is there where 2.20.0+cpu is; who asks for a build gets no other.
    if asked and asked not in (found, found.partition("+")[0]):
        raise _refused(name, python, f"has {found}")


def shared_packages() -> dict[str, str]:
    """Version of SHARED_PACKAGES in this Python, which decodes images."""
    return dict(look((), SHARED_PACKAGES)["versions"])


def installed() -> tuple[str, ...]:
    """Names of the backends whose framework is installed in their Python."""
    return tuple(name for name in backends.available() if packages(name))


def expected() -> tuple[str, ...]:
    """Names of the backends that are to work here: the usual ones, and of the others those that are
    installed, or that have a Python of their own."""
    return tuple(
        name
        for name in backends.available()
        if name in backends.USUAL or not is_own(name) or packages(name)
    )


def packages(name: str) -> dict[str, str]:
    """Package -> public version in the Python of backend `name`, of those that decide its numbers.

    CPU and GPU builds of one release count as the same. Empty where the backend is not installed.
    Raises UserError for a Python that does not work.
    """
    return _packages(name, backends.interpreter(name))


def packages_here(name: str) -> dict[str, str]:
    """As `packages`, in this process, which the Python of backend `name` runs.

    It need not be the one that `backends.interpreter` finds from here, where other environments lie
    beside this one.
    """
    return _packages(name, Path(sys.executable))


def _packages(name: str, python: Path) -> dict[str, str]:
    versions = _ask(name, python).versions
    if not any(package in versions for package in backends.packages(name)):
        return {}
    return {
        package.removesuffix("-cpu"): version.partition("+")[0]
        for package, version in sorted(versions.items())
    }


def _ask(name: str, python: Path) -> InterpreterAnswer:
    return _answer(name, python, (*backends.packages(name), *SHARED_PACKAGES))


@cache
def _answer(name: str, python: Path, asked: tuple[str, ...]) -> InterpreterAnswer:
    """Once a process: another Python takes a tenth of a second."""
    if python == Path(sys.executable):
        answer = look(MODULES, asked)
        return InterpreterAnswer(answer["python"], tuple(answer["missing"]), answer["versions"])
    arguments = [str(python), "-c", QUESTION, json.dumps([MODULES, asked])]
    try:
        done = subprocess.run(
            arguments,
            env=environment(),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
        )
    except FileNotFoundError:
        raise _refused(name, python, "is not there") from None
    except subprocess.TimeoutExpired:
        raise _refused(name, python, f"gave no answer within {PATIENCE:.0f} s") from None
    except OSError as error:
        raise _refused(name, python, f"does not start ({error.strerror})") from None
    try:
        answer = json.loads(done.stdout.splitlines()[-1])
        return InterpreterAnswer(
            tuple(answer["python"]), tuple(answer["missing"]), answer["versions"]
        )
    except (ValueError, KeyError, IndexError, TypeError):
        last = done.stderr.strip().splitlines()[-1:] or [f"ended with status {done.returncode}"]
        raise _refused(name, python, f"does not work ({last[0][:200]})") from None


def _refused(name: str, python: Path, what: str) -> UserError:
    return UserError(f"backend {name}: {python} {what}; {remedy(name)}")


def remedy(name: str) -> str:
    """What to do where the Python of backend `name` does not do."""
    if backends.own_python(name):
        return "name the Python of an environment that has what it needs"
    if backends.version(name):
        return f"run `cyclebench env add {name}`"
    variable, python = backends.interpreter_variable(name), backends.interpreter(name)
    if os.environ.get(variable):
        return f"set {variable} to the Python of an environment that has what it needs, or unset it"
    if python == Path(sys.executable):
        return f"run {setup([name])}"
    return f"remove {python.parent.parent} and run {setup([name])}"


def setup(names: Iterable[str] = (), build: str = "") -> str:
    """The command that installs these backends, in that build, beside the usual ones."""
    others = [name for name in names if name not in backends.USUAL]
    words = [f"BUILD={build}"] if build else []
    words += [f"BACKENDS={','.join((*backends.USUAL, *others))}"] if others else []
    return f"`{' '.join(['make setup', *words])}`"
