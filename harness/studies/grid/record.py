"""study.json: what a study is made of, and where its cells are (schema: results/README.md)."""

from __future__ import annotations

import hashlib
import math
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

import backends
from harness.config.experiment import AnyExperiment
from harness.config.metric_table import BY_NAME
from harness.records.run import RunRecord, run_name
from harness.records.schema import Shape, Text, Whole, check_shape
from harness.studies.grid.file import StudyFile
from harness.studies.grid.grid import MOST_CELLS, GridCell, cell_name
from harness.system import provenance
from harness.system.files import read_json, write_json
from harness.system.machine import Machine
from harness.training.jobs import ComparisonRequest, PreparedExperiment

KIND = "grid"  # other studies have a study.json, too
Texts = Annotated[tuple[Text, ...], Field(min_length=1, max_length=MOST_CELLS)]


@dataclass(frozen=True)
class CellFolder:
    """A cell, and where its experiment lives."""

    cell: GridCell
    bench: PreparedExperiment


class AxisRecord(Shape):
    """An axis without settings: the cells' own records say what they are."""

    key: Text
    title: Text
    labels: Texts


class CellRecord(Shape):
    """`folder`: in the file relative to the study's. `parameters`: how many a network has."""

    labels: tuple[Text, ...]
    name: Text
    folder: Path
    parameters: dict[str, Whole]

    @model_validator(mode="after")
    def _can_be_shown(self) -> CellRecord:
        if self.folder.is_absolute() or "\0" in str(self.folder):
            raise ValueError("folder: it must be relative to the study's")
        if not any(name.startswith("g") for name in self.parameters):
            raise ValueError("parameters: of no network")
        return self


class ReportRecord(Shape):
    """`baseline`: name of a cell."""

    metrics: tuple[str, ...]
    x: str | None
    baseline: str


class StudyRecord(Shape):
    """study.json, read from `folder`. `device_name`: `device` in the file."""

    folder: Path
    name: Text
    hash: Text
    description: str
    preset: Text
    device_name: Annotated[Text, Field(alias="device")]
    seeds: Annotated[tuple[Whole, ...], Field(min_length=1)]
    backends: Texts
    axes: Annotated[tuple[AxisRecord, ...], Field(min_length=1)]
    cells: Annotated[tuple[CellRecord, ...], Field(min_length=1, max_length=MOST_CELLS)]
    report: ReportRecord
    parity: bool = False

    @model_validator(mode="after")
    def _fits_together(self) -> StudyRecord:
        wanted = math.prod(len(axis.labels) for axis in self.axes)
        if len({cell.labels for cell in self.cells}) != wanted:
            raise ValueError("cells: not one for each choice of labels")
        for number, cell in enumerate(self.cells):
            if len(cell.labels) != len(self.axes) or not all(
                label in axis.labels for label, axis in zip(cell.labels, self.axes, strict=True)
            ):
                raise ValueError(f"cells.{number}.labels: not one of each axis")
        if self.report.x is not None and self.report.x not in [axis.key for axis in self.axes]:
            raise ValueError("report.x: no axis is called that")
        if self.report.baseline not in [cell.name for cell in self.cells]:
            raise ValueError("report.baseline: no cell is called that")
        if any(name not in BY_NAME for name in self.report.metrics):
            raise ValueError("report.metrics: not all of them are known here")
        return self

    def axis(self, key: str) -> int:
        return [axis.key for axis in self.axes].index(key)


def study_folder(results: Path, name: str, places: Sequence[CellFolder]) -> Path:
    """Named after all that decides the numbers of its cells."""
    made_of = sorted(f"{place.cell.name}\n{place.bench.folder.name}" for place in places)
    digest = hashlib.sha256("\n".join(made_of).encode()).hexdigest()[:10]
    return results / "studies" / f"{name}-{digest}"


def asked_runs(
    folder: Path, device_name: str, names: Sequence[str], seeds: Sequence[int]
) -> list[RunRecord]:
    """Runs of one experiment that a study is about, begun or not."""
    device = folder / "runs" / provenance.slug(device_name)
    return [RunRecord(device / run_name(name, seed)) for name in names for seed in seeds]


def write_record(
    folder: Path,
    name: str,
    file: StudyFile,
    request: ComparisonRequest,
    machine: Machine,
    places: Sequence[CellFolder],
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
        "backends": backends.ordered(request.backends),
        "parity": file.parity,
        "axes": [{"key": a.key, "title": a.title, "labels": list(a.labels)} for a in axes],
        "report": {
            "metrics": list(file.report.metrics),
            "x": file.report.x,
            "baseline": cell_name(axes, file.baseline_labels(axes)),
        },
        "cells": [
            {
                "labels": list(place.cell.labels),
                "name": place.cell.name,
                # Relative: results can be moved as a whole.
                "folder": Path(os.path.relpath(place.bench.folder, folder)).as_posix(),
                "parameters": _parameter_counts(place.cell.experiment),
            }
            for place in places
        ],
    }
    write_json(folder / "study.json", content)


def read_record(folder: Path) -> StudyRecord:
    """Raises UserError for a missing or damaged record."""
    path = folder / "study.json"
    document = {**read_json(path), "folder": folder}
    check_shape(path, document, StudyRecord, "remove it and run the same `make study` again")
    record = StudyRecord.model_validate(document)
    cells = tuple(cell.model_copy(update={"folder": folder / cell.folder}) for cell in record.cells)
    return record.model_copy(update={"cells": cells})


def is_study(folder: Path) -> bool:
    """Whether a folder is one that `cyclebench study` made."""
    path = folder / "study.json"
    return path.exists() and read_json(path).get("kind") == KIND


def _parameter_counts(experiment: AnyExperiment) -> dict[str, int]:
    """Trainable parameters by network."""
    counts: Counter[str] = Counter()
    for name, shape in experiment.networks().parameter_shapes().items():
        counts[name.partition("/")[0]] += math.prod(shape)
    return counts
