"""Environments for versions of frameworks, beside the harness's: `cyclebench env`."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import backends
from harness.config.backend_names import check_names
from harness.system.errors import UserError
from harness.system.interpreters import check_interpreters
from harness.tools.environments import stamps
from harness.tools.environments.choose import Wanted, beside, for_version, this_version
from harness.tools.environments.commands import is_complete, locked
from harness.tools.environments.driver import ask_driver, build_for
from harness.tools.environments.install import install, run
from harness.tools.environments.stamps import (
    HARNESS,
    dotted,
    interpreter,
    new_stamp,
    pinned_file,
    read_stamp,
    supported,
    version_of,
    version_of_python,
)

REMOVED = ".removed"


@dataclass(frozen=True)
class VersionEnvironment:
    """`state`: as in stamps. `size`: bytes on disk."""

    backend: str
    folder: Path
    python: str
    build: str
    state: str
    size: int


def ready(names: Iterable[str], say: Callable[[str], None]) -> None:
    """Make those environments that backends need for their versions and that are not there.

    Raises UserError, with what to do; before anything is made, for names that are none.
    """
    names = list(names)
    check_names(names)
    lacking = [name for name in names if backends.version(name) and _lacks(name)]
    if lacking:
        add(lacking, say)


def _lacks(name: str) -> bool:
    """Whether the Python in which it would run has another version."""
    folder = beside(Path(sys.prefix), name)
    if folder.is_dir():
        return not is_complete(_wanted(name), thorough=False)
    try:
        check_interpreters([name])
    except UserError:
        return True
    return False


def add(names: Iterable[str], say: Callable[[str], None]) -> list[Path]:
    """Make what is not there yet; returns the folders. Raises UserError, with what to do."""
    wanted = [_wanted(name) for name in names]
    with locked():
        for one in wanted:
            if is_complete(one, thorough=True):
                say(f"{one.backend} is ready: {one.folder}")
                continue
            say(f"Setting up {one.folder}")
            maker = creator(one, Path(sys.prefix))
            try:
                before = read_stamp(one.folder)
                # pip takes one build of a framework for another, or puts both there.
                if before is not None and before.build != one.stamp.build:
                    _delete(one.folder)
                install(one, maker, say)
            except OSError as error:
                raise UserError(f"{error.filename or one.folder}: {error.strerror}") from None
    return [one.folder for one in wanted]


def found(sizes: bool = True) -> list[VersionEnvironment]:
    """Those beside the harness's environment, in the order of backends.

    `sizes`: which take time; else 0.
    """
    base = Path(sys.prefix)
    folders = {
        path.name[len(base.name) + 1 :]: path
        for path in base.parent.glob(f"{base.name}-*@*")
        if path.is_dir()
    }
    environments = []
    for name in backends.ordered(filter(_is_version, folders)):
        stamp = read_stamp(folders[name])
        if stamp is None or stamp.role != name:
            continue
        size = _size(folders[name]) if sizes else 0
        environments.append(
            VersionEnvironment(name, folders[name], stamp.python, stamp.build, stamp.state, size)
        )
    return environments


def _size(folder: Path) -> int:
    files = (file for file in folder.rglob("*") if not file.is_symlink())
    return sum(file.stat().st_size for file in files if file.is_file())


def pin(name: str) -> Path:
    """Write down what is installed for one version, with checksums: what others then install.

    For developers: of a version that has passed `make parity`. Raises UserError.
    """
    there = {one.backend: one for one in found(sizes=False)}
    if name not in there:
        raise UserError(f"{name}: there is no environment for it; cyclebench env add {name}")
    environment = there[name]
    python = str(interpreter(environment.folder))
    # All, since frameworks need setuptools, which `freeze` leaves out; but not pip itself.
    listed = _answer([python, "-Im", "pip", "freeze", "--all"]).splitlines()
    frozen = "\n".join(line for line in listed if not line.startswith("pip=="))
    with TemporaryDirectory() as scratch:
        asked = Path(scratch) / "asked.txt"
        asked.write_text(frozen, encoding="utf-8")
        options = ["--dry-run", "--ignore-installed", "--no-deps", "--quiet", "--report", "-"]
        report = _answer([python, "-Im", "pip", "install", *options, "-r", str(asked)])
    lines = [
        f"{one['metadata']['name']}=={one['metadata']['version']}"
        f" --hash=sha256:{one['download_info']['archive_info']['hashes']['sha256']}"
        for one in json.loads(report)["install"]
    ]
    file = pinned_file(name, environment.build, environment.python)
    file.parent.mkdir(exist_ok=True)
    file.write_text("\n".join(sorted(lines, key=str.lower)) + "\n", encoding="utf-8")
    return file


def _answer(command: list[str]) -> str:
    done = run(command)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no word"]
        raise UserError(f"{' '.join(command[:4])}: {last[0]}")
    return done.stdout


def remove(names: Iterable[str]) -> None:
    """Raises UserError for one that is not there; then nothing is removed."""
    names = list(dict.fromkeys(names))
    there = {one.backend: one.folder for one in found(sizes=False)}
    for name in names:
        if name not in there:
            known = ", ".join(there) or "none"
            raise UserError(f"{name}: there is no environment for it; there are: {known}")
    with locked():
        for name in names:
            _delete(there[name])


def _delete(folder: Path) -> None:
    """Whole or gone: half of one would be taken for whole."""
    leaving = folder.with_name(folder.name + REMOVED)
    shutil.rmtree(leaving, ignore_errors=True)
    folder.rename(leaving)
    shutil.rmtree(leaving)


def _is_version(name: str) -> bool:
    return backends.is_name(name) and backends.version(name) is not None


def creator(wanted: Wanted, base: Path) -> Path:
    """The Python that makes an environment: that of the harness's `base`, for all of a family.

    For one version of a framework, where that has no wheels for it, another that is found here.
    Raises UserError where there is none.
    """
    version = version_of(base)
    python = interpreter(base) if version else Path(sys.executable)
    pythons = backends.pythons(wanted.backend) if wanted.backend else None
    first, last = pythons or ((0, 0), (99, 0))
    if first <= (version or this_version()) <= last:
        return python
    for minor in range(last[1], max(first[1], supported()[0][1]) - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found and version_of_python(Path(found), 10.0) == (3, minor):
            return Path(found)
    here = dotted(version or this_version())
    raise UserError(
        f"backend {wanted.backend}: has wheels for Python {dotted(first)} to {dotted(last)}, and"
        f" this is {here}; install one of those, such as python{dotted(last)}"
    )


def _wanted(name: str) -> Wanted:
    """Built for the same devices as the harness's environment."""
    if not _is_version(name):
        known = ", ".join(f"{one}@VERSION" for one in backends.available())
        raise UserError(f"{name}: write {known}")
    if not (stamps.ROOT / "pyproject.toml").is_file():
        raise UserError(
            f"backend {name}: environments are made from a checkout of this project; name the"
            f" Python of one, as {backends.implementation(name)}@/path/to/python"
        )
    base = Path(sys.prefix)
    stamp = read_stamp(base)
    if stamp is None:  # not one of `make setup`
        build = build_for(ask_driver()).name
        stamp = replace(new_stamp(HARNESS, this_version()), build=build)
    return for_version(beside(base, name), stamp, name)
