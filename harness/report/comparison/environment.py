"""Where each run was made, and what differs between runs that should match."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.records.experiment import ExperimentFolder
from harness.records.run import RunRecord

FIELDS = (
    ("framework", "Framework"),
    ("versions", "Versions"),
    ("libraries", "CUDA libraries"),
    ("device", "Device"),
    ("gpu", "GPU"),
    ("power_limit", "Power limit"),
    ("max_clocks", "Clock limits"),
    ("driver", "Driver"),
    ("threads", "Threads"),
    ("precision", "Precision"),
    ("deterministic", "Deterministic"),
    ("python", "Python"),
    ("platform", "Platform"),
    ("git_revision", "Git revision"),
    ("cyclebench", "cyclebench"),
)
SAME_EVERYWHERE = ("precision", "deterministic", "git_revision", "source_digest", "cyclebench")
SAME_ON_A_DEVICE = ("device", "device_kind", "threads", "platform", "python", "variables")
# Of a GPU, compared where both runs have one and recorded it: speeds depend on them.
SAME_ON_A_GPU = {
    "driver": "driver",
    "gpu": "GPU",
    "power_limit": "power limit of the GPU",
    "max_clocks": "clock limit of the GPU",
}
# Empty on a CPU and in older records: then the table has no such row.
ONLY_OF_GPUS = ("libraries", "gpu", "power_limit", "max_clocks")
# By key of `libraries`: in words, and its key among the versions of older records.
LIBRARIES = {
    "cuda_build": ("built for CUDA", "cuda"),
    "cudnn": ("cuDNN", "cudnn"),
    "cuda_runtime": ("CUDA runtime", ""),
}


@dataclass(frozen=True)
class Group:
    """Runs of one backend and device with the same environment."""

    device: str
    backend: str
    seeds: tuple[int, ...]
    values: dict[str, str]  # field -> text; without those of ONLY_OF_GPUS that are empty


def groups(experiment: ExperimentFolder) -> list[Group]:
    """One for each distinct environment, by device and backend.

    Two GPUs of the same kind and speed are one environment.
    """
    alike: dict[tuple[str, str, str], list[RunRecord]] = {}
    for device in experiment.devices:
        for backend in experiment.on(device):
            for run in experiment.of(backend, device):
                key = json.dumps(shown(run.environment), sort_keys=True)
                alike.setdefault((device, backend, key), []).append(run)
    groups = []
    for (device, backend, _), runs in alike.items():
        values = shown(runs[0].environment)
        texts = {
            field: _text(values.get(field))
            for field, _ in FIELDS
            if field in values or field not in ONLY_OF_GPUS
        }
        groups.append(Group(device, backend, tuple(run.seed for run in runs), texts))
    return groups


def shown(environment: Mapping[str, Any]) -> dict[str, Any]:
    """environment.json with the facts of its GPU in words, as tables and comparisons use them."""
    # CUDA libraries are no versions to compare: each framework brings its own.
    versions, recorded = dict(environment.get("versions", {})), environment.get("libraries") or {}
    libraries = {}
    for key, (words, before) in LIBRARIES.items():
        version = recorded.get(key) or versions.get(before)
        versions.pop(before, None)
        if version is not None:
            libraries[words] = version
    gpu = environment.get("gpu") or {}
    facts = []
    if memory := gpu.get("memory"):
        facts.append(f"{memory / 2**30:.1f} GiB")
    for key, name in (("capability", "compute capability"), ("driver_cuda", "driver for CUDA")):
        if number := gpu.get(key):
            facts.append(f"{name} {'.'.join(map(str, number))}")
    if gpu.get("ecc") is not None:
        facts.append(f"ECC {'on' if gpu['ecc'] else 'off'}")
    limit, default = gpu.get("power_limit_watts"), gpu.get("default_power_limit_watts")
    power = "" if limit is None else f"{limit:g} W"
    if power and default not in (None, limit):
        power += f" (default {default:g} W)"
    limits = gpu.get("max_clocks") or {}
    clocks = [
        f"{name} {mhz} MHz"
        for name in ("graphics", "memory")
        if (mhz := limits.get(f"{name}_mhz")) is not None
    ]
    of_gpu = {
        "libraries": libraries,
        "gpu": ", ".join(facts),
        "power_limit": power,
        "max_clocks": ", ".join(clocks),
    }
    return {
        **{name: value for name, value in environment.items() if name not in ONLY_OF_GPUS},
        "versions": versions,
        **{field: value for field, value in of_gpu.items() if value},
    }


def warnings(experiment: ExperimentFolder) -> list[str]:
    """A line for each field that should be the same in all runs and is not."""
    lines = []
    for field in SAME_EVERYWHERE:
        lines += _differing(field, _values(experiment.runs, field))
    for device in experiment.devices:
        here = [run for run in experiment.runs if run.device == device]
        for field in SAME_ON_A_DEVICE:
            lines += _differing(field, _values(here, field))
        on_gpus = {
            run: shown(run.environment)
            for run in here
            if run.environment.get("device_kind") == "cuda"
        }
        for field, title in SAME_ON_A_GPU.items():
            values = {run: facts[field] for run, facts in on_gpus.items() if facts.get(field)}
            lines += _differing(title, values)
    versions = {run: shown(run.environment)["versions"] for run in experiment.runs}
    for package in sorted({name for of_run in versions.values() for name in of_run}):
        values = {run: of_run[package] for run, of_run in versions.items() if package in of_run}
        lines += _differing(f"version of {package}", values)
    return lines


def _values(runs: Iterable[RunRecord], field: str) -> dict[RunRecord, Any]:
    return {run: run.environment.get(field) for run in runs}


def _differing(field: str, values: Mapping[RunRecord, Any]) -> list[str]:
    names: dict[str, list[str]] = {}
    for run, value in values.items():
        names.setdefault(_text(value), []).append(f"{run.device}/{run.folder.name}")
    if len(names) < 2:
        return []
    parts = [f"{value} ({', '.join(runs)})" for value, runs in names.items()]
    return [f"{field.replace('_', ' ')} differs: {'; '.join(parts)}"]


def _text(value: Any) -> str:
    if value is None or value == {}:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {version}" for name, version in value.items())
    return str(value)
