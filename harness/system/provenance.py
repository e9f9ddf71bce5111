"""Which code, on which machine: names of devices, git revision, digest of the deciding sources."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import backends
from harness.system import interpreters
from harness.system.gpu import Gpu, find_gpu, gpu_state
from harness.system.waiting import wait_policy

ROOT = Path(__file__).resolve().parents[2]
# Rooms whose code decodes images or runs in a training process: a change there can change what a
# run learns or which files it reads. A test holds the list against what is really imported.
DECIDING = (
    "backends",
    "harness/__init__.py",
    "harness/config",
    "harness/data",
    "harness/plan",
    "harness/processes",
    "harness/records",
    "harness/system",
    "harness/training",
)


def deciding_sources() -> list[Path]:
    """The Python files that decide a run's numbers."""
    paths = [ROOT / name for name in DECIDING]
    return [file for path in paths for file in (sorted(path.rglob("*.py")) or [path])]


def source_digest() -> str:
    """SHA-256 over `deciding_sources`."""
    digest = hashlib.sha256()
    for file in deciding_sources():
        digest.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def deciding_packages(names: Iterable[str] = ()) -> dict[str, dict[str, str]]:
    """The package versions that decide a run's numbers: of every backend that is installed, asked
    of its own Python, and of this process, which decodes the images.

    `names`: of backends, of which those of a version or of a Python of their own count, too.
    """
    packages = {"harness": interpreters.shared_packages()}
    of_their_own = [name for name in names if "@" in name]
    packages |= {
        name: interpreters.packages(name) for name in (*backends.available(), *of_their_own)
    }
    return {name: versions for name, versions in packages.items() if versions}


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
    """Name of the GPU that CUDA will use, or None where there is none: see `harness.system.gpu`."""
    gpu = find_gpu()
    return gpu.name if gpu else None


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


def own_version() -> str:
    """As installed; where it is not, as in a clone that is run in place, as its sources say."""
    with suppress(metadata.PackageNotFoundError):
        return metadata.version("cyclebench")
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.M)
    return version.group(1) if version else "unknown"


def describe(device: str) -> dict[str, Any]:
    """What of environment.json is no framework's business. `device`: "cpu" or "cuda".

    `gpu` and `driver` are of the GPU that is used; None on the CPU, where no driver is asked.
    """
    gpu = find_gpu() if device == "cuda" else None
    return {
        "driver": gpu.driver if gpu else None,
        "gpu": _describe_gpu(gpu) if gpu else None,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "git_revision": git_revision(),
        "source_digest": source_digest(),
        "cyclebench": own_version(),
        "wait_policy": wait_policy(os.environ),
    }


def _describe_gpu(gpu: Gpu) -> dict[str, Any]:
    """JSON-ready. Cards of one name at 150 and 450 W are two different machines."""
    return {
        "name": gpu.name,
        "uuid": gpu.uuid,
        "memory": gpu.memory,
        "capability": list(gpu.capability),
        "driver_cuda": list(gpu.driver_cuda),
        **gpu_state(gpu),
    }


def _output(*command: str) -> str:
    # GIT_DIR, which hooks of git set, would name another repository.
    environment = {name: value for name, value in os.environ.items() if name[:4] != "GIT_"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, timeout=20
    )
    return done.stdout.strip()
