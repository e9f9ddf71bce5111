"""Optional labels of a data set: which class an image shows, for judges of translations.

`labels.csv` beside trainA trainB testA testB, with the header `split,name,label` and a line for
each labelled file. Training never sees them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.datasets.layout import SPLITS
from harness.datasets.manifest import Manifest
from harness.errors import UserError

FILE_NAME = "labels.csv"
HEADER = ["split", "name", "label"]
MOST_BYTES = 64 * 2**20
MOST_CLASSES = 1000
LONGEST = 64  # characters of a label


@dataclass(frozen=True)
class Labels:
    """`classes`: sorted, by number where all are whole numbers. `codes`: split -> int64 (n,) in the
    manifest's order: the place of an image's label among the classes, -1 where it has none."""

    classes: tuple[str, ...]
    codes: Mapping[str, np.ndarray]


def read_labels(manifest: Manifest) -> Labels | None:
    """None where the data set has no labels.csv, or where its files are not on this machine.

    Lines about files that are not in the manifest, such as unreadable images, are passed over.
    Raises UserError naming file and line for anything else that does not fit.
    """
    path = manifest.folder / FILE_NAME if manifest.folder else None
    if path is None or not path.exists():
        return None
    by_file = _read(path)
    known = {split: [file.name for file in manifest.splits[split]] for split in SPLITS}
    used = {
        label
        for split, names in known.items()
        for name in names
        if (label := by_file.get((split, name))) is not None
    }
    if not used:
        raise UserError(f"{path}: no line is about an image of this data set; mend or remove it")
    if len(used) > MOST_CLASSES:
        raise UserError(
            f"{path}: {len(used)} different labels, at most {MOST_CLASSES} are possible"
        )
    classes = _ordered(used)
    place = {label: code for code, label in enumerate(classes)}
    codes = {
        split: np.array([place.get(by_file.get((split, n), ""), -1) for n in names], np.int64)
        for split, names in known.items()
    }
    return Labels(classes, codes)


def _read(path: Path) -> dict[tuple[str, str], str]:
    """(split, name) -> label, every line checked."""
    found: dict[tuple[str, str], str] = {}
    for line, row in _rows(path):
        at = f"{path}, line {line}"
        if len(row) != len(HEADER):
            raise UserError(f"{at}: {len(row)} fields, needed are {','.join(HEADER)}")
        split, name, label = row
        if split not in SPLITS:
            raise UserError(f"{at}: no split {split!r}; one of {', '.join(SPLITS)}")
        if not 0 < len(label) <= LONGEST or not label.isprintable():
            raise UserError(f"{at}: a label has 1 to {LONGEST} printable characters")
        if (split, name) in found:
            raise UserError(f"{at}: {split}/{name!r} has a label already; give each file one")
        found[split, name] = label
    return found


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and fields after the header."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UserError(f"{path}: larger than {MOST_BYTES >> 20} MiB; remove lines")
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file, strict=True)
            if next(reader, None) != HEADER:
                raise UserError(f"{path}, line 1: must be {','.join(HEADER)}")
            for row in reader:
                yield reader.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read as CSV in UTF-8 ({error}); mend it") from None


def _ordered(labels: set[str]) -> tuple[str, ...]:
    if all(label.isascii() and label.isdigit() for label in labels):
        return tuple(sorted(labels, key=lambda label: (int(label), label)))
    return tuple(sorted(labels))
