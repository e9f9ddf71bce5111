"""Python and packages of every environment: installed, and in the versions of pyproject.toml.

A backend may have an environment of its own. That one is described by a program that it runs itself
(`harness.tools.environments.installed`), without the frameworks being imported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

import backends
from harness.system.interpreters import expected, remedy
from harness.tools.doctor.check import Check, ok
from harness.tools.environments import installed

OWN = "cyclebench"
SETUP = "`make setup`"
# One of the two brings TensorFlow: extras `tf` and `tf-cuda`.
TENSORFLOWS = {"tensorflow-cpu": "tf", "tensorflow": "tf-cuda"}
IMPORTED = ("torch", "tensorflow", "keras", "numpy")
# What they ask of protobuf, NumPy and the like is looked at, too.
FRAMEWORKS = ("torch", *TENSORFLOWS, "keras", "tensorboard")
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

    @property
    def extras(self) -> tuple[str, ...]:
        """Extras of pyproject.toml that have to be there."""
        builds = [extra for package, extra in TENSORFLOWS.items() if package in self.versions]
        tensorflow = (builds or ["tf"])[0]
        of_backends = [tensorflow if name == "tf" else name for name in self.serves]
        return (*(["harness"] if self.is_own else []), *of_backends)

    def title(self, of: str) -> str:
        """The name of a check; of another environment with the backends that it serves."""
        return of if self.is_own else f"{of} of {', '.join(self.serves)}"

    @property
    def anew(self) -> str:
        """How to make it anew, where what is in it has been spoilt."""
        variables = [backends.interpreter_variable(name) for name in self.serves]
        variables = [name for name in variables if os.environ.get(name)]
        if variables and not self.is_own:
            return f"unset {' '.join(variables)}, then {SETUP}"
        return f"remove {self.prefix}, then {SETUP}"


def check_packages() -> Iterator[Check]:
    served: dict[Path, list[str]] = {Path(sys.executable): []}
    for name in expected():
        served.setdefault(backends.interpreter(name), []).append(name)
    packages = list(dict.fromkeys([OWN, *FRAMEWORKS, *IMPORTED]))
    # In another environment, where nothing of ours needs to be installed.
    program = ["-I", "-B", str(Path(installed.__file__)), *packages]
    for python, names in served.items():
        is_own = python == Path(sys.executable)
        try:
            if is_own:
                description = installed.describe(packages)
            else:
                done = subprocess.run(
                    [str(python), *program],
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=PATIENCE,
                    check=True,
                )
                description = json.loads(done.stdout)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            found = f"{python} does not describe its packages ({type(error).__name__})"
            title = f"environment of {', '.join(names)}"
            yield Check(title, "problem", found, remedy(names[0]))
            continue
        yield from check_environment(Environment(tuple(names), is_own, **description))


def check_environment(environment: Environment) -> Iterator[Check]:
    if OWN not in environment.versions:
        found = f"not installed in {environment.prefix}"
        yield Check(environment.title("cyclebench"), "problem", found, SETUP)
        return
    yield check_python(environment)
    yield check_pins(environment)
    if "tf" in environment.serves or TENSORFLOWS.keys() <= environment.versions.keys():
        yield check_tensorflow(environment)
    yield check_dependencies(environment)
    yield check_origins(environment)
    yield check_shared_files(environment)


def check_python(environment: Environment) -> Check:
    title, version = environment.title("Python"), environment.python
    if version in SpecifierSet(environment.python_range):
        return ok(title, f"{version}, in {environment.prefix}")
    fix = "`make setup PYTHON=python3.11`, or another within that range"
    found = f"{version}, where {environment.python_range} is asked for"
    return Check(title, "problem", found, fix)


def check_pins(environment: Environment) -> Check:
    """What pyproject.toml asks for in such an environment."""
    title, requirements = (
        environment.title("packages"),
        needed(environment, OWN, environment.extras),
    )
    wrong = list(filter(None, (unmet(one, environment.versions) for one in requirements)))
    if wrong:
        return Check(title, "problem", "; ".join(wrong), SETUP)
    return ok(title, f"all {len(requirements)} as asked for")


def check_tensorflow(environment: Environment) -> Check:
    title = environment.title("TensorFlow's packages")
    here = [package for package in TENSORFLOWS if package in environment.versions]
    found = ", ".join(f"{package} {environment.versions[package]}" for package in here)
    if len(here) == 2:  # both write into one folder
        return Check(title, "problem", f"{found}: each has spoilt the other", environment.anew)
    if not here:
        return Check(title, "problem", "neither of the two is installed", SETUP)
    return ok(title, found)


def check_dependencies(environment: Environment) -> Check:
    """What the frameworks ask for themselves: protobuf, NumPy, ml_dtypes, ..."""
    title, wrong = environment.title("what frameworks need"), []
    for name in FRAMEWORKS:
        for requirement in needed(environment, name):
            if fault := unmet(requirement, environment.versions):
                asked = f"{requirement.name}{requirement.specifier}"
                wrong.append(f"{name} asks for {asked}: {fault}")
    if wrong:
        return Check(title, "problem", "; ".join(wrong), environment.anew)
    return ok(title, "as they ask for it")


def check_origins(environment: Environment) -> Check:
    """Whether PYTHONPATH or a user's own packages come before those of the environment."""
    title = environment.title("where packages lie")
    prefixes = [Path(environment.prefix).resolve(), Path(environment.base_prefix).resolve()]
    strange = [
        f"{name} from {Path(origin).parent}"
        for name in IMPORTED
        if (origin := environment.origins.get(name))
        and not any(prefix in Path(origin).resolve().parents for prefix in prefixes)
    ]
    if strange:
        fix = "unset PYTHONPATH and set PYTHONNOUSERSITE=1"
        return Check(title, "warning", "; ".join(strange), fix)
    return ok(title, "in the environment")


def check_shared_files(environment: Environment) -> Check:
    """Files that two packages both write, such as libraries of two versions of CUDA: whichever
    came last, one of the two packages then runs with the other one's."""
    title = environment.title("shared files")
    spoilt = [group for group in environment.shared if group["different"]]
    if not spoilt:
        return ok(title, "no two packages write different files to one place")
    found = "; ".join(
        f"{' and '.join(group['packages'])}: {group['different']} files, such as {group['example']}"
        for group in spoilt
    )
    return Check(title, "problem", found, environment.anew)


def needed(environment: Environment, package: str, extras: Sequence[str] = ()) -> list[Requirement]:
    """What a package with these extras requires in that environment's Python."""
    python = {
        "python_full_version": environment.python,
        "python_version": ".".join(environment.python.split(".")[:2]),
    }
    requirements = []
    for text in environment.requires.get(package, ()):
        with suppress(InvalidRequirement):
            requirements.append(Requirement(text))
    return [
        requirement
        for requirement in requirements
        if requirement.marker is None
        or any(requirement.marker.evaluate({**python, "extra": extra}) for extra in ("", *extras))
    ]


def unmet(requirement: Requirement, versions: Mapping[str, str]) -> str:
    """What is wrong; empty where nothing is. A build's `+cpu` is no other version."""
    version = versions.get(installed.normalised(requirement.name.replace("-", "_")))
    if version is None:
        return f"{requirement.name} is missing"
    if requirement.specifier.contains(version, prereleases=True):
        return ""
    return f"{requirement.name} is {version}, not {requirement.specifier}"
