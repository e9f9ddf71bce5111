"""study.json: what a study is made of, and where its cells are (schema: results/README.md)."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import backends
from harness.config.experiment import Experiment
from harness.records.run import RunRecord
from harness.records.schema import check_shape
from harness.studies.grid.axes import Axis
from harness.studies.grid.file import StudyFile
from harness.studies.grid.grid import Cell, cell_name
from harness.studies.grid.shapes import StudyShape
from harness.system import provenance
from harness.system.files import read_json, write_json
from harness.system.machine import Machine
from harness.training.jobs import ComparisonRequest as Request
from harness.training.jobs import PreparedExperiment as Bench

KIND = "grid"  # other studies have a study.json, too


@dataclass(frozen=True)
class Place:
    """A cell, and where its experiment lives."""

    cell: Cell
    bench: Bench


@dataclass(frozen=True)
class CellRecord:
    """`parameters`: how many a network has."""

    labels: tuple[str, ...]
    name: str
    folder: Path
    parameters: Mapping[str, int]


@dataclass(frozen=True)
class StudyRecord:
    """study.json, read. `axes` have no settings: the cells' own records say what they are."""

    folder: Path
    name: str
    hash: str
    description: str
    preset: str
    device_name: str
    seeds: tuple[int, ...]
    backends: tuple[str, ...]
    axes: tuple[Axis, ...]
    cells: tuple[CellRecord, ...]
    metrics: tuple[str, ...]
    x: str | None
    baseline: str  # name of a cell

    @property
    def device(self) -> str:
        """Slug, as in the experiments' folders."""
        return provenance.slug(self.device_name)

    def axis(self, key: str) -> int:
        return [axis.key for axis in self.axes].index(key)


def study_folder(results: Path, name: str, places: Sequence[Place]) -> Path:
    """Named after all that decides the numbers of its cells."""
    made_of = sorted(f"{each.cell.name}\n{each.bench.folder.name}" for each in places)
    digest = hashlib.sha256("\n".join(made_of).encode()).hexdigest()[:10]
    return results / "studies" / f"{name}-{digest}"


def asked_runs(
    folder: Path, device_name: str, names: Sequence[str], seeds: Sequence[int]
) -> list[RunRecord]:
    """Runs of one experiment that a study is about, begun or not."""
    device = folder / "runs" / provenance.slug(device_name)
    return [RunRecord(device / f"{name}-seed{seed}") for name in names for seed in seeds]


def write_record(
    folder: Path,
    name: str,
    file: StudyFile,
    request: Request,
    machine: Machine,
    places: Sequence[Place],
) -> None:
    axes = file.axes
    content = {
        "kind": KIND,
        "name": name,
        "hash": folder.name.rpartition("-")[2],
        "description": file.description,
        "preset": file.preset,
        "device": machine.device_name,
        "seeds": list(request.seeds),
        # One order everywhere, whatever was asked for today: a place is a colour and a sign.
        "backends": [name for name in backends.available() if name in request.backends],
        "axes": [{"key": a.key, "title": a.title, "labels": list(a.labels)} for a in axes],
        "report": {
            "metrics": list(file.report.metrics),
            "x": file.report.x,
            "baseline": cell_name(axes, file.baseline_labels(axes)),
        },
        "cells": [
            {
                "labels": list(each.cell.labels),
                "name": each.cell.name,
                # Relative: results can be moved as a whole.
                "folder": Path(os.path.relpath(each.bench.folder, folder)).as_posix(),
                "parameters": parameter_counts(each.cell.experiment),
            }
            for each in places
        ],
    }
    write_json(folder / "study.json", content)


def read_record(folder: Path) -> StudyRecord:
    """Raises UserError for a missing or damaged record."""
    path = folder / "study.json"
    record = read_json(path)
    check_shape(path, record, StudyShape, "remove it and run the same `make study` again")
    axes = tuple(
        Axis(each["key"], each["title"], tuple(each["labels"]), ()) for each in record["axes"]
    )
    cells = tuple(
        CellRecord(tuple(each["labels"]), each["name"], folder / each["folder"], each["parameters"])
        for each in record["cells"]
    )
    asked: dict[str, Any] = record["report"]
    return StudyRecord(
        folder=folder,
        **{key: record[key] for key in ("name", "hash", "description", "preset")},
        device_name=record["device"],
        seeds=tuple(record["seeds"]),
        backends=tuple(record["backends"]),
        axes=axes,
        cells=cells,
        metrics=tuple(asked["metrics"]),
        x=asked["x"],
        baseline=asked["baseline"],
    )


def is_study(folder: Path) -> bool:
    """Whether a folder is one that `cyclebench study` made."""
    path = folder / "study.json"
    return path.exists() and read_json(path).get("kind") == KIND


def parameter_counts(experiment: Experiment) -> dict[str, int]:
    """Trainable parameters by network."""
    counts: dict[str, int] = {}
    for name, shape in experiment.networks().parameter_shapes().items():
        network = name.partition("/")[0]
        counts[network] = counts.get(network, 0) + math.prod(shape)
    return counts
