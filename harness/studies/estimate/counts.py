"""How many images an experiment's data set has, without fetching or decoding any of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from harness.config.experiment import Experiment
from harness.data.catalogue import BuiltIn, Entry, Pair, find_entry
from harness.data.class_pairs import find_class_pair
from harness.data.find_local import find_local
from harness.data.layout import TRUTHS
from harness.data.linking import class_files
from harness.data.scan import image_files
from harness.data.split_rule import VALIDATION, Part, part_of
from harness.studies.estimate import published
from harness.studies.estimate.work import Counts
from harness.system.errors import UserError
from harness.system.untrusted import LONGEST

SYNTAX = "--images trainA,trainB,testA,testB"


def given_images(text: str) -> Counts:
    """What the user says there is, as 1000,1000,250,250. Raises UserError for anything else."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 4 or not all(re.fullmatch("0*[1-9][0-9]{0,8}", part) for part in parts):
        raise UserError(f"--images {text[:LONGEST]}: give four whole numbers above zero: {SYNTAX}")
    train_a, train_b, test_a, test_b = map(int, parts)
    return Counts(train_a, train_b, test_a, test_b)


def count_images(experiment: Experiment, data_dir: Path | None) -> Counts:
    """As the preset says for a built-in set, else on disk, else as published.

    Unreadable files count: telling them takes decoding all. Raises UserError where nobody knows.
    """
    dataset, held = experiment.dataset, experiment.data.hold_out == "validation"
    entry = find_entry(dataset)
    if entry is not None and isinstance(entry.source, BuiltIn):
        train, test = experiment.data.train, experiment.data.test
        paired = set(TRUTHS.values()) <= set(entry.source.parts)
        return _held(Counts(train, train, test, test, paired, "built in"), held)
    found = find_local(dataset, data_dir and data_dir.expanduser())
    if found is not None:
        return _on_disk(found.folder, held)
    if (domains := find_class_pair(dataset, data_dir)) is not None:
        a, b = (class_files(folder) for folder in domains)
        return _held(_divided(a, b, "test", domains[0].parent), held)
    numbers = _published(entry) if entry is not None else None
    if numbers is None:
        raise UserError(
            f"{dataset}: how many images it has is not known here;"
            f" name the folder that holds it (DATA_DIR), or say it: {SYNTAX}"
        )
    return _held(Counts(*numbers, origin="as published"), held)


def _published(entry: Entry) -> tuple[int, int, int, int] | None:
    if isinstance(entry.source, Pair):
        a, b = (published.SINGLES.get(name) for name in (entry.source.a, entry.source.b))
        return (a[0], b[0], a[1], b[1]) if a and b else None
    return published.SETS.get(entry.name)


def _on_disk(folder: Path, held: bool) -> Counts:
    names = {
        split: [path.name for path in image_files(folder / split)]
        for split in ("trainA", "trainB", "testA", "testB")
    }
    for split, files in names.items():
        if not files:
            raise UserError(f"{folder / split}: no images; put some there")
    if held:
        return _divided(names["trainA"], names["trainB"], "validation", folder)
    paired = all((folder / truth).is_dir() for truth in TRUTHS.values())
    train_a, train_b, test_a, test_b = (len(files) for files in names.values())
    return Counts(train_a, train_b, test_a, test_b, paired, str(folder))


def _divided(a: Iterable[str], b: Iterable[str], part: Part, folder: Path) -> Counts:
    """Of files to train on those of a `part` are put by to test, as their names say."""
    (kept_a, held_a), (kept_b, held_b) = (
        (sum(mine != part for mine in parts), sum(mine == part for mine in parts))
        for parts in ([part_of(name) for name in names] for names in (a, b))
    )
    return Counts(kept_a, kept_b, max(1, held_a), max(1, held_b), origin=str(folder))


def _held(counts: Counts, held: bool) -> Counts:
    """With a validation split, about as large as chance makes it, in place of the test images."""
    if not held:
        return counts
    tests = [max(1, round(VALIDATION * each)) for each in (counts.train_a, counts.train_b)]
    return replace(
        counts,
        train_a=counts.train_a - tests[0],
        train_b=counts.train_b - tests[1],
        test_a=tests[0],
        test_b=tests[1],
        paired=False,
    )
