"""What pyproject.toml says, read as text: before Python 3.11 the standard library has no TOML."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path
from typing import Tuple  # noqa: UP035

from harness.system.errors import UserError

ROOT = Path(__file__).resolve().parents[3]
Version = Tuple[int, int]  # noqa: UP006


def pyproject() -> str:
    return (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def pins() -> str:
    """Checksum of all that decides what is installed; settings of tools are left out."""
    lines = pyproject().partition("\n[tool.")[0].splitlines()
    kept = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
    return hashlib.sha256("\n".join(kept).encode()).hexdigest()


def pinned(package: str) -> str:
    """Its version, of a package with one pin for every Python."""
    found = re.search(rf'"{re.escape(package)}==([^";]+)"', pyproject())
    if found is None:
        raise UserError(f"pyproject.toml: no pin of {package}")
    return found.group(1)


def supported() -> tuple[Version, Version]:
    """The oldest Python, and the first one that is too new."""
    found = re.search(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', pyproject())
    if found is None:
        raise UserError("pyproject.toml: requires-python is not of the form >=3.A,<3.B")
    return (3, int(found.group(1))), (3, int(found.group(2)))


def check_python(version: Version) -> None:
    """Raises UserError for one that the frameworks have no wheels for."""
    oldest, too_new = supported()
    if oldest <= version < too_new:
        return
    names = [f"python3.{minor}" for minor in range(too_new[1] - 1, oldest[1] - 1, -1)]
    here = [name for name in names if runs(name)]
    use = f"PYTHON={here[0]}, which is here" if here else f"PYTHON={names[0]}"
    said = "Python {}.{}: ".format(*version)
    if version >= too_new:
        raise UserError(f"{said}TensorFlow has no release for it yet; use {use}")
    first, last = ("{}.{}".format(*each) for each in (oldest, (3, too_new[1] - 1)))
    raise UserError(f"{said}too old, {first} to {last} will do; use {use}")


def runs(name: str) -> bool:
    """Whether it is on the way of programs, and more than a shim that leads nowhere."""
    if not shutil.which(name):
        return False
    try:
        return subprocess.run([name, "-ISc", ""], capture_output=True, timeout=10).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False
