"""Checks all records of an experiment before it is scored, which takes minutes and writes files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from harness.records.experiment import ExperimentFolder, load
from harness.records.run import RunRecord
from harness.report.comparison.losses import term_weights
from harness.system.errors import UserError

IMAGES = ("real_a", "real_b", "floor_a", "floor_b")
TRUTHS = {"truth_ab": "real_a", "truth_ba": "real_b"}
# Array of an evaluation -> the real images of as many images, and those of as many pixels.
TRANSLATIONS = {
    "ab": ("real_a", "real_b"),
    "ba": ("real_b", "real_a"),
    "last_ab": ("real_a", "real_b"),
    "last_ba": ("real_b", "real_a"),
    "aba": ("real_a", "real_a"),
    "bab": ("real_b", "real_b"),
    "identity_a": ("real_a", "real_a"),
    "identity_b": ("real_b", "real_b"),
}
PATCHES = {
    "patches_real_a": "real_a",
    "patches_fake_a": "real_b",
    "patches_real_b": "real_b",
    "patches_fake_b": "real_a",
}
# The same of samples, of which there are as many as test images of A.
SAMPLES = {"ba": ("real_a", "real_a")}
OF_SAMPLES = {"patches_real_a": "real_a", "patches_fake_a": "real_a"}
Arrays = Mapping[str, np.ndarray]


def check_records(folder: Path) -> None:
    """Raises UserError naming the record that is missing or damaged, or does not fit the others.

    metrics.json is not checked: it is about to be written anew.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give one that `make compare` wrote")
    experiment = load(folder, scored=False)
    term_weights(experiment)  # raises UserError if a setting it needs is missing
    experiment.setting("training.batch_size")
    references = experiment.references
    if references:
        _check_references(folder / "references.safetensors", references)
    for run in experiment.runs:
        losses, last = len(run.losses), run.status["steps"]
        if losses != last:
            raise _unfit(run.folder / "losses.csv", f"has {losses} rows for {last} steps", run)
        if (run.blocks["steps"] < 1).any():
            raise _unfit(run.folder / "blocks.csv", "has a block without steps", run)
        steps = run.evaluated_steps
        if last not in steps:
            raise _unfit(run.evaluation_file(last), "is missing", run)
        # One at a time: all of a long run's do not fit in memory.
        for step in steps if references else ():
            _check_evaluation(experiment, run, step, references)


def _check_references(path: Path, arrays: Arrays) -> None:
    advice = "remove it and run `make compare` again"
    for name in IMAGES:
        if name not in arrays or not _are_images(arrays[name]):
            raise UserError(f"{path}: {name} is missing, or no images; {advice}")
        if arrays[name].shape[1:] != arrays[f"real_{name[-1]}"].shape[1:]:
            raise UserError(f"{path}: {name} has images of another size; {advice}")
    for name, source in TRUTHS.items():
        if name in arrays and not (
            _are_images(arrays[name]) and len(arrays[name]) == len(arrays[source])
        ):
            raise UserError(f"{path}: {name} is not an image for each of {source}; {advice}")


def _check_evaluation(
    experiment: ExperimentFolder, run: RunRecord, step: int, references: Arrays
) -> None:
    path, arrays = run.evaluation_file(step), run.evaluation(step)
    both_ways = len(experiment.directions) > 1
    made, judged = (TRANSLATIONS, PATCHES) if both_ways else (SAMPLES, OF_SAMPLES)
    for name in experiment.directions:
        if name not in arrays:
            raise _unfit(path, f"has no array {name}", run)
    for name, (source, target) in made.items():
        wanted = (len(references[source]), *references[target].shape[1:])
        if name in arrays and not (_are_images(arrays[name]) and arrays[name].shape == wanted):
            given = f"{arrays[name].dtype} {arrays[name].shape}"
            raise _unfit(path, f"has {given} for {name}, not uint8 {wanted}", run)
    for name, source in judged.items():
        if name not in arrays:
            continue
        scores = arrays[name]
        one_each = scores.ndim == 3 and scores.size and len(scores) == len(references[source])
        if not (one_each and scores.dtype == np.float32 and np.isfinite(scores).all()):
            raise _unfit(path, f"has no finite scores for each image in {name}", run)


def _are_images(array: np.ndarray) -> bool:
    return bool(
        array.dtype == np.uint8 and array.ndim == 4 and array.size and array.shape[-1] in (1, 3)
    )


def _unfit(path: Path, problem: str, run: RunRecord) -> UserError:
    return UserError(f"{path}: {problem}; remove {run.folder} to train that run anew")
