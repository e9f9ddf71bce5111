"""The stamp that says what an environment was made from, and which Python will do."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Tuple  # noqa: UP035

from harness.system.errors import UserError

ROOT = Path(__file__).resolve().parents[3]
NAME = ".cyclebench.json"
PINNED = "environments"  # a file a version that was tried: all packages and their checksums
PATIENCE = 60.0  # seconds, for a file system that has to fetch Python from far away
HARNESS, TEST = "harness", "test"
BEGUN, UPDATING, READY = "begun", "updating", "ready"

Version = Tuple[int, int]  # noqa: UP006


@dataclass(frozen=True)
class Stamp:
    """`role`: harness, test, or the backend whose environment it is. `machine`: as uname says it.
    `root`: of the sources. `build`: cpu, cuda or cuda12, and whether the user has `chosen` it.
    `extras` of pyproject.toml are what pip was asked for, `pins` is the checksum of what decided
    then what is installed. `state`: begun (nothing of it has ever worked), updating or ready."""

    role: str
    python: str
    machine: str
    root: str
    build: str
    chosen: bool
    extras: tuple[str, ...]
    pins: str
    state: str

    @property
    def is_here(self) -> bool:
        """Made on this kind of machine, for these sources."""
        return self.machine == os.uname().machine and self.root == str(ROOT)

    def covers(self, extras: tuple[str, ...], pins: str) -> bool:
        """Whether nothing has to be installed for that."""
        has_all = set(extras) <= set(self.extras)
        return self.state == READY and has_all and self.pins == pins


def new_stamp(role: str, version: Version) -> Stamp:
    """Of an environment that is about to be made here; which build is not decided yet."""
    machine = os.uname().machine
    return Stamp(role, dotted(version), machine, str(ROOT), "", False, (), "", BEGUN)


def read_stamp(folder: Path) -> Stamp | None:
    """None where there is none, or none that this version wrote."""
    try:
        document = json.loads((folder / NAME).read_text(encoding="utf-8"))
        stamp = Stamp(**{field.name: document[field.name] for field in fields(Stamp)})
        return replace(stamp, extras=tuple(stamp.extras))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_stamp(folder: Path, stamp: Stamp) -> None:
    """Whole or not at all."""
    written = folder / f"{NAME}.new"
    written.write_text(json.dumps(asdict(stamp), indent=1) + "\n", encoding="utf-8")
    written.replace(folder / NAME)


def interpreter(folder: Path) -> Path:
    return folder / "bin" / "python"


def version_of(folder: Path) -> Version | None:
    """Of an environment's Python; None where that does not run on this node."""
    return version_of_python(interpreter(folder))


def version_of_python(python: Path, patience: float = PATIENCE) -> Version | None:
    command = [str(python), "-ISc", "import sys; print(*sys.version_info[:2])"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=patience, check=True)
        major, minor = done.stdout.split()
        return int(major), int(minor)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def dotted(version: Version) -> str:
    return "{}.{}".format(*version)


def parsed(version: str) -> Version:
    """What `dotted` has written."""
    major, minor = version.split(".")
    return int(major), int(minor)


def pyproject() -> str:
    return (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def pinned_file(name: str, build: str, python: str) -> Path:
    """Of one version, for this kind of machine; it need not be there."""
    return ROOT / PINNED / f"{name}-{build}-{os.uname().machine}-py{python}.txt"


def pins() -> str:
    """Checksum of all that decides what is installed; settings of tools are left out."""
    return checksum(pyproject().partition("\n[tool.")[0].splitlines())


def checksum(lines: Iterable[str]) -> str:
    """Of what these lines say, comments left out."""
    stripped = (line.strip() for line in lines)
    kept = [line for line in stripped if line and not line.startswith("#")]
    return hashlib.sha256("\n".join(kept).encode()).hexdigest()


def supported() -> tuple[Version, Version]:
    """The oldest Python, and the first one that is too new."""
    minors = re.search(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', pyproject())
    if minors is None:
        raise UserError("pyproject.toml: requires-python is not of the form >=3.A,<3.B")
    return (3, int(minors.group(1))), (3, int(minors.group(2)))


def is_supported(version: Version) -> bool:
    oldest, too_new = supported()
    return oldest <= version < too_new


def check_python(version: Version) -> None:
    """Raises UserError for one that the frameworks have no wheels for."""
    if is_supported(version):
        return
    oldest, too_new = supported()
    age = "too new" if version >= too_new else "too old"
    newest = dotted((3, too_new[1] - 1))
    raise UserError(
        f"Python {dotted(version)}: {age}, {dotted(oldest)} to {newest} will do;"
        f" use {another_python()}"
    )


def another_python(fits: Callable[[Version], object] = is_supported) -> str:
    """What to write for one that fits: "PYTHON=python3.12, which is here"."""
    oldest, too_new = supported()
    versions = [(3, minor) for minor in range(too_new[1] - 1, oldest[1] - 1, -1)]
    names = [f"python{dotted(version)}" for version in versions if fits(version)]
    # One that is found, and is more than a shim that leads nowhere.
    here = [name for name in names if shutil.which(name) and version_of_python(Path(name), 10.0)]
    return f"PYTHON={here[0]}, which is here" if here else f"PYTHON={names[0]}"
