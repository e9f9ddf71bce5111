"""Which folder is the harness's environment on this node: one that works, or a name for a new one.

Nothing is made or changed here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import backends
from harness.system.errors import UserError
from harness.tools.environments.driver import Build, Driver, ask_driver, build_for
from harness.tools.environments.extras import check_release, extra_of, pins_of_version, plain
from harness.tools.environments.stamps import (
    BEGUN,
    HARNESS,
    ROOT,
    TEST,
    Stamp,
    Version,
    dotted,
    is_supported,
    new_stamp,
    parsed,
    pins,
    read_stamp,
    version_of,
)

BASE = ".venv"
BUILDS = ("cpu", "cuda", "cuda12")
# The former Makefile's mark of an environment with GPU builds.
FORMER_GPU_STAMP = ".ready-cuda-*"


@dataclass(frozen=True)
class SetupRequest:
    """What the user said. `build`: one of BUILDS, empty for what suits the machine; `python`: the
    version that has to be used, None for any; `extras`: beyond what every environment has, such as
    `test`; `backends`: names that a command will take, whether there are such backends or not."""

    build: str = ""
    python: Version | None = None
    extras: tuple[str, ...] = ()
    backends: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """One environment: what has to be in `folder`; `stamp` has its role, build and Python.

    `extras`: of pyproject.toml; of an environment for one version, its backend's name.
    """

    folder: Path
    stamp: Stamp
    extras: tuple[str, ...]

    @property
    def backend(self) -> str:
        """Of an environment for one version, as `tf@2.20.0`; else empty."""
        return self.stamp.role if backends.version(self.stamp.role) else ""

    @property
    def is_ready(self) -> bool:
        stamp = read_stamp(self.folder)
        if stamp is None or not stamp.covers(self.extras, self.pins(stamp.python)):
            return False
        chosen = stamp.chosen or not self.stamp.chosen
        return stamp.build == self.stamp.build and (chosen or bool(self.backend))

    def pins(self, python: str) -> str:
        """Checksum of all that decides what is installed; of one version, what that needs alone, so
        that a change for others leaves it as it is."""
        name = self.backend
        return pins_of_version(name, self.stamp.build, python) if name else pins()


@dataclass(frozen=True)
class Choice:
    """`base`: the folder of the harness's environment; `why`: how the build was decided;
    `environments`: those that the request needs, the one with its programs first."""

    base: Path
    build: str
    why: str
    chosen: bool
    environments: tuple[Wanted, ...]

    @property
    def programs(self) -> Path:
        return self.environments[0].folder / "bin"


def choose(
    request: SetupRequest, ask: Callable[[], Driver | None] = ask_driver, upgrade: bool = False
) -> Choice:
    """`ask`: the driver, in case it has to be known. `upgrade`: whether an environment with CPU
    builds that nobody asked for by name is to get GPU builds where there is a GPU.

    Raises UserError for a BUILD that does not exist, and for a backend without a release for the
    Python of the environments.
    """
    if request.build not in ("", *BUILDS):
        raise UserError(f"BUILD={request.build}: there is {', '.join(BUILDS)}")
    base, stamp = find(request) or (None, None)
    if request.build:
        build = Build(request.build, "BUILD says so")
    elif stamp and not (upgrade and stamp.build == "cpu" and not stamp.chosen):
        build = Build(stamp.build, "as it is there")
    else:
        build = build_for(ask())
    if base is None or stamp is None:
        base = name_for(request, build.name)
        stamp = new_stamp(HARNESS, version_of(base) or this_version())
    chosen = bool(request.build) or stamp.chosen
    stamp = replace(stamp, build=build.name, chosen=chosen)
    return Choice(base, build.name, build.why, chosen, wanted(base, stamp, request))


def environment_folders() -> list[Path]:
    """All of this checkout, the harness's own first."""
    return [path for path in (ROOT / BASE, *sorted(ROOT.glob(f"{BASE}-*"))) if path.is_dir()]


def find(request: SetupRequest) -> tuple[Path, Stamp] | None:
    """An environment of the harness that runs on this node and is as asked for, even if it has to
    be brought up to date."""
    for folder in environment_folders():
        stamp = read_stamp(folder)
        if stamp is None or stamp.role != HARNESS or not stamp.is_here:
            continue
        if request.python and stamp.python != dotted(request.python):
            continue
        # What has CPU builds can be given GPU builds beside them, but not the other way round.
        if request.build == "cpu" and stamp.build != "cpu":
            continue
        if version_of(folder) is not None:
            return folder, stamp
    return None


def name_for(request: SetupRequest, build: str) -> Path:
    """A folder for a new environment: `.venv`, or where that is taken a name that says why."""
    folder = ROOT / BASE
    reason = taken(folder, request, build)
    if not reason:
        return folder
    names = (reason if number == 1 else f"{reason}-{number}" for number in count(1))
    folders = (beside(folder, name) for name in names)
    return next(other for other in folders if not taken(other, request, build))


def taken(folder: Path, request: SetupRequest, build: str) -> str:
    """Why no environment can be made in `folder`, as a part of another's name; empty: one can,
    or a setup can go on there."""
    if not folder.exists() or not any(folder.iterdir()):
        return ""
    version = f"py{dotted(request.python or this_version())}"
    stamp, runs = read_stamp(folder), version_of(folder)
    if stamp is None:
        # The user's own, or the former Makefile's, which put all frameworks' GPU builds together.
        fits = runs is not None and is_supported(runs) and request.python in (None, runs)
        return "" if fits and not any(folder.glob(FORMER_GPU_STAMP)) else version
    if stamp.machine != os.uname().machine:
        return os.uname().machine
    if stamp.root != str(ROOT):
        return "moved"
    if stamp.state == BEGUN and runs in (None, request.python or runs):
        return ""
    if runs is not None and build == "cpu" and stamp.build != "cpu":
        return "cpu"
    return version


def wanted(base: Path, stamp: Stamp, request: SetupRequest) -> tuple[Wanted, ...]:
    """The environments of a build.

    `extras` are for tests and the like, which run with CPU builds of all frameworks in one
    environment. Where the harness has GPU builds, that is an environment of their own.
    """
    names = dict.fromkeys(plain(name, stamp.build) for name in request.backends)
    request = replace(request, backends=tuple(names))
    if stamp.build == "cpu":
        others = needed(base, stamp, request).values()
        return (Wanted(base, stamp, merged(base, ("cpu", *others, *request.extras))),)
    if request.extras:
        folder = beside(base, TEST)
        of_tests = replace(stamp, role=TEST, build="cpu")
        return (Wanted(folder, of_tests, merged(folder, ("cpu", *request.extras))),)
    return (
        Wanted(base, stamp, merged(base, ("harness",))),
        *(
            Wanted(beside(base, name), replace(stamp, role=name), (extra,))
            for name, extra in needed(base, stamp, request).items()
        ),
    )


def for_version(folder: Path, stamp: Stamp, name: str) -> Wanted:
    """The environment of a backend such as `tf@2.20.0`; `stamp`: of the harness's.

    Raises UserError for a version that the backend does not work with.
    """
    releases, version = backends.releases(name), backends.version(name) or ""
    if releases and (wrong := releases.check(version)):
        raise UserError(f"backend {name}: {wrong}")
    return Wanted(folder, replace(stamp, role=name), (name,))


def needed(base: Path, stamp: Stamp, request: SetupRequest) -> dict[str, str]:
    """Extras by backend: of those asked for and, where each has an environment of its own, of the
    usual ones and those that have it already. In one environment the extra `cpu` has the usual
    ones, and those that were there before are kept with it. What has a Python elsewhere needs none.

    Raises UserError for one asked for that has no release for the Python of `stamp`.
    """
    found = {}
    for name in backends.available():
        folder, extra = beside(base, name), extra_of(name, stamp.build)
        usual, asked = name in backends.USUAL, name in request.backends
        has_python = bool(os.environ.get(backends.interpreter_variable(name)))
        if stamp.build == "cpu":
            is_needed = asked and not usual and not folder.is_dir()
        else:
            is_needed = asked or usual or read_stamp(folder) is not None
        if extra is None or has_python or not is_needed:
            continue
        if asked:
            check_release(name, extra, parsed(stamp.python))
        found[name] = extra
    return found


def merged(folder: Path, extras: tuple[str, ...]) -> tuple[str, ...]:
    """With those that are there already: they are kept up to date together."""
    stamp = read_stamp(folder)
    return tuple(dict.fromkeys((*(stamp.extras if stamp else ()), *extras)))


def beside(base: Path, name: str) -> Path:
    return base.with_name(f"{base.name}-{name}")


def this_version() -> Version:
    return sys.version_info[0], sys.version_info[1]
