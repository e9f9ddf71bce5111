"""Python and packages of every environment: installed, and in the versions of pyproject.toml.

A backend may have an environment of its own. That one is described by a program that it runs itself
(`harness.tools.environments.installed`), without the frameworks being imported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

import backends
from harness.system.interpreters import remedy
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
        found = ["harness"] if self.is_own else []
        for name in self.serves:
            builds = [TENSORFLOWS[each] for each in TENSORFLOWS if each in self.versions]
            found.append((builds or ["tf"])[0] if name == "tf" else name)
        return tuple(found)

    def title(self, of: str) -> str:
        """The name of a check; of another environment with the backends that it serves."""
        return of if self.is_own else f"{of} of {', '.join(self.serves)}"

    @property
    def anew(self) -> str:
        """How to make it anew, where what is in it has been spoilt."""
        given = [backends.interpreter_variable(name) for name in self.serves]
        given = [name for name in given if os.environ.get(name)]
        if given and not self.is_own:
            return f"unset {' '.join(given)}, then {SETUP}"
        return f"remove {self.prefix}, then {SETUP}"


def check_packages() -> Iterator[Check]:
    served: dict[Path, list[str]] = {Path(sys.executable): []}
    for name in backends.available():
        served.setdefault(backends.interpreter(name), []).append(name)
    names = [OWN, *FRAMEWORKS, *(each for each in IMPORTED if each not in FRAMEWORKS)]
    for python, of in served.items():
        is_own = python == Path(sys.executable)
        try:
            description = installed.describe(names) if is_own else ask(python, names)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            said = f"{python} does not describe its packages ({type(error).__name__})"
            yield Check(f"environment of {', '.join(of)}", "problem", said, remedy(of[0]))
            continue
        yield from check_environment(Environment(tuple(of), is_own, **description))


def ask(python: Path, names: Sequence[str]) -> dict[str, Any]:
    """`installed.describe` in another environment; nothing of ours needs to be there."""
    done = subprocess.run(
        [str(python), "-I", "-B", str(Path(installed.__file__)), *names],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


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
    requirements = parsed(environment.requires.get(OWN, ()))
    needed = [each for each in requirements if applies(each, environment)]
    wrong = [said for each in needed if (said := unmet(each, environment.versions))]
    if not wrong:
        return ok(environment.title("packages"), f"all {len(needed)} as asked for")
    return Check(environment.title("packages"), "problem", "; ".join(wrong), SETUP)


def check_tensorflow(environment: Environment) -> Check:
    title = environment.title("TensorFlow's packages")
    found = {each: environment.versions[each] for each in TENSORFLOWS
             if each in environment.versions}  # fmt: skip
    said = ", ".join(f"{name} {version}" for name, version in found.items())
    if len(found) == 2:  # both write into one folder
        return Check(title, "problem", f"{said}: each has spoilt the other", environment.anew)
    if not found:
        return Check(title, "problem", "neither of the two is installed", SETUP)
    return ok(title, said)


def check_dependencies(environment: Environment) -> Check:
    """What the frameworks ask for themselves: protobuf, NumPy, ml_dtypes, ..."""
    title, wrong = environment.title("what frameworks need"), []
    for name in FRAMEWORKS:
        for each in parsed(environment.requires.get(name, ())):
            if applies(each, environment, ()) and (said := unmet(each, environment.versions)):
                wrong.append(f"{name} asks for {each.name}{each.specifier}: {said}")
    if wrong:
        return Check(title, "problem", "; ".join(wrong), environment.anew)
    return ok(title, "as they ask for it")


def check_origins(environment: Environment) -> Check:
    """Whether PYTHONPATH or a user's own packages come before those of the environment."""
    title = environment.title("where packages lie")
    prefixes = [Path(each).resolve() for each in {environment.prefix, environment.base_prefix}]
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
    spoilt = [each for each in environment.shared if each["different"]]
    if not spoilt:
        return ok(title, "no two packages write different files to one place")
    found = "; ".join(
        f"{' and '.join(each['packages'])}: {each['different']} files, such as {each['example']}"
        for each in spoilt
    )
    return Check(title, "problem", found, environment.anew)


def parsed(requirements: Iterable[str]) -> Iterator[Requirement]:
    for text in requirements:
        try:
            yield Requirement(text)
        except InvalidRequirement:
            continue


def applies(
    requirement: Requirement, environment: Environment, extras: Sequence[str] | None = None
) -> bool:
    """In that environment's Python, with its extras if no others are given."""
    if requirement.marker is None:
        return True
    python = {
        "python_full_version": environment.python,
        "python_version": ".".join(environment.python.split(".")[:2]),
    }
    asked_for = environment.extras if extras is None else extras
    return any(requirement.marker.evaluate({**python, "extra": each}) for each in ("", *asked_for))


def unmet(requirement: Requirement, versions: Mapping[str, str]) -> str:
    """What is wrong; empty where nothing is. A build's `+cpu` is no other version."""
    version = versions.get(installed.normalised(requirement.name.replace("-", "_")))
    if version is None:
        return f"{requirement.name} is missing"
    if requirement.specifier.contains(version, prereleases=True):
        return ""
    return f"{requirement.name} is {version}, not {requirement.specifier}"
