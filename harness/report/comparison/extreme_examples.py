"""Best and worst test images: by cycle error, and by what the discriminators make of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from harness.metrics.pixel import mae
from harness.metrics.scoring import DIRECTIONS, Direction
from harness.records.experiment import ExperimentFolder
from harness.report.formatting import fixed
from harness.report.gallery import Column, Gallery, shown_runs

EACH = 2  # images shown from either end
Evaluations = Mapping[str, Mapping[str, np.ndarray]]  # by backend: arrays of the last evaluation


def case_galleries(experiment: ExperimentFolder) -> list[Gallery]:
    """Of the shown runs, after the last step; images are ordered by the mean over backends."""
    runs = shown_runs(experiment)
    if not (runs and experiment.references):
        return []
    made = {run.backend: run.final_evaluation for run in runs}
    found = [
        make(experiment, direction, made)
        for make in (_by_cycle_error, _by_discriminator)
        for direction in DIRECTIONS
    ]
    return [gallery for gallery in found if gallery]


def _by_cycle_error(
    experiment: ExperimentFolder, direction: Direction, made: Evaluations
) -> Gallery | None:
    if not all(direction.cycle in arrays for arrays in made.values()):
        return None
    source = experiment.references[direction.source]
    errors = {name: mae(arrays[direction.cycle], source) for name, arrays in made.items()}
    columns = [Column("original", source)]
    for name, arrays in made.items():
        columns.append(Column(experiment.title(name), arrays[direction.name]))
        columns.append(Column("and back", arrays[direction.cycle]))
    order = np.argsort(np.mean(list(errors.values()), axis=0), kind="stable")
    return _gallery(
        experiment,
        f"cycle_{direction.name}",
        f"{experiment.path(direction.cycle)}: smallest and largest cycle error",
        "Mean absolute difference between an image and its round trip, of 255.",
        columns,
        order,
        errors,
        1,
    )


def _by_discriminator(
    experiment: ExperimentFolder, direction: Direction, made: Evaluations
) -> Gallery | None:
    patches = f"patches_fake_{direction.name[-1]}"
    if not all(patches in arrays for arrays in made.values()):
        return None
    scores = {
        name: arrays[patches].reshape(len(arrays[patches]), -1).mean(axis=1, dtype=np.float64)
        for name, arrays in made.items()
    }
    columns = [Column("original", experiment.references[direction.source])]
    columns += [
        Column(experiment.title(name), arrays[direction.name]) for name, arrays in made.items()
    ]
    order = np.argsort(-np.mean(list(scores.values()), axis=0), kind="stable")
    return _gallery(
        experiment,
        f"judged_{direction.name}",
        f"{experiment.path(direction.name)}: most and least convincing",
        "Mean output of the backend's own discriminator for the translation: the higher, the more "
        "it passes for real (by least squares: 1 does, 0 does not). Two discriminators are two "
        "judges: compare within a backend.",
        columns,
        order,
        scores,
        2,
    )


def _gallery(
    experiment: ExperimentFolder,
    name: str,
    title: str,
    note: str,
    columns: list[Column],
    order: np.ndarray,
    values: Mapping[str, np.ndarray],
    digits: int,
) -> Gallery:
    """`order`: test images from best to worst; `values`: by backend, one an image."""
    best, worst = order[:EACH], order[EACH:][-EACH:]
    indices = [*best.tolist(), *worst.tolist()]
    words = ["best"] * len(best) + ["worst"] * len(worst)
    captions = []
    for word, index in zip(words, indices, strict=True):
        numbers = [
            f"{experiment.title(backend)} {fixed(float(each[index]), digits)}"
            for backend, each in values.items()
        ]
        captions.append(f"{word}, test image {index}: {', '.join(numbers)}")
    return Gallery(name, title, note, tuple(columns), tuple(indices), tuple(captions))
