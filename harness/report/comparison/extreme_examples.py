"""Best and worst test images: by cycle error, and by the output of the discriminators."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from harness.metrics.pixel import mae
from harness.metrics.scoring import DIRECTIONS, Direction
from harness.records.experiment import ExperimentFolder
from harness.report.formatting import fixed
from harness.report.gallery import Column, Gallery, shown_runs

EACH = 2  # images from either end
Evaluations = Mapping[str, Mapping[str, np.ndarray]]  # by backend: arrays of the last evaluation


def extreme_galleries(experiment: ExperimentFolder) -> list[Gallery]:
    """Of the runs in the galleries, after the last step; ordered by the mean over backends."""
    runs = shown_runs(experiment)
    if not (runs and experiment.references):
        return []
    evaluations = {run.backend: run.final_evaluation for run in runs}
    galleries = [
        make(experiment, direction, evaluations)
        for make in (_by_cycle_error, _by_discriminator)
        for direction in DIRECTIONS
    ]
    return [gallery for gallery in galleries if gallery]


def _by_cycle_error(
    experiment: ExperimentFolder, direction: Direction, evaluations: Evaluations
) -> Gallery | None:
    if not all(direction.cycle in arrays for arrays in evaluations.values()):
        return None
    source = experiment.references[direction.source]
    errors = {name: mae(arrays[direction.cycle], source) for name, arrays in evaluations.items()}
    columns = [Column("original", source)]
    for name, arrays in evaluations.items():
        columns.append(Column(experiment.title(name), arrays[direction.name]))
        columns.append(Column("and back", arrays[direction.cycle]))
    return _gallery(
        experiment,
        f"cycle_{direction.name}",
        f"{experiment.path(direction.cycle)}: smallest and largest cycle error",
        "Mean absolute difference between an image and its round trip, on a scale of 0 to 255.",
        columns,
        errors,
        digits=1,
    )


def _by_discriminator(
    experiment: ExperimentFolder, direction: Direction, evaluations: Evaluations
) -> Gallery | None:
    patches = f"patches_fake_{direction.name[-1]}"
    if not all(patches in arrays for arrays in evaluations.values()):
        return None
    scores = {
        name: arrays[patches].reshape(len(arrays[patches]), -1).mean(axis=1, dtype=np.float64)
        for name, arrays in evaluations.items()
    }
    columns = [Column("original", experiment.references[direction.source])]
    columns += [
        Column(experiment.title(name), arrays[direction.name])
        for name, arrays in evaluations.items()
    ]
    return _gallery(
        experiment,
        f"judged_{direction.name}",
        f"{experiment.path(direction.name)}: most and least convincing",
        "Mean output of the backend's own discriminator for the translation. A higher output means"
        " that the discriminator takes it more for a real image (with the least-squares loss its"
        " targets are 1 for real and 0 for translated). Each backend has its own discriminator, so"
        " compare only within a backend.",
        columns,
        scores,
        digits=2,
        highest_first=True,
    )


def _gallery(
    experiment: ExperimentFolder,
    name: str,
    title: str,
    note: str,
    columns: list[Column],
    values: Mapping[str, np.ndarray],
    digits: int,
    highest_first: bool = False,
) -> Gallery:
    """The best EACH test images, then the worst; `values`: by backend, one an image."""
    mean = np.mean(list(values.values()), axis=0)
    order = np.argsort(-mean if highest_first else mean, kind="stable")
    ends = {"best": order[:EACH], "worst": order[EACH:][-EACH:]}
    indices, captions = [], []
    for end, index in ((end, int(index)) for end, chosen in ends.items() for index in chosen):
        numbers = [
            f"{experiment.title(backend)} {fixed(float(of_backend[index]), digits)}"
            for backend, of_backend in values.items()
        ]
        indices.append(index)
        captions.append(f"{end}, test image {index}: {', '.join(numbers)}")
    return Gallery(name, title, note, tuple(columns), tuple(indices), tuple(captions))
