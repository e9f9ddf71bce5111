"""Imported curves on disk, beside the runs they are shown with. See results/README.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from backends.objective import LOSS_TERMS
from harness.records.schema import Shape, Text, check_shape
from harness.system.errors import UserError
from harness.system.files import read_json, read_table, write_json, write_table
from harness.system.untrusted import shown

FOLDER = "imported"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
LARGEST = 1e15
CYCLE = "cycle"  # the mean of both cycle terms, where only one curve is written for both
TERMS = (*LOSS_TERMS, CYCLE)


@dataclass(frozen=True)
class Imported:
    """Losses of another code. `declared`: a sentence for whatever was done or assumed.

    `table`: columns `step` (int64 from 0, ascending) and some of TERMS (float64, the recorded
    `mean`; NaN where nothing was written).
    """

    name: str
    title: str
    declared: tuple[str, ...]
    table: pd.DataFrame


class _Head(Shape):
    """imported/<name>.json"""

    title: Text
    source: Text
    declared: list[Text]
    assumed: list[Text]


def read_imported(folder: Path) -> tuple[Imported, ...]:
    """All that was imported into an experiment's folder, by name. Raises UserError."""
    files = [*(folder / FOLDER).glob("*.json"), *(folder / FOLDER).glob("*.csv")]
    names = sorted({file.stem for file in files if not file.name.startswith(".")})
    imported = []
    for name in names:
        record, table_file = (folder / FOLDER / f"{name}.{end}" for end in ("json", "csv"))
        again = f"remove {folder / FOLDER / name}.* and import it again"
        if not NAME.fullmatch(name):
            raise UserError(f"{record}: not called as imported losses are; remove it")
        if not record.exists():
            raise UserError(f"{record}: no such file, but there is its table; {again}")
        head = read_json(record)
        check_shape(record, head, _Head, again)
        table = read_table(table_file)
        if problem := _problem(table):
            raise UserError(f"{table_file}: {problem}; {again}")
        table = table.astype({column: np.float64 for column in table if column != "step"})
        sentences = (*head["declared"], *head["assumed"])
        imported.append(Imported(name, head["title"], sentences, table))
    return tuple(imported)


def write_imported(
    folder: Path, imported: Imported, head: Mapping[str, Any], assumed: tuple[str, ...]
) -> Path:
    """`head`: what else to write down. Returns the table's path. Raises UserError for a bad name,
    and where the name is taken."""
    if not NAME.fullmatch(imported.name):
        raise UserError(
            f"--name {shown(imported.name)}: lower-case letters, digits, '.', '_' and '-' only, at"
            " most 64"
        )
    table, record = (folder / FOLDER / f"{imported.name}.{end}" for end in ("csv", "json"))
    if table.exists() or record.exists():
        raise UserError(f"{table}: already there; remove it, or give another --name")
    problem = _problem(imported.table)
    if problem:
        raise UserError(f"{table}: {problem}; nothing is written: are weights and files right?")
    sentences = {"declared": list(imported.declared), "assumed": list(assumed)}
    document = {"title": imported.title, **sentences, **head}
    check_shape(record, document, _Head, "give a shorter --title, or other names")
    write_table(table, imported.table)
    write_json(record, document)
    return table


def _problem(table: pd.DataFrame) -> str | None:
    if table.columns[0] != "step" or len(table.columns) < 2 or table.empty:
        return "no column step in front, or nothing behind it"
    for column in table.columns[1:]:
        if column not in TERMS:
            return f"column {shown(column)}, which is no loss"
        if table[column].dtype.kind not in "iuf":
            return f"column {column} has more than numbers"
        if table[column].abs().max() > LARGEST:
            return f"column {column} has numbers that cannot be drawn"
    steps = table["step"]
    if steps.dtype.kind not in "iu" or steps.iloc[0] < 0 or not steps.is_monotonic_increasing:
        return "column step has more than whole numbers from 0, ascending"
    return "column step has a step twice" if steps.duplicated().any() else None
