"""From a study to its cells: the Cartesian product of its axes, each a valid experiment."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from harness.config.experiment import AnyExperiment
from harness.config.load import load_any
from harness.studies.grid.file import GridAxis, StudyFile
from harness.system.errors import UserError

MOST_CELLS = 100


@dataclass(frozen=True)
class GridCell:
    """One experiment of the grid; a label an axis."""

    labels: tuple[str, ...]
    name: str
    experiment: AnyExperiment


def make_cells(
    study: StudyFile, where: str, dataset: str | None = None, overrides: Sequence[str] = ()
) -> list[GridCell]:
    """In the order of the file, the last axis fastest. Raises UserError before anything is trained.

    `dataset` and `overrides` (`--set` strings) are what the user asked for beside the file; they
    may not touch what the grid varies. `where` names the study in messages.
    """
    axes = study.axes
    varied = {key for axis in axes for key in axis.keys}
    for override in overrides:
        key = override.partition("=")[0].strip()
        if key in varied:
            raise UserError(f"--set {override}: the grid of {where} varies {key}")
    if dataset is not None and "dataset" in varied:
        raise UserError(f"--dataset {dataset}: the grid of {where} varies it")
    count = math.prod(len(axis.labels) for axis in axes)
    if count > MOST_CELLS:
        raise UserError(f"{where}: grid has {count:,} cells; at most {MOST_CELLS} are allowed")
    cells: dict[str, GridCell] = {}
    for variants in product(*(zip(axis.labels, axis.settings, strict=True) for axis in axes)):
        labels = tuple(label for label, _ in variants)
        name = cell_name(axes, labels)
        chosen = {key: value for _, settings in variants for key, value in settings.items()}
        data = str(chosen.pop("dataset")) if "dataset" in chosen else dataset or study.dataset
        preset = str(chosen.pop("preset", study.preset))
        settings = [*_overrides(study.fixed), *overrides, *_overrides(chosen)]
        try:
            cell = GridCell(labels, name, load_any(data, preset, settings))
        except UserError as error:
            raise UserError(f"{where}: {name}: {error}") from None
        same = cells.setdefault(cell.experiment.digest(), cell)
        if same is not cell:
            raise UserError(f"{where}: {same.name} and {cell.name} are the same experiment")
    return list(cells.values())


def cell_name(axes: Sequence[GridAxis], labels: Sequence[str]) -> str:
    """ "blocks 3, learning rate 0.001"."""
    return ", ".join(f"{axis.title} {label}" for axis, label in zip(axes, labels, strict=True))


def _overrides(settings: dict[str, Any]) -> list[str]:
    """As `--set` strings: JSON is YAML."""
    return [f"{key}={json.dumps(value)}" for key, value in settings.items()]
