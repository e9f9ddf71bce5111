"""The extras of pyproject.toml: which one a backend needs, and what pip is to install for it.

A backend of a version, `tf@2.20.0`, is an extra that pyproject.toml does not have: it is made from
that of its implementation. pyproject.toml is read as text: before Python 3.11 the standard library
has no TOML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import backends
from harness.system.errors import UserError
from harness.tools.environments.stamps import (
    Version,
    another_python,
    checksum,
    dotted,
    pinned_file,
    pyproject,
)

OWN = "cyclebench"
DEPENDENCIES = "dependencies"  # what is installed with any extra
LIST = re.compile(r"^([\w-]+) = \[(.*?)\]$", re.MULTILINE | re.DOTALL)
REQUIREMENT = re.compile(r"([\w.-]+)(?:\[([\w,-]+)\])?")
EXACT = re.compile(r"==([\w.+]+)")
LEFT_TO_FRAMEWORK = "numpy"
PYTHON = re.compile(r"python_version (<|>=) '3\.(\d+)'")


def extra_of(backend: str, build: str) -> str | None:
    """The first that there is: `jax-cuda12`, `jax-cuda`, `jax` for the build cuda12. None: none."""
    for_gpus = [] if build == "cpu" else [f"{backend}-cuda"]
    names, known = [f"{backend}-{build}", *for_gpus, backend], requirements()
    return next((name for name in names if name in known), None)


def pinned(backend: str, build: str) -> str | None:
    """The version of its framework that the backend's extra asks for; None: there is none."""
    requirement = _framework(backend, build)
    version = EXACT.search(requirement) if requirement else None
    return version.group(1).partition("+")[0] if version else None


def plain(name: str, build: str) -> str:
    """The implementation alone where a name asks for the version that its extra has."""
    asked = backends.version(name)
    return backends.implementation(name) if asked and asked == pinned(name, build) else name


def of_version(name: str, build: str) -> list[str]:
    """What pip is to install for a backend such as `tf@2.20.0` in an environment of its own.

    As pyproject.toml has it, but for the framework's version, what else is pinned for that (Keras),
    and NumPy, which has to fit it. Raises UserError where the backend has no extra.
    """
    requirement, version = _framework(name, build), backends.version(name)
    if requirement is None or version is None:
        raise UserError(f"backend {name}: it has no extra in pyproject.toml; name its Python")
    build_of = EXACT.search(requirement)
    local = build_of.group(1).partition("+")[1:] if build_of and "+" not in version else ()
    framework = EXACT.sub(f"=={version}{''.join(local)}", requirement).partition(";")[0].strip()
    others = requirements()[DEPENDENCIES]
    # The first is for the newest Python.
    newest = next(text for text in others if text.startswith(f"{LEFT_TO_FRAMEWORK}=="))
    kept = [text for text in others if not text.startswith(LEFT_TO_FRAMEWORK)]
    return [framework, newest.partition(";")[0].replace("==", "<="), *kept]


def pins_of_version(name: str, build: str, python: str) -> str:
    """Checksum of all that decides what is installed for a backend such as `tf@2.20.0`."""
    file = pinned_file(name, build, python)
    pinned = file.read_text(encoding="utf-8").splitlines() if file.is_file() else None
    return checksum(pinned or of_version(name, build))


def _framework(backend: str, build: str) -> str | None:
    """The requirement of the backend's extra that names its framework: its first."""
    extra = extra_of(backends.implementation(backend), build)
    texts = requirements().get(extra or "", [])
    return next((text for text in texts if REQUIREMENT.findall(text)[0][0] != OWN), None)


def check_release(backend: str, extra: str, version: Version) -> None:
    """Raises UserError where a package of the backend's extra has no release for this Python."""
    all_of_it = packages([extra])
    missing = [name for name in all_of_it if name not in packages([extra], version)]
    if missing:
        use = another_python(lambda other: packages([extra], other) == all_of_it)
        raise UserError(
            f"backend {backend}: no release of its {', '.join(missing)} for Python"
            f" {dotted(version)}; use {use}, or leave {backend} out of BACKENDS"
        )


def packages(extras: Iterable[str], version: Version | None = None) -> list[str]:
    """Names of what these extras ask for with this Python; None: with any."""
    found: list[str] = []
    for extra in extras:
        for text in requirements().get(extra, ()):
            name, others = REQUIREMENT.findall(text)[0]
            if name == OWN:
                found += packages(others.split(","), version)
            elif version is None or _is_for(text, version):
                found.append(name)
    return list(dict.fromkeys(found))


def names_in(texts: Iterable[str]) -> list[str]:
    """Packages that requirements name, each once."""
    return list(dict.fromkeys(REQUIREMENT.findall(text)[0][0] for text in texts))


def _is_for(requirement: str, version: Version) -> bool:
    limits = [(sign, (3, int(minor))) for sign, minor in PYTHON.findall(requirement)]
    return all((version < limit) is (sign == "<") for sign, limit in limits)


def requirements() -> dict[str, list[str]]:
    """By extra, and those of DEPENDENCIES."""
    lines = pyproject().partition("\n[tool.")[0].splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    return {name: re.findall(r'"([^"]+)"', content) for name, content in LIST.findall(text)}


def table(name: str) -> dict[str, str]:
    """Of `[tool.cyclebench.<name>]`: extra -> text."""
    content = pyproject().partition(f"\n[tool.cyclebench.{name}]\n")[2].partition("\n[")[0]
    return dict(re.findall(r'^([\w-]+) = "([^"]+)"$', content, re.MULTILINE))
