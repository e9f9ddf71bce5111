"""What an environment was made from, in a file inside it, and whether it works on this node."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Tuple  # noqa: UP035

from harness.tools.environments.project import ROOT, pins

NAME = ".cyclebench.json"
PATIENCE = 60.0  # seconds, for a file system that has to fetch Python from far away
HARNESS, TEST = "harness", "test"
BEGUN, UPDATING, READY = "begun", "updating", "ready"

Version = Tuple[int, int]  # noqa: UP006


@dataclass(frozen=True)
class Stamp:
    """`role`: harness, test, or the backend whose environment it is. `machine`: as uname says it.
    `root`: of the sources. `build`: cpu, cuda or cuda12, and whether the user has `chosen` it.
    `extras` of pyproject.toml and further `requirements` are what pip was asked for, `pins` is the
    checksum of what pyproject.toml then said. `state`: begun (nothing of it has ever worked),
    updating or ready."""

    role: str
    python: str
    machine: str
    root: str
    build: str
    chosen: bool
    extras: tuple[str, ...]
    requirements: tuple[str, ...]
    pins: str
    state: str

    @property
    def is_here(self) -> bool:
        """Made on this kind of machine, for these sources."""
        return self.machine == os.uname().machine and self.root == str(ROOT)

    def covers(self, extras: tuple[str, ...], requirements: tuple[str, ...]) -> bool:
        """Whether nothing has to be installed for that."""
        asked_for = set(extras) <= set(self.extras) and requirements == self.requirements
        return self.state == READY and asked_for and self.pins == pins()


def new_stamp(role: str, version: Version) -> Stamp:
    """Of an environment that is about to be made here; which build is not decided yet."""
    python = "{}.{}".format(*version)
    machine = os.uname().machine
    return Stamp(role, python, machine, str(ROOT), "", False, (), (), "", BEGUN)


def read_stamp(folder: Path) -> Stamp | None:
    """None where there is none, or none that this version wrote."""
    try:
        found = json.loads((folder / NAME).read_text(encoding="utf-8"))
        stamp = Stamp(**{each.name: found[each.name] for each in fields(Stamp)})
        return replace(stamp, extras=tuple(stamp.extras), requirements=tuple(stamp.requirements))
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
    """Of its Python; None where that does not run on this node."""
    command = [str(interpreter(folder)), "-ISc", "import sys; print(*sys.version_info[:2])"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
        major, minor = done.stdout.split()
        return int(major), int(minor)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
