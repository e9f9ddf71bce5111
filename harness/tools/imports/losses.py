"""Losses of other code, taken into an experiment's folder in this project's terms."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from harness.records.imported_losses import CYCLE, TERMS, Imported, write_imported
from harness.system.checksums import sha256
from harness.system.errors import UserError
from harness.system.untrusted import is_folder
from harness.tools.imports.authors_log import Starts
from harness.tools.imports.curves import LAST_STEP, Curves, Unit
from harness.tools.imports.foreign import read_foreign
from harness.tools.imports.sources import SOURCES, WEIGHTS, Declared, declared_by, swapped

EVENT_FILES = "*.tfevents.*"
TABLES = ("csv", "tensorboard-csv")  # sources that are nothing else
ENDINGS = (".csv", ".tsv", ".json")
FEW = 1000  # so many values, one after another, may well be one an epoch


@dataclass(frozen=True)
class ImportRequest:
    """`source`: of SOURCES. `terms`: `cycle_a=TAG,weighted` each, of curves whose names every
    program chooses for itself. `weights`: of WEIGHTS, as the other code had them. `swap`: its A is
    our B.

    `per`: what curves count, as far as the user says; an epoch has `steps_per_epoch`, or
    `images_per_epoch` in batches of `batch_size`. `starts`: see authors_log.
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
    steps_per_epoch: int | None = None
    per: Unit | None = None
    starts: Starts | None = None


def import_losses(request: ImportRequest) -> tuple[Path, Imported]:
    """The table's path, and what is in it. Raises UserError; then nothing is written."""
    if not (request.to / "experiment.json").is_file():
        raise UserError(f"--to {request.to}: no experiment there; name a folder as `make compare`"
                        " writes it")  # fmt: skip
    source, curves = SOURCES[request.source], _read(request)
    weights = {**WEIGHTS, **request.weights}
    chosen = _choose(request, curves, weights)
    curves, first_step = _by_steps(request, curves, chosen, source.first_step)
    columns, left_out = _columns(curves, chosen, weights, first_step)
    table = pd.DataFrame({term: columns[term] for term in TERMS if term in columns})
    table = table.sort_index().rename_axis("step").reset_index()
    # What is assumed of the numbers, a sentence each.
    used = {name for item in chosen for name in item.weights} - set(request.weights)
    guessed = [f"{name} {value:g}" for name, value in WEIGHTS.items() if name in used]
    notes = [source.note] if source.note else []
    if guessed:
        notes.append(f"Not given, so as the authors' code has it: {', '.join(guessed)}.")
    assumed = (*notes, *curves.assumed, *left_out)
    plain = re.sub(r"[^a-z0-9._-]+", "-", request.files[0].resolve().stem.lower()).strip("-._")
    name = request.name or plain[:64] or "imported"
    title = request.title or f"{source.title}: {name}"
    sentences = tuple(item.sentence(weights) for item in chosen)
    hashed = [
        path
        for file in request.files
        for path in (sorted(file.rglob(EVENT_FILES)) if is_folder(file) else [file])
    ]
    head = {
        "source": request.source,
        "files": [{"name": file.name, "sha256": sha256(file)} for file in hashed],
    }
    path = write_imported(request.to, Imported(name, title, sentences, table), head, assumed)
    return path, Imported(name, title, (*sentences, *assumed), table)


def _read(request: ImportRequest) -> Curves:
    files, first = request.files, request.files[0]
    if _in_tables(request):
        return Curves.unpacked(**read_foreign("tables", list(files)))
    if len(files) != 1:
        raise UserError(f"{files[1]}: one file is imported at a time; import it by itself")
    if request.source != "authors":
        return Curves.unpacked(**read_foreign("events", first))
    if request.per or request.steps_per_epoch:
        raise UserError(f"{first}: has epochs and images; leave --per and --steps-per-epoch")
    given = (request.batch_size, request.images_per_epoch, request.starts)
    return Curves.unpacked(**read_foreign("log", first, *given))


def _in_tables(request: ImportRequest) -> bool:
    return request.source in TABLES or all(file.suffix.lower() in ENDINGS for file in request.files)


def _by_steps(
    request: ImportRequest, curves: Curves, chosen: Sequence[Declared], first_step: int
) -> tuple[Curves, int]:
    """Curves that count steps, and the number of the first step."""
    names = {item.name for item in chosen}
    numbers = np.unique(np.concatenate([curves.by_name[name].index for name in sorted(names)]))
    first, last = int(numbers[0]), int(numbers[-1])
    if (request.per or curves.unit) == "epoch":
        size = _steps_per_epoch(request)
        begin = min(first, 1)
        if (last + 1) * size > LAST_STEP:
            raise UserError(f"{request.files[0]}: epoch {last}, beyond any training; is it a step?")
        by_name = {
            name: pd.Series(curve.to_numpy(), (curve.index - begin + 1) * size - 1)
            for name, curve in curves.by_name.items()
        }
        said = f"Epochs are counted from {begin}; a value is drawn at the last of its {size} steps."
        return Curves(by_name, (*curves.assumed, said)), 0
    in_a_row = last - first + 1 == len(numbers) and first <= 1
    of_log = request.source == "authors" and not _in_tables(request)
    if in_a_row and 2 < len(numbers) <= FEW and not request.per and not of_log:
        said = (
            f"Its numbers {first} to {last}, one after another, are taken for steps; if they are"
            " epochs, import it again with --per epoch and --steps-per-epoch N."
        )
        return replace(curves, assumed=(*curves.assumed, said)), first_step
    return curves, first_step


def _steps_per_epoch(request: ImportRequest) -> int:
    if request.steps_per_epoch is not None:
        return request.steps_per_epoch
    if request.images_per_epoch is None:
        raise UserError(
            f"{request.files[0]}: counts epochs, curves of a report count steps; add"
            " --steps-per-epoch N, or --images-per-epoch N and --batch-size N"
        )
    return -(-request.images_per_epoch // (request.batch_size or 1))


def _choose(request: ImportRequest, curves: Curves, weights: Mapping[str, float]) -> list[Declared]:
    """Those that the files have a curve of. Raises UserError where there are none."""
    file = request.files[0]
    asked = [declared_by(text) for text in request.terms]
    declared = [*SOURCES[request.source].curves, *asked]
    if request.swap:
        declared = [replace(item, term=swapped(item.term)) for item in declared]
    weighted = any(item.term == CYCLE and item.weights for item in declared)
    if weighted and weights["lambda_a"] != weights["lambda_b"]:
        raise UserError("--set lambda_a, lambda_b: one curve for both directions was weighted;"
                        " give both the same")  # fmt: skip
    names = ", ".join(sorted(curves.by_name)[:12])
    missing = sorted({item.name for item in asked} - curves.by_name.keys())
    if missing:
        raise UserError(f"{file}: no curve {missing[0]!r}; there are {names}")
    chosen = [item for item in declared if item.name in curves.by_name]
    if not chosen:
        raise UserError(
            f"{file}: no curve that is known of {request.source}; there are {names}: say which is"
            " which as --term cycle_a=NAME"
        )
    terms = [item.term for item in chosen]
    twice = next((term for term in terms if terms.count(term) > 1), None)
    if twice:
        raise UserError(f"{file}: two curves for {twice}; leave one of them out")
    return chosen


def _columns(
    curves: Curves, chosen: Sequence[Declared], weights: Mapping[str, float], first_step: int
) -> tuple[dict[str, pd.Series], list[str]]:
    """Term -> its recorded mean by step; sentences about what is left out."""
    columns, sentences = {}, []
    if first_step:
        sentences.append(f"Steps are counted from 0: that code begins with {first_step}.")
    for item in chosen:
        curve, divisor = curves.by_name[item.name], item.divisor(weights)
        # A term of weight zero is not computed, and written as 0.
        if not divisor or (item.weights and not curve.to_numpy().any()):
            sentences.append(
                f"{item.name} is left out: with a weight of zero nothing was measured."
            )
            continue
        finite = np.isfinite(curve)
        if not finite.all():
            first = int(curve.index[~finite][0]) - first_step
            count = int((~finite).sum())
            sentences.append(
                f"{item.name}: {count} values that are no finite numbers are left out, the first"
                f" at step {first}."
            )
        mean = curve[finite] / divisor
        mean.index -= first_step
        if mean.empty:
            continue
        if mean.index[0] < 0:
            raise UserError(f"{item.name}: begins at step {mean.index[0] + first_step}, but that"
                            f" code counts from {first_step}; is it another code's?")  # fmt: skip
        columns[item.term] = mean
    if not columns:
        raise UserError("nothing left to import: no curve has a finite number; give another file")
    return columns, sentences
