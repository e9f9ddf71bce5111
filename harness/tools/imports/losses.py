"""Losses of other code, taken into an experiment's folder in this project's terms."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from harness.records.imported_losses import CYCLE, TERMS, Imported, write_imported
from harness.system.checksums import sha256
from harness.system.errors import UserError
from harness.system.untrusted import is_folder
from harness.tools.imports.authors_log import read_log
from harness.tools.imports.curves import Curves
from harness.tools.imports.declared import WEIGHTS, Declared, declared_by, swapped
from harness.tools.imports.event_files import read_events
from harness.tools.imports.sources import SOURCES, Source
from harness.tools.imports.tensorboard_csv import read_csvs


@dataclass(frozen=True)
class ImportRequest:
    """`source`: of SOURCES. `terms`: `cycle_a=TAG,weighted` each, of curves whose names are up to
    whoever wrote them. `weights`: of WEIGHTS, as the other code had them. `swap`: its A is our B.
    """

    files: Sequence[Path]
    source: str
    to: Path
    name: str | None = None
    title: str | None = None
    terms: Sequence[str] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    swap: bool = False
    batch_size: int | None = None
    images_per_epoch: int | None = None


def import_losses(request: ImportRequest) -> tuple[Path, Imported]:
    """The table's path, and what is in it. Raises UserError; then nothing is written."""
    if not (request.to / "experiment.json").is_file():
        raise UserError(f"--to {request.to}: no experiment there; name a folder as `make compare`"
                        " writes it")  # fmt: skip
    source, curves = SOURCES[request.source], _read(request)
    weights = {**WEIGHTS, **request.weights}
    declared = [*source.curves, *(declared_by(text) for text in request.terms)]
    if request.swap:
        declared = [replace(item, term=swapped(item.term)) for item in declared]
    if any(item.term == CYCLE and item.weights for item in declared):
        _check_equal(weights)
    chosen, sentences = _choose(request, declared, curves, weights)
    columns, assumed = _columns(curves, chosen, weights, source.first_step)
    name = request.name or _slug(request.files[0])
    title = request.title or f"{source.title}: {name}"
    imported = Imported(name, title, tuple(sentences), _table(columns))
    notes = (*_about(source, chosen, request.weights), *curves.assumed, *assumed)
    head = {
        "source": request.source,
        "files": [{"name": file.name, "sha256": sha256(file)} for file in _hashed(request.files)],
    }
    path = write_imported(request.to, imported, head, notes)
    return path, replace(imported, declared=(*imported.declared, *notes))


def _read(request: ImportRequest) -> Curves:
    if request.source == "tensorboard-csv":
        return read_csvs(request.files)
    if len(request.files) != 1:
        raise UserError(f"{request.files[1]}: one file is imported at a time; import it by itself")
    if request.source == "authors":
        return read_log(request.files[0], request.batch_size, request.images_per_epoch)
    return read_events(request.files[0])


def _check_equal(weights: Mapping[str, float]) -> None:
    if weights["lambda_a"] != weights["lambda_b"]:
        raise UserError("--set lambda_a, lambda_b: one curve for both directions was weighted;"
                        " give both the same")  # fmt: skip


def _choose(
    request: ImportRequest,
    declared: Sequence[Declared],
    curves: Curves,
    weights: Mapping[str, float],
) -> tuple[list[Declared], list[str]]:
    """Those that are there, and a sentence about each. Raises UserError where there are none."""
    asked = {declared_by(text).name for text in request.terms}
    names = ", ".join(sorted(curves.by_name)[:12])
    missing = sorted(asked - curves.by_name.keys())
    if missing:
        raise UserError(f"{request.files[0]}: no curve {missing[0]!r}; there are {names}")
    there = [item for item in declared if item.name in curves.by_name]
    if not there:
        raise UserError(
            f"{request.files[0]}: no curve that is known of {request.source}; there are {names}:"
            " say which is which as --term cycle_a=NAME"
        )
    terms = [item.term for item in there]
    twice = next((term for term in terms if terms.count(term) > 1), None)
    if twice:
        raise UserError(f"{request.files[0]}: two curves for {twice}; leave one of them out")
    return there, [item.sentence(weights) for item in there]


def _about(source: Source, chosen: Sequence[Declared], given: Mapping[str, float]) -> list[str]:
    """What is taken for granted of the numbers, a sentence each."""
    used = {name for item in chosen for name in item.weights}
    guessed = [f"{name} {value:g}" for name, value in WEIGHTS.items() if name in used - set(given)]
    notes = [source.note] if source.note else []
    if guessed:
        notes.append(f"Not given, so as the authors' code has it: {', '.join(guessed)}.")
    return notes


def _columns(
    curves: Curves, chosen: Sequence[Declared], weights: Mapping[str, float], first_step: int
) -> tuple[dict[str, pd.Series], list[str]]:
    """Term -> its recorded mean by step; sentences about what is left out."""
    columns, assumed = {}, []
    if first_step:
        assumed.append(f"Steps are counted from 0: that code begins with {first_step}.")
    for item in chosen:
        given, divisor = curves.by_name[item.name], item.divisor(weights)
        # A term of weight zero is not computed, and written as 0.
        if not divisor or (item.weights and not given.values.any()):
            assumed.append(f"{item.name} is left out: with a weight of zero nothing was measured.")
            continue
        finite = np.isfinite(given.values)
        if not finite.all():
            first = int(given.steps[~finite][0]) - first_step
            count = int((~finite).sum())
            assumed.append(
                f"{item.name}: {count} values that are no finite numbers are left out, the first"
                f" at step {first}."
            )
        steps = given.steps[finite] - first_step
        if not len(steps):
            continue
        if steps[0] < 0:
            raise UserError(f"{item.name}: begins at step {steps[0] + first_step}, but that code"
                            f" counts from {first_step}; is it another code's?")  # fmt: skip
        columns[item.term] = pd.Series(given.values[finite] / divisor, steps)
    if not columns:
        raise UserError("nothing left to import: no curve has a finite number; give another file")
    return columns, assumed


def _table(columns: Mapping[str, pd.Series]) -> pd.DataFrame:
    ordered = {term: columns[term] for term in TERMS if term in columns}
    return pd.DataFrame(ordered).sort_index().rename_axis("step").reset_index()


def _slug(path: Path) -> str:
    plain = re.sub(r"[^a-z0-9._-]+", "-", path.resolve().stem.lower()).strip("-._")
    return plain[:64] or "imported"


def _hashed(files: Sequence[Path]) -> Iterator[Path]:
    for file in files:
        yield from sorted(file.rglob("*.tfevents.*")) if is_folder(file) else [file]
