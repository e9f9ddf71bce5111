"""Which code, on which machine: names of devices, git revision, digest of the deciding sources."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import backends
from harness import interpreters

ROOT = Path(__file__).resolve().parent.parent
# A change in one of these can change what a run learns or which files it reads.
DECIDING = (
    "backends",
    "harness/checkpoints.py",
    "harness/config.py",
    "harness/datasets",
    "harness/draw.py",
    "harness/history.py",
    "harness/initial.py",
    "harness/plan.py",
    "harness/run.py",
    "harness/schedule.py",
    "harness/sections.py",
)


def source_digest() -> str:
    """SHA-256 over the Python files that decide a run's numbers."""
    files: list[Path] = []
    for name in DECIDING:
        path = ROOT / name
        files += sorted(path.rglob("*.py")) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def deciding_packages() -> dict[str, dict[str, str]]:
    """The package versions that decide a run's numbers: of every backend that is installed, asked
    of its own Python, and of this process, which decodes the images."""
    found = {"harness": interpreters.shared_packages()}
    found |= {name: interpreters.packages(name) for name in backends.available()}
    return {name: versions for name, versions in found.items() if versions}


def in_one_line(packages: Mapping[str, Mapping[str, str]]) -> str:
    """What `deciding_packages` gives, as part of a name's digest."""
    return json.dumps(packages, sort_keys=True)


def git_revision() -> str | None:
    """Commit of this checkout, with `+` if files differ from it; None outside a checkout."""
    if not (ROOT / ".git").exists():
        return None
    try:
        revision = _output("git", "-C", str(ROOT), "rev-parse", "HEAD")
        dirty = _output("git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return revision + ("+" if dirty else "")


def gpu_name() -> str | None:
    """Name of the first NVIDIA GPU, or None where the driver shows none."""
    return _nvidia_smi("name")


def default_device() -> Literal["cpu", "cuda"]:
    return "cuda" if gpu_name() else "cpu"


def device_name(device: str, threads: int) -> str:
    """As reports show it: the GPU, or the CPU with the threads that are used."""
    if device == "cuda":
        return gpu_name() or "cuda"
    return f"{cpu_name()}, {threads} thread{'s' if threads > 1 else ''}"


def slug(name: str) -> str:
    """A folder name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def cpu_name() -> str:
    try:
        info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    names = re.findall(r"^model name\s*:\s*(.+)$", info, re.MULTILINE)
    return names[0] if names else platform.machine()


def default_threads() -> int:
    """Logical CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe() -> dict[str, Any]:
    """What of environment.json is no framework's business."""
    return {
        "driver": _nvidia_smi("driver_version"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "git_revision": git_revision(),
        "source_digest": source_digest(),
        "cyclebench": metadata.version("cyclebench"),
    }


def _nvidia_smi(field: str) -> str | None:
    if shutil.which("nvidia-smi") is None:
        return None
    try:
        lines = _output("nvidia-smi", f"--query-gpu={field}", "--format=csv,noheader").splitlines()
    except (OSError, subprocess.SubprocessError):
        return None
    return lines[0].strip() if lines else None


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    return done.stdout.strip()
