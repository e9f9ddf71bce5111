"""Test images beside each other: at evenly spaced indices, and the best and worst ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.metrics.pixel import mae
from harness.metrics.scoring import DIRECTIONS, Direction
from harness.records.experiment import ExperimentFolder
from harness.records.run import RunRecord
from harness.report.formatting import fixed
from harness.report.gallery import spaced
from harness.report.page import Column, Gallery

DIFFERENCE, TRUTH = "difference", "truth"  # titles of columns that no backend made
EACH = 2  # best images, and worst ones
Evaluations = Mapping[str, Mapping[str, np.ndarray]]  # by backend: arrays of the last step


def shown_runs(experiment: ExperimentFolder) -> tuple[RunRecord, ...]:
    """One complete run a backend, of the first device and seed that most backends have."""
    candidates = [
        tuple(
            run
            for name in experiment.present
            for run in experiment.of(name, device)
            if run.seed == seed
        )
        for device in experiment.devices
        for seed in experiment.seeds
    ]
    return max(candidates, key=len, default=())


def galleries(experiment: ExperimentFolder) -> list[Gallery]:
    """Translations, round trips and identity images; a gallery without images is left out."""
    runs = shown_runs(experiment)
    if not (runs and experiment.references):
        return []
    results = {run.backend: run.final_evaluation for run in runs}
    a, b = experiment.domain("a"), experiment.domain("b")
    wanted = [
        ("ab", f"{a} → {b}", "", "a", "truth_ab"),
        ("ba", f"{b} → {a}", "", "b", "truth_ba"),
        ("aba", f"Round trip {a} → {b} → {a}", "Should give back the original.", "a", ""),
        ("bab", f"Round trip {b} → {a} → {b}", "Should give back the original.", "b", ""),
        ("identity_a", f"Identity {a}", f"Given {a} already: should change nothing.", "a", ""),
        ("identity_b", f"Identity {b}", f"Given {b} already: should change nothing.", "b", ""),
    ]  # fmt: skip
    galleries = []
    for name, title, note, side, truth in wanted:
        translated = [
            Column(experiment.title(backend), arrays[name])
            for backend, arrays in results.items()
            if name in arrays
        ]
        if not translated:
            continue
        original = f"original ({experiment.domain(side)})"
        columns = [Column(original, experiment.references[f"real_{side}"]), *translated]
        for other in translated[1:]:
            of = f" of {other.title}" if len(translated) > 2 else ""
            columns.append(_difference(translated[0].images, other.images, of))
        if truth in experiment.references:
            columns.append(Column(TRUTH, experiment.references[truth]))
        count = min(len(column.images) for column in columns)
        galleries.append(Gallery(name, title, note, tuple(columns), spaced(count)))
    return galleries


def picture_row(galleries: Sequence[Gallery]) -> tuple[Gallery, ...]:
    """For the first screen: a test image of each direction, and what the backends make of it."""
    return tuple(
        replace(
            gallery,
            name=f"first_{gallery.name}",
            columns=tuple(
                column
                for column in gallery.columns
                if column.title != TRUTH and not column.title.startswith(DIFFERENCE)
            ),
            indices=gallery.indices[:1],
        )
        for gallery in galleries
        if gallery.name in ("ab", "ba")
    )


def _difference(one: np.ndarray, other: np.ndarray, of: str = "") -> Column:
    """A map of the absolute difference, mean over channels: black is none, white the largest.

    `of`: in its title, whose difference to the first backend it is.
    """
    count = min(len(one), len(other))
    gap = np.abs(one[:count].astype(np.int16) - other[:count]).mean(-1, keepdims=True)
    white = max(1, math.ceil(gap[list(spaced(count))].max(initial=0.0)))
    grey = np.rint(np.minimum(gap / white, 1) * 255).astype(np.uint8)
    shown = np.broadcast_to(grey, (*grey.shape[:3], one.shape[-1]))
    return Column(f"{DIFFERENCE}{of}, 0 to {white}", shown)


def extreme_galleries(experiment: ExperimentFolder) -> list[Gallery]:
    """Of the runs in `galleries`, after the last step: best and worst by the mean over backends.

    By cycle error, then by the output of the discriminators, where all runs have them.
    """
    runs = shown_runs(experiment)
    if not (runs and experiment.references):
        return []
    results = {run.backend: run.final_evaluation for run in runs}
    galleries = []
    for direction in DIRECTIONS:
        if all(direction.cycle in arrays for arrays in results.values()):
            galleries.append(_by_cycle_error(experiment, direction, results))
    for direction in DIRECTIONS:
        if all(_patches(direction) in arrays for arrays in results.values()):
            galleries.append(_by_discriminator(experiment, direction, results))
    return galleries


def _by_cycle_error(
    experiment: ExperimentFolder, direction: Direction, results: Evaluations
) -> Gallery:
    source = experiment.references[direction.source]
    columns = [Column("original", source)]
    for name, arrays in results.items():
        columns.append(Column(experiment.title(name), arrays[direction.name]))
        columns.append(Column("and back", arrays[direction.cycle]))
    gallery = Gallery(
        f"cycle_{direction.name}",
        f"{experiment.path(direction.cycle)}: smallest and largest cycle error",
        "Mean absolute difference between an image and its round trip, on a scale of 0 to 255.",
        tuple(columns),
    )
    errors = {name: mae(arrays[direction.cycle], source) for name, arrays in results.items()}
    return _with_extremes(gallery, experiment, errors, digits=1)


def _by_discriminator(
    experiment: ExperimentFolder, direction: Direction, results: Evaluations
) -> Gallery:
    columns = [Column("original", experiment.references[direction.source])]
    columns += [
        Column(experiment.title(name), arrays[direction.name]) for name, arrays in results.items()
    ]
    gallery = Gallery(
        f"judged_{direction.name}",
        f"{experiment.path(direction.name)}: most and least convincing",
        "Mean output of the backend's own discriminator for the translation. A higher output means"
        " that the discriminator takes it more for a real image (with the least-squares loss its"
        " targets are 1 for real and 0 for translated). Each backend has its own discriminator, so"
        " compare only within a backend.",
        tuple(columns),
    )
    outputs = {}
    for name, arrays in results.items():
        patches = arrays[_patches(direction)]
        outputs[name] = patches.reshape(len(patches), -1).mean(axis=1, dtype=np.float64)
    return _with_extremes(gallery, experiment, outputs, digits=2, highest_first=True)


def _patches(direction: Direction) -> str:
    """The array of what the target domain's discriminator says of the translations."""
    return f"patches_fake_{direction.name[-1]}"


def _with_extremes(
    gallery: Gallery,
    experiment: ExperimentFolder,
    values: Mapping[str, np.ndarray],
    digits: int,
    highest_first: bool = False,
) -> Gallery:
    """The gallery with the best EACH test images, then the worst; `values`: by backend."""
    mean = np.mean(list(values.values()), axis=0)
    order = np.argsort(-mean if highest_first else mean, kind="stable").tolist()
    best, worst = order[:EACH], order[EACH:][-EACH:]
    captions = []
    for end, index in [("best", i) for i in best] + [("worst", i) for i in worst]:
        numbers = [
            f"{experiment.title(backend)} {fixed(float(of_backend[index]), digits)}"
            for backend, of_backend in values.items()
        ]
        captions.append(f"{end}, test image {index}: {', '.join(numbers)}")
    return replace(gallery, indices=(*best, *worst), captions=tuple(captions))
