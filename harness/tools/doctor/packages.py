"""Python and packages of every environment: installed, and in the versions of pyproject.toml."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from packaging.specifiers import SpecifierSet

from harness.tools.doctor.check import Check, ok
from harness.tools.doctor.environment import OWN, Environment
from harness.tools.environments.stamps import ROOT, read_stamp


def check_packages(environments: Iterable[Environment | Check]) -> Iterator[Check]:
    for environment in environments:
        if isinstance(environment, Check):
            yield environment
        else:
            yield from check_environment(environment)


def check_environment(environment: Environment) -> Iterator[Check]:
    if OWN not in environment.versions:
        found = f"not installed in {environment.prefix}"
        yield Check(environment.title("cyclebench"), "problem", found, environment.setup)
        return
    yield from check_copy(environment)
    yield check_python(environment)
    yield check_pins(environment)
    yield check_dependencies(environment)
    yield check_origins(environment)
    yield check_shared_files(environment)


def check_copy(environment: Environment) -> Iterator[Check]:
    """Whether what runs is a copy of the checkout that the environment was made for."""
    stamp = read_stamp(Path(environment.prefix))
    if environment.is_own and stamp and Path(stamp.root) != ROOT:
        found = f"{ROOT} runs, and not {stamp.root}: what changes there does nothing"
        fix = f"`{environment.prefix}/bin/python -m pip install --editable {stamp.root}`"
        yield Check(OWN, "warning", found, fix)


def check_python(environment: Environment) -> Check:
    title, version = environment.title("Python"), environment.python
    if version in SpecifierSet(environment.python_range):
        return ok(title, f"{version}, in {environment.prefix}")
    fix = "`make setup PYTHON=python3.11`, or another within that range"
    found = f"{version}, where {environment.python_range} is asked for"
    return Check(title, "problem", found, fix)


def check_pins(environment: Environment) -> Check:
    """What pyproject.toml asks for in such an environment."""
    asked = [one for by, one in environment.requirements(environment.extras) if by == OWN]
    wrong = list(filter(None, map(environment.unmet, asked)))
    title = environment.title("packages")
    if wrong:
        return Check(title, "problem", "; ".join(wrong), environment.setup)
    return ok(title, f"all {len(asked)} as asked for")


def check_dependencies(environment: Environment) -> Check:
    """What these packages ask for themselves, and so on: protobuf, NumPy, CUDA's libraries, ..."""
    wrong = [
        f"{package} asks for {requirement.name}{requirement.specifier}: {fault}"
        for package, requirement in environment.requirements(environment.extras)
        if package != OWN and (fault := environment.unmet(requirement))
    ]
    title = environment.title("what packages need")
    if wrong:
        return Check(title, "problem", "; ".join(wrong), environment.anew)
    return ok(title, "as they ask for it")


def check_origins(environment: Environment) -> Check:
    """Whether PYTHONPATH or a user's own packages come before those of the environment."""
    title = environment.title("where packages lie")
    prefixes = [Path(environment.prefix).resolve(), Path(environment.base_prefix).resolve()]
    strange = [
        f"{name} from {Path(origin).parent}"
        for name, origin in environment.origins.items()
        if not any(prefix in Path(origin).resolve().parents for prefix in prefixes)
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
