"""Reads an experiment folder, or a bench record, for what can be held against another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from harness.config.metric_table import BY_NAME
from harness.records.experiment import ExperimentFolder, load
from harness.records.run import RunRecord
from harness.report.comparison.timing import block_times, paired_times
from harness.studies.regression.measured import BackendOnDevice, Measurement, ScoreKey, texts
from harness.studies.timing.record import TimingRecord, read_record
from harness.system import provenance
from harness.system.dates import day
from harness.system.errors import UserError
from harness.system.gpu import lasting

# Of a run's environment, what is no circumstance.
NAMES = ("backend", "framework")


def read_measured(path: Path) -> Measurement:
    """Raises UserError for what is neither, is damaged, or has no complete run."""
    if path.is_file():
        return of_bench(path, read_record(path))
    experiment = load(path)
    if not experiment.runs:
        raise UserError(f"{path}: no complete run in it; finish one first")
    scored = {
        (row["device"], row["backend"], row["seed"]) for row in experiment.metrics.get("scores", [])
    }
    for run in experiment.runs:
        if scored and (run.device, run.backend, run.seed) not in scored:
            raise UserError(f"{run.folder}: not scored yet; run `cyclebench report {path}`")
    return of_experiment(experiment)


def of_experiment(experiment: ExperimentFolder) -> Measurement:
    """Every complete run is one start of its backend's process."""
    keys = [(device, name) for device in experiment.devices for name in experiment.on(device)]
    runs = {key: experiment.of(key[1], key[0]) for key in keys}
    steps = {
        key: _positive([float(block_times([run]).median()) for run in here])
        for key, here in runs.items()
    }
    peaks = {
        key: _positive([run.resources["peak_memory"]["bytes"] or 0 for run in here])
        for key, here in runs.items()
    }
    return Measurement(
        name=str(experiment.folder),
        kind="experiment",
        configuration=experiment.configuration,
        data=experiment.manifest.get("digest"),
        finished=day(max((run.folder / "status.json").stat().st_mtime for run in experiment.runs)),
        revisions=_revisions([run.environment for run in experiment.runs]),
        places={
            (device, name): BackendOnDevice(
                device, name, experiment.device_title(device), experiment.title(name)
            )
            for device, name in keys
        },
        environments={
            (device, name): texts(_circumstances(run, experiment.on(device)) for run in here)
            for (device, name), here in runs.items()
        },
        steps=steps,
        memory=peaks,
        relative=_relative(experiment),
        scores=_scores(experiment),
        yardsticks={
            (row["metric"], row["direction"]): row["floor"]
            for row in experiment.metrics.get("references", [])
            if row["floor"] is not None
        },
    )


def of_bench(path: Path, record: TimingRecord) -> Measurement:
    """Raises UserError for an A/A record, which is about the instrument."""
    if record.same:
        raise UserError(f"{path}: one backend against itself (A/A); give a record of two")
    device = provenance.slug(record.device)
    keys = [(device, name) for name in record.backends]
    sides = {key: [start.sides[i] for start in record.starts] for i, key in enumerate(keys)}
    return Measurement(
        name=str(path),
        kind="bench",
        configuration=record.configuration,
        data=None,
        finished=day(path.stat().st_mtime),
        revisions=_revisions([record.machine]),
        places={
            key: BackendOnDevice(*key, record.device, name)
            for key, name in zip(keys, record.names, strict=True)
        },
        environments={
            key: texts(_without_names({**record.machine, **side.environment}) for side in here)
            for key, here in sides.items()
        },
        steps={
            key: _positive([float(np.median(start.warm(i))) for start in record.starts])
            for i, key in enumerate(keys)
        },
        memory={
            key: _positive([side.memory.bytes for side in here]) for key, here in sides.items()
        },
        relative={(device, *record.backends): _positive([s.ratio for s in record.starts])},
        scores={},
        yardsticks={},
    )


def _relative(experiment: ExperimentFolder) -> dict[tuple[str, str, str], tuple[float, ...]]:
    by_pair = {}
    for device in experiment.devices:
        for first, second in combinations(experiment.on(device), 2):
            ratios = []
            for run in experiment.of(first, device):
                beside = [r for r in experiment.of(second, device) if r.seed == run.seed]
                paired = paired_times([run], beside)
                if not paired.empty:
                    ratios.append(float((paired["second"] / paired["first"]).median()))
            by_pair[device, first, second] = _positive(ratios)
    return by_pair


def _scores(experiment: ExperimentFolder) -> dict[ScoreKey, dict[int, float]]:
    last = {(run.device, run.backend, run.seed): run.status["steps"] for run in experiment.runs}
    by_key: dict[ScoreKey, dict[int, float]] = {}
    for row in experiment.metrics.get("scores", []):
        step = last.get((row["device"], row["backend"], row["seed"]))
        known = row["metric"] in BY_NAME  # a later version may score more
        if known and row["step"] == step and row["value"] is not None:
            place = ScoreKey(row["metric"], row["direction"], row["device"], row["backend"])
            by_key.setdefault(place, {})[row["seed"]] = row["value"]
    return by_key


def _circumstances(run: RunRecord, backends: Sequence[str]) -> dict[str, Any]:
    # Alone, a backend has the machine's caches and memory to itself.
    return {**_without_names(run.environment), "timed_in_turns": " ".join(backends)}


def _without_names(environment: Any) -> dict[str, Any]:
    return {key: value for key, value in lasting(environment).items() if key not in NAMES}


def _revisions(environments: Sequence[Any]) -> tuple[str, ...]:
    revisions = [environment.get("git_revision") for environment in environments]
    return tuple(sorted({revision for revision in revisions if isinstance(revision, str)}))


def _positive(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values if math.isfinite(value) and value > 0)
