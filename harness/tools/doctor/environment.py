"""What is installed in the environment of a backend, and what of it has to be there.

A backend may have an environment of its own. That one is described by a program that it runs itself
(`harness.tools.environments.installed`), without the frameworks being imported.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

import backends
from backends.releases import GpuBuild
from harness.system.interpreters import SHARED_PACKAGES, remedy, setup
from harness.tools.doctor.check import Check, ok
from harness.tools.environments import installed
from harness.tools.environments.installed import canonical
from harness.tools.environments.stamps import READY, read_stamp
from harness.tools.environments.versions import found

OWN = "cyclebench"
EXTRA = re.compile(r"""extra == ["']([\w-]+)["']""")
PATIENCE = 30.0  # seconds, for an environment to describe itself


@dataclass(frozen=True)
class Environment:
    """What `installed.describe` found. `serves`: the backends that run in it; `is_own`: of this
    process, the harness's."""

    serves: tuple[str, ...]
    is_own: bool
    python: str
    prefix: str
    base_prefix: str
    versions: Mapping[str, str]
    requires: Mapping[str, Sequence[str]]
    python_range: str
    origins: Mapping[str, str]
    shared: Sequence[Mapping[str, Any]]

    @cached_property
    def extras(self) -> tuple[str, ...]:
        """Extras of pyproject.toml that have to be there."""
        of_backends = filter(None, map(self.extra_of, self.serves))
        return (*(["harness"] if self.is_own else []), *of_backends)

    def extra_of(self, name: str) -> str | None:
        """Of those for backend `name`, such as `tf` and `tf-cuda`, the one that `make setup` has
        installed here, else the one of which most is there. None: it has none."""
        known = dict.fromkeys(EXTRA.findall(" ".join(self.requires.get(OWN, ()))))
        extras = [extra for extra in known if extra == name or extra.startswith(f"{name}-")]
        stamp = read_stamp(Path(self.prefix))
        made = [extra for extra in extras if stamp and extra in stamp.extras]

        def lacking(extra: str) -> tuple[int, int]:
            names = {canonical(one.name) for _, one in self.requirements((extra,))} - {OWN}
            return len(names - self.versions.keys()), -len(names)

        return made[0] if made else min(extras, key=lacking, default=None)

    def requirements(self, extras: Iterable[str]) -> list[tuple[str, Requirement]]:
        """All that this program needs with these extras, each with the package that asks for it: it
        itself first, then those that it asks for, and so on, so far as they are installed."""
        found: dict[tuple[str, str], Requirement] = {}
        waiting = [(OWN, frozenset(extras))]
        for package, of_it in waiting:
            for requirement in self._needed(package, of_it):
                found[package, str(requirement)] = requirement
                further = canonical(requirement.name), frozenset(requirement.extras)
                if further not in waiting:
                    waiting.append(further)
        return [(package, requirement) for (package, _), requirement in found.items()]

    def _needed(self, package: str, extras: Iterable[str]) -> list[Requirement]:
        """What a package with these extras requires in this environment's Python."""
        python = {
            "python_full_version": self.python,
            "python_version": ".".join(self.python.split(".")[:2]),
        }
        parsed = []
        for text in self.requires.get(package, ()):
            with suppress(InvalidRequirement):
                parsed.append(Requirement(text))
        return [
            one
            for one in parsed
            if one.marker is None
            or any(one.marker.evaluate({**python, "extra": extra}) for extra in ("", *extras))
        ]

    def unmet(self, requirement: Requirement) -> str:
        """What is wrong; empty where nothing is. A build's `+cpu` is no other version."""
        version = self.versions.get(canonical(requirement.name))
        if version is None:
            return f"{requirement.name} is missing"
        if requirement.specifier.contains(version, prereleases=True):
            return ""
        return f"{requirement.name} is {version}, not {requirement.specifier}"

    def title(self, of: str) -> str:
        """The name of a check; of another environment with the backends that it serves."""
        return of if self.is_own else f"{of} of {', '.join(self.serves)}"

    @property
    def anew(self) -> str:
        """How to make it anew, where what is in it has been spoilt."""
        variables = [backends.interpreter_variable(name) for name in self.serves]
        variables = [name for name in variables if os.environ.get(name)]
        if variables and not self.is_own:
            return f"unset {' '.join(variables)}, then {self.setup}"
        return f"remove {self.prefix}, then {self.setup}"

    @property
    def setup(self) -> str:
        return setup(self.serves)


def look(names: Iterable[str]) -> list[Environment | Check]:
    """The environments of this process and of the backends `names`; a problem in place of one that
    does not describe itself."""
    served: dict[Path, list[str]] = {Path(sys.executable): []}
    for name in names:
        served.setdefault(backends.interpreter(name), []).append(name)
    return [describe(python, of_it) for python, of_it in served.items()]


def describe(python: Path, names: list[str]) -> Environment | Check:
    """The environment of an interpreter that runs the backends `names`."""
    packages = (*SHARED_PACKAGES, *(one for name in names for one in backends.packages(name)))
    if python == Path(sys.executable):
        return Environment(tuple(names), True, **installed.describe(OWN, packages))
    # In another environment, where nothing of ours needs to be installed.
    command = [str(python), "-I", "-B", str(Path(installed.__file__)), OWN, *packages]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
        return Environment(tuple(names), False, **json.loads(done.stdout))
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        found = f"{python} does not describe its packages ({type(error).__name__})"
        return Check(f"environment of {', '.join(names)}", "problem", found, remedy(names[0]))


def check_versions() -> Iterator[Check]:
    """The environments of versions, such as `tf@2.20.0`, so far as they say it themselves."""
    for one in found(sizes=False):
        title, about = f"environment of {one.backend}", f"{one.build} builds, Python {one.python}"
        if one.state == READY:
            yield ok(title, f"{about}, in {one.folder}")
        else:
            fix = f"`cyclebench env add {one.backend}` goes on with it"
            yield Check(title, "warning", f"its setup has not ended: {one.folder}", fix)


def gpu_builds(
    names: Iterable[str], environments: Iterable[Environment | Check]
) -> dict[str, GpuBuild | None]:
    """Of every backend the build for GPUs that is installed; else the one that would be, so far as
    it is known."""
    installed_for = {
        name: environment.versions
        for environment in environments
        if isinstance(environment, Environment)
        for name in environment.serves
    }
    found = {}
    for name in names:
        versions, builds = installed_for.get(name, {}), backends.gpu_builds(name)
        here = [build for build in builds if versions.get(build.package) == build.version]
        found[name] = next(iter((*here, *builds)), None)
    return found
