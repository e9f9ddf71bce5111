"""Python and packages: installed, and in the versions that pyproject.toml asks for."""

from __future__ import annotations

import platform
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from importlib import metadata, util
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

from harness.doctor.check import Check, ok

OWN = "cyclebench"
SETUP = "`make setup`, which makes .venv anew"
# One of the two brings TensorFlow: extras `cpu` and `cuda`.
TENSORFLOWS = ("tensorflow", "tensorflow-cpu")
IMPORTED = ("torch", "tensorflow", "keras", "numpy")
# What they ask of protobuf, NumPy and the like is looked at, too.
FRAMEWORKS = ("torch", *TENSORFLOWS, "keras", "tensorboard")


def check_packages() -> Iterator[Check]:
    try:
        described = metadata.metadata(OWN)
    except metadata.PackageNotFoundError:
        yield Check("cyclebench", "problem", "not installed in this environment", SETUP)
        return
    yield check_python(described["Requires-Python"] or "", platform.python_version())
    yield check_pins([Requirement(each) for each in metadata.requires(OWN) or ()])
    yield check_tensorflow()
    yield check_dependencies()
    yield check_origins()
    yield check_shared_files()


def check_python(wanted: str, version: str) -> Check:
    if version in SpecifierSet(wanted):
        return ok("Python", f"{version}, in {sys.prefix}")
    fix = "`make setup PYTHON=python3.11`, or another within that range"
    return Check("Python", "problem", f"{version}, where {wanted} is asked for", fix)


def check_pins(requirements: Iterable[Requirement]) -> Check:
    """All that is asked for without an extra."""
    needed = [each for each in requirements if _applies(each)]
    wrong = [(each, said) for each in needed if (said := _unmet(each))]
    if not wrong:
        return ok("packages", f"all {len(needed)} as asked for")
    names = " ".join(f"'{each.name}{each.specifier}'" for each, _ in wrong)
    found = "; ".join(said for _, said in wrong)
    return Check("packages", "problem", found, f"{SETUP}, or `pip install {names}`")


def check_tensorflow() -> Check:
    found = {name: version for name in TENSORFLOWS if (version := _version(name))}
    said = ", ".join(f"{name} {version}" for name, version in found.items())
    if len(found) == 2:  # both write into one folder
        fix = f"`pip uninstall {' '.join(TENSORFLOWS)}`, then {SETUP}"
        return Check("TensorFlow's packages", "problem", f"{said}: each has spoilt the other", fix)
    if not found:
        return Check("TensorFlow's packages", "problem", "neither of the two is installed", SETUP)
    wanted = [Requirement(each) for each in metadata.requires(OWN) or ()]
    unmet = [text for each in wanted if each.name in found and (text := _unmet(each))]
    if unmet:
        return Check("TensorFlow's packages", "problem", unmet[0], SETUP)
    return ok("TensorFlow's packages", said)


def check_dependencies() -> Check:
    """What the frameworks ask for themselves: protobuf, NumPy, ml_dtypes, ..."""
    wrong = []
    for name in FRAMEWORKS:
        for text in _requires(name):
            try:
                requirement = Requirement(text)
            except InvalidRequirement:
                continue
            if _applies(requirement) and (said := _unmet(requirement)):
                wrong.append(f"{name} asks for {requirement.name}{requirement.specifier}: {said}")
    if wrong:
        return Check("what frameworks need", "problem", "; ".join(wrong), SETUP)
    return ok("what frameworks need", "as they ask for it")


def check_origins() -> Check:
    """Whether PYTHONPATH or a user's own packages come before those of the environment."""
    prefixes = [Path(each).resolve() for each in {sys.prefix, sys.base_prefix}]
    strange = []
    for name in IMPORTED:
        spec = util.find_spec(name)
        if spec is None or spec.origin is None:
            continue
        where = Path(spec.origin)
        if not any(prefix in where.resolve().parents for prefix in prefixes):
            strange.append(f"{name} from {where.parent}")
    if strange:
        fix = "unset PYTHONPATH and set PYTHONNOUSERSITE=1"
        return Check("where packages lie", "warning", "; ".join(strange), fix)
    return ok("where packages lie", "in the environment")


def check_shared_files() -> Check:
    """CUDA libraries of two versions of CUDA that pip has put into the same files."""
    owners: dict[str, list[str]] = defaultdict(list)
    for each in metadata.distributions():
        name = (each.metadata["Name"] or "").lower()
        if name.startswith("nvidia-"):
            for file in each.files or ():
                if ".so" in file.name:
                    owners[str(file)].append(name)
    twice = sorted({" and ".join(sorted(names)) for names in owners.values() if len(names) > 1})
    if twice:
        fix = "`pip install --force-reinstall` the newer of them; check GPUs with `make test`"
        return Check("CUDA libraries", "warning", f"same files: {'; '.join(twice)}", fix)
    return ok("CUDA libraries", "no two packages write the same files")


def _applies(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def _unmet(requirement: Requirement) -> str:
    """What is wrong; empty where nothing is. A build's `+cpu` is no other version."""
    version = _version(requirement.name)
    if version is None:
        return f"{requirement.name} is missing"
    if requirement.specifier.contains(version, prereleases=True):
        return ""
    return f"{requirement.name} is {version}, not {requirement.specifier}"


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _requires(name: str) -> list[str]:
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []
