"""Where each run was made, and what differs between runs that should match."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.records import RunRecord
from harness.report.experiment import Experiment

FIELDS = (
    ("framework", "Framework"),
    ("versions", "Versions"),
    ("device", "Device"),
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
SAME_ON_A_DEVICE = ("device", "device_kind", "driver", "threads", "platform", "python")


@dataclass(frozen=True)
class Group:
    """Runs of one backend and device with the same environment."""

    device: str
    backend: str
    seeds: tuple[int, ...]
    values: dict[str, str]  # field -> text


def groups(experiment: Experiment) -> list[Group]:
    """One for each distinct environment, by device and backend."""
    seeds: dict[tuple[str, str, str], list[RunRecord]] = {}
    for device in experiment.devices:
        for backend in experiment.on(device):
            for run in experiment.of(backend, device):
                key = json.dumps(run.environment, sort_keys=True)
                seeds.setdefault((device, backend, key), []).append(run)
    return [
        Group(
            device,
            backend,
            tuple(run.seed for run in runs),
            {field: _text(runs[0].environment.get(field)) for field, _ in FIELDS},
        )
        for (device, backend, _), runs in seeds.items()
    ]


def warnings(experiment: Experiment) -> list[str]:
    """A line for each field that differs where it should not: such runs are not like for like."""
    lines = []
    for field in SAME_EVERYWHERE:
        lines += _differing(field, _values(experiment.runs, field))
    for device in experiment.devices:
        here = [run for run in experiment.runs if run.device == device]
        for field in SAME_ON_A_DEVICE:
            lines += _differing(field, _values(here, field))
    packages = {name for run in experiment.runs for name in run.environment["versions"]}
    for package in sorted(packages):
        found = {
            run: run.environment["versions"][package]
            for run in experiment.runs
            if package in run.environment["versions"]
        }
        lines += _differing(f"version of {package}", found)
    return lines


def _values(runs: Iterable[RunRecord], field: str) -> dict[RunRecord, Any]:
    return {run: run.environment.get(field) for run in runs}


def _differing(what: str, values: Mapping[RunRecord, Any]) -> list[str]:
    names: dict[str, list[str]] = {}
    for run, value in values.items():
        names.setdefault(_text(value), []).append(f"{run.device}/{run.backend}-seed{run.seed}")
    if len(names) < 2:
        return []
    parts = [f"{value} ({', '.join(runs)})" for value, runs in names.items()]
    return [f"{what.replace('_', ' ')} differs: {'; '.join(parts)}"]


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {version}" for name, version in value.items())
    return str(value)
