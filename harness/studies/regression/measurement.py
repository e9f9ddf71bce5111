"""What one experiment folder or bench record has measured, ready to be held against another."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import numpy as np

from harness.config.differences import flat
from harness.config.metric_table import BY_NAME
from harness.records.experiment import ExperimentFolder, with_later_keys
from harness.report.comparison.timing import block_times, paired_times
from harness.studies.history.from_bench import read_bench
from harness.studies.history.from_experiment import load_finished
from harness.studies.timing.record import TimingRecord
from harness.system import provenance
from harness.system.dates import day
from harness.system.gpu import lasting

# Keys of a run's environment that only name the backend.
NAMES = ("backend", "framework")


@dataclass(frozen=True)
class BackendOnDevice:
    """`device`: its title; `framework`: the backend's."""

    device: str
    framework: str


@dataclass(frozen=True)
class ScoreKey:
    metric: str
    direction: str
    device: str
    backend: str


@dataclass(frozen=True)
class Measurement:
    """Per start of the processes, one number: seconds a step (median), bytes at the peak.

    Keys are (device, backend). `relative`: seconds of the second backend over the first's, of
    blocks run in turns, a number a start, by (device, first, second). `scores`: after the last
    step, by seed. `yardsticks`: what real images score, by (metric, direction); no training changes
    it. `means`: of scores over seeds, in place of `scores` where a history is the baseline.
    `environments`: all values of each dotted key, as one text. `data`: digest of the images;
    None of a bench. `finished`, `revisions`: when, and of which code, as far as is known.
    """

    name: str
    kind: Literal["experiment", "bench"]
    configuration: Mapping[str, Any]
    data: str | None
    finished: str
    revisions: tuple[str, ...]
    places: Mapping[tuple[str, str], BackendOnDevice]
    environments: Mapping[tuple[str, str], Mapping[str, str]]
    steps: Mapping[tuple[str, str], tuple[float, ...]]
    memory: Mapping[tuple[str, str], tuple[float, ...]]
    relative: Mapping[tuple[str, str, str], tuple[float, ...]]
    scores: Mapping[ScoreKey, Mapping[int, float]]
    yardsticks: Mapping[tuple[str, str], float]
    means: Mapping[ScoreKey, float] = field(default_factory=dict)


def read_measured(path: Path) -> Measurement:
    """An experiment folder, or a bench record where `path` is a file.

    Raises UserError for what is neither, is damaged, has no complete run or an unscored one.
    """
    if path.is_file():
        return _of_bench(path, read_bench(path))
    return _of_experiment(load_finished(path, with_scores=False))


def _of_experiment(experiment: ExperimentFolder) -> Measurement:
    """Every complete run is one start of its backend's process."""
    runs = {
        (device, backend): experiment.of(backend, device)
        for device in experiment.devices
        for backend in experiment.on(device)
    }
    return Measurement(
        name=str(experiment.folder),
        kind="experiment",
        configuration=experiment.configuration,
        data=experiment.manifest.get("digest"),
        finished=day(max((run.folder / "status.json").stat().st_mtime for run in experiment.runs)),
        revisions=_revisions([run.environment for run in experiment.runs]),
        places={
            (device, backend): BackendOnDevice(
                experiment.device_title(device), experiment.title(backend)
            )
            for device, backend in runs
        },
        environments={
            # Alone, a backend has the machine's caches and memory to itself.
            (device, backend): _texts(
                {**run.environment, "timed_in_turns": " ".join(experiment.on(device))}
                for run in own_runs
            )
            for (device, backend), own_runs in runs.items()
        },
        steps={
            key: _positive(float(block_times([run], clean=True).median()) for run in own_runs)
            for key, own_runs in runs.items()
        },
        memory={
            key: _positive(run.resources["peak_memory"]["bytes"] or 0 for run in own_runs)
            for key, own_runs in runs.items()
        },
        relative=_relative(experiment),
        scores=_scores(experiment),
        yardsticks={
            (row["metric"], row["direction"]): row["floor"]
            for row in experiment.metrics.get("references", [])
            if row["floor"] is not None
        },
    )


def _of_bench(path: Path, record: TimingRecord) -> Measurement:
    device = provenance.slug(record.device)
    keys = [(device, backend) for backend in record.backends]
    sides = {key: [start.sides[i] for start in record.starts] for i, key in enumerate(keys)}
    return Measurement(
        name=str(path),
        kind="bench",
        configuration=with_later_keys(record.configuration),
        data=None,
        finished=day(path.stat().st_mtime),
        revisions=_revisions([record.machine]),
        places={
            key: BackendOnDevice(record.device, name)
            for key, name in zip(keys, record.names, strict=True)
        },
        environments={
            key: _texts({**record.machine, **side.environment} for side in own_sides)
            for key, own_sides in sides.items()
        },
        steps={
            key: _positive(float(np.median(start.warm(i))) for start in record.counted)
            for i, key in enumerate(keys)
        },
        memory={
            key: _positive(side.memory.bytes for side in own_sides)
            for key, own_sides in sides.items()
        },
        relative={
            (device, record.backends[one], record.backends[other]): _positive(
                start.ratio(one, other) for start in record.counted
            )
            for one, other in record.pairs
        },
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
                paired = paired_times([run], beside, clean=True)
                if not paired.empty:
                    ratios.append(float((paired["second"] / paired["first"]).median()))
            by_pair[device, first, second] = _positive(ratios)
    return by_pair


def _scores(experiment: ExperimentFolder) -> dict[ScoreKey, dict[int, float]]:
    last = {(run.device, run.backend, run.seed): run.status["steps"] for run in experiment.runs}
    by_key: dict[ScoreKey, dict[int, float]] = {}
    for row in experiment.metrics.get("scores", []):
        step = last.get((row["device"], row["backend"], row["seed"]))
        of_this_version = row["metric"] in BY_NAME  # a later one may score more
        if of_this_version and row["step"] == step and row["value"] is not None:
            place = ScoreKey(row["metric"], row["direction"], row["device"], row["backend"])
            by_key.setdefault(place, {})[row["seed"]] = row["value"]
    return by_key


def _texts(environments: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """All values of each dotted key that lasts, as one text."""
    values_of: dict[str, set[str]] = {}
    for environment in environments:
        for key, value in flat(lasting(environment)).items():
            if key not in (*NAMES, "schema_version"):
                values_of.setdefault(key, set()).add(str(value))
    return {key: ", ".join(sorted(values)) for key, values in sorted(values_of.items())}


def _revisions(environments: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    revisions = [environment.get("git_revision") for environment in environments]
    return tuple(sorted({revision for revision in revisions if isinstance(revision, str)}))


def _positive(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values if math.isfinite(value) and value > 0)
