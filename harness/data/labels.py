"""Optional labels of a data set: `labels.csv` beside its split folders. Only a judge reads them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.data.layout import SPLITS
from harness.data.manifest import Manifest
from harness.system.errors import UserError
from harness.system.untrusted import shown

FILE_NAME = "labels.csv"
HEADER = ["split", "name", "label"]
UNLABELLED = -1
MOST_BYTES = 64 * 2**20
MOST_CLASSES = 1000
LONGEST_LABEL = 64


@dataclass(frozen=True)
class Labels:
    """What the images of a data set show.

    `classes`: the labels of its images, sorted; as numbers where all are whole numbers. `codes`:
    for each of trainA, trainB, testA, testB, int64 (n,) in the manifest's order: the position in
    `classes`, -1 where unlabelled.
    """

    classes: tuple[str, ...]
    codes: Mapping[str, np.ndarray]


def read_labels(manifest: Manifest) -> Labels | None:
    """The labels of the manifest's images; None where its folder is not here or has no labels.csv.

    The file is CSV in UTF-8 with the header `split,name,label`, then a line for each labelled
    image: `name` without folder, `label` any short text. Lines about files that are not in the
    manifest, such as an unreadable image, are ignored. Raises UserError, with the line's number,
    for anything else, and where no line is about an image of the set.
    """
    if manifest.folder is None:
        return None
    path = manifest.folder / FILE_NAME
    lines = read_lines(path)
    if lines is None:
        return None
    positions = {
        (split, file.name): position
        for split in SPLITS
        for position, file in enumerate(manifest.splits[split])
    }
    labelled = {key: label for key, label in lines.items() if key in positions}
    numbers = all(re.fullmatch("-?[0-9]+", label) for label in labelled.values())
    by_number = (lambda label: (int(label), label)) if numbers else None
    classes = tuple(sorted(set(labelled.values()), key=by_number))
    if not labelled:
        raise UserError(
            f"{path}: no line is about an image of this data set; `name` is a file's name without"
            f" folder, `split` one of {', '.join(SPLITS)}"
        )
    if len(classes) > MOST_CLASSES:
        raise UserError(
            f"{path}: {len(classes)} different labels; give {MOST_CLASSES} at most, or remove it"
        )
    codes = {split: np.full(len(manifest.splits[split]), UNLABELLED, np.int64) for split in SPLITS}
    code_of = {label: code for code, label in enumerate(classes)}
    for (split, name), label in labelled.items():
        codes[split][positions[split, name]] = code_of[label]
    return Labels(classes, codes)


def read_lines(path: Path) -> dict[tuple[str, str], str] | None:
    """(split, name) -> label for every line of a labels.csv; None where there is no such file.

    Raises UserError as `read_labels` does.
    """
    if not (path.exists() or path.is_symlink()):
        return None
    rows = csv.reader(io.StringIO(_read(path), newline=""), strict=True)
    labels: dict[tuple[str, str], str] = {}
    try:
        if next(rows, None) != HEADER:
            raise ValueError(f"the header is not {','.join(HEADER)}; put that in front")
        for row in filter(None, rows):
            key, label = _checked(row)
            if key in labels:
                raise ValueError(f"a second line about {shown('/'.join(key))}; keep one of them")
            labels[key] = label
    except csv.Error as error:
        raise UserError(f"{path}:{rows.line_num}: not CSV ({error}); quote it properly") from None
    except ValueError as error:
        raise UserError(f"{path}:{max(1, rows.line_num)}: {error}") from None
    return labels


def write_lines(path: Path, lines: Iterable[tuple[tuple[str, str], str]]) -> None:
    """A labels.csv of ((split, name), label). Names and labels are taken as they are."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows((split, name, label) for (split, name), label in lines)


def _read(path: Path) -> str:
    """The text of the file. Raises UserError where it is none."""
    if not path.is_file():  # a pipe would be waited on for ever
        raise UserError(f"{path}: not a file that can be read; replace it or remove it")
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check its rights") from None
    if len(content) > MOST_BYTES:
        raise UserError(f"{path}: larger than {MOST_BYTES >> 20} MiB; is it the right file?")
    if b"\0" in content:
        line = content.count(b"\n", 0, content.index(b"\0")) + 1
        raise UserError(f"{path}:{line}: a NUL byte; save it as UTF-8 text")
    try:
        return content.decode("utf-8-sig")  # spreadsheets put a mark in front
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}:{line}: not UTF-8; save it as UTF-8 text") from None


def _checked(row: list[str]) -> tuple[tuple[str, str], str]:
    """((split, name), label) of a line. Raises ValueError with what is wrong and what to do."""
    if len(row) != len(HEADER):
        raise ValueError(
            f"{len(row)} fields, not {len(HEADER)}; write {','.join(HEADER)}, quoting commas"
        )
    split, name, label = row[0], row[1], row[2].strip()
    if split not in SPLITS:
        raise ValueError(f"unknown split {shown(split)}; give one of {', '.join(SPLITS)}")
    if not label:
        raise ValueError(f"no label for {shown(name)}; give one or remove the line")
    if len(label) > LONGEST_LABEL:
        raise ValueError(f"a label of {len(label)} characters; give {LONGEST_LABEL} at most")
    if not label.isprintable():
        raise ValueError(f"label {shown(label)} has characters that do not print; remove them")
    return (split, name), label
