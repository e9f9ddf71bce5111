"""Curves in tables: as TensorBoard and Weights & Biases download them, as loggers write them.

- TensorBoard: columns `Wall time,Step,Value`, one curve a file, named by the file
- Weights & Biases: `Step`, and for each curve `RUN - NAME` with its `__MIN` and `__MAX`
- Lightning's `metrics.csv`: `step`, `epoch`, and a curve a column, most cells empty
- Keras: `epoch` and a curve a column (CSVLogger), or a history as JSON, `{"NAME": [..], ..}`
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.system.errors import UserError
from harness.system.untrusted import reason, shown
from harness.tools.imports.curves import LAST_STEP, Curves, Unit, curve_of, read_text

MOST = 256 * 2**20  # bytes
MOST_COLUMNS = 1000
TENSORBOARD = ["Wall time", "Step", "Value"]
STEPS = ("Step", "step", "_step", "global_step", "Global Step", "trainer/global_step")
EPOCHS = ("epoch", "Epoch", "epochs")
BETWEEN = " - "  # W&B: the run's name and the curve's
BOUNDS = ("__MIN", "__MAX")  # W&B: of the steps that a row stands for

Points = dict[int, float]


def read_tables(paths: Sequence[Path]) -> Curves:
    """Of a step that is there twice, as after a restart, the last counts. Raises UserError.

    `unit`: epochs where no table counts steps.
    """
    curves: dict[str, Points] = {}
    notes: list[str] = []
    units: dict[Unit, Path] = {}
    for path in paths:
        try:
            unit, found = _read(path, notes)
        except (OSError, ValueError, OverflowError, RecursionError, csv.Error) as error:
            raise UserError(
                f"{path}: no table of curves ({reason(error)}); give a CSV file of TensorBoard,"
                " Weights & Biases, Lightning or Keras, or a Keras history as JSON"
            ) from None
        twice = next((name for name in found if name in curves), None)
        if twice is not None:
            raise UserError(f"{path}: a second file for {twice!r}; give one of each curve")
        units.setdefault(unit, path)
        curves |= found
    if len(units) > 1:
        raise UserError(f"{units['epoch']}: counts epochs, {units['step']} steps; import each by"
                        " itself, with another --name")  # fmt: skip
    series = {name: curve_of(points) for name, points in curves.items()}
    return Curves(series, tuple(notes), next(iter(units)))


def _read(path: Path, notes: list[str]) -> tuple[Unit, dict[str, Points]]:
    text = read_text(path, MOST)
    if text.lstrip().startswith("{"):
        return "epoch", _history(json.loads(text))
    head = text.partition("\n")[0]
    separator = max(",;\t", key=head.count)
    rows = list(csv.reader(io.StringIO(text), delimiter=separator, strict=True))
    if not rows or not rows[0]:
        raise ValueError("nothing in it")
    columns, rows = [name.strip() for name in rows[0]], [row for row in rows[1:] if row]
    if len(columns) > MOST_COLUMNS or len(set(columns)) < len(columns):
        raise ValueError("a column twice, or too many")
    if not rows or any(len(row) != len(columns) for row in rows):
        raise ValueError("lines with more or fewer fields than its first one, or no others")
    index = next((name for name in (*STEPS, *EPOCHS) if name in columns), None)
    if index is None:
        names = ", ".join(map(shown, columns[:6]))
        raise ValueError(f"no column is called step, Step or epoch; there are {names}")
    cells = {name: [row[i].strip() for row in rows] for i, name in enumerate(columns)}
    steps = [_whole(index, text) if text else None for text in cells[index]]
    curves = {}
    if columns == TENSORBOARD:
        curves[path.stem.rpartition("tag-")[2]] = _points(steps, cells["Value"])
    else:
        curves = _columns(path, index, steps, cells, notes)
    if not any(curves.values()):
        raise ValueError("no numbers in its columns")
    return "epoch" if index in EPOCHS else "step", curves


def _columns(
    path: Path,
    index: str,
    steps: list[int | None],
    cells: Mapping[str, list[str]],
    notes: list[str],
) -> dict[str, Points]:
    """Of a table with a curve a column: those that hold numbers, by their names."""
    passed = {index, *EPOCHS, TENSORBOARD[0]}
    names = [name for name in cells if name not in passed and not name.endswith(BOUNDS)]
    if any(BETWEEN in name for name in names):
        notes.append(
            "Steps are those of Weights & Biases: its calls of `log`, unless told otherwise."
        )
    elif {"step", "epoch"} <= cells.keys():
        notes.append("Steps are Lightning's, which counts those of several optimisers together.")
    short = [name.rpartition(BETWEEN)[2] for name in names]
    if len(set(short)) < len(short):  # several runs
        short = names
    curves, left_out = {}, []
    for name, column in zip(short, names, strict=True):
        try:
            curves[name] = _points(steps, cells[column])
        except ValueError:
            left_out.append(column)
    if left_out:
        listed = ", ".join(map(shown, left_out[:6]))
        notes.append(f"{path.name}: columns without numbers are left out: {listed}.")
    return {name: points for name, points in curves.items() if points}


def _points(steps: Sequence[int | None], texts: Sequence[str]) -> Points:
    """Empty cells say that nothing was logged there. Raises ValueError for what is no number."""
    try:
        return {
            step: float(text)
            for step, text in zip(steps, texts, strict=True)
            if text and step is not None
        }
    except ValueError:
        raise ValueError("no numbers in its columns") from None


def _whole(column: str, text: str) -> int:
    """Raises ValueError unless it is a whole number of steps or epochs."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not number.is_integer():
        raise ValueError(f"no whole numbers in its column {column}")
    if not 0 <= number <= LAST_STEP:
        raise ValueError("steps below zero or beyond any training")
    return int(number)


def _history(document: Any) -> dict[str, Points]:
    """Raises ValueError for what is no history."""
    inside = document.get("history")
    lists = inside if isinstance(inside, dict) else document
    curves = {
        name: {epoch: float(value) for epoch, value in enumerate(values)}
        for name, values in lists.items()
        if isinstance(values, list)
        and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    }
    if not any(curves.values()):
        raise ValueError("JSON, but no lists of numbers by name")
    return {name: points for name, points in curves.items() if points}
