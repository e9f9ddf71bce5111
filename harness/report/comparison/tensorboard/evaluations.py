"""A run on the test images: rows of images, and histograms of its discriminators' outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from PIL import Image

from harness.metrics.scoring import DIRECTIONS, Direction
from harness.records.experiment import ExperimentFolder
from harness.records.run import RunRecord
from harness.report.comparison.tensorboard.events import Entry, histogram, image
from harness.report.gallery import spaced

SHOWN = 10  # evaluations of a run, evenly spaced, with the last: as many as TensorBoard shows
ROWS = 3  # test images
SIDE = 128  # pixels of a tile at most


def of_run(experiment: ExperimentFolder, run: RunRecord) -> Iterator[Entry]:
    steps = run.evaluated_steps
    if len(steps) > SHOWN:
        places = np.linspace(0, len(steps) - 1, SHOWN).round().astype(int)
        steps = [steps[place] for place in places]
    for step in steps:
        arrays = run.evaluation(step)
        for direction in DIRECTIONS:
            pixels = _rows(experiment.references, arrays, direction)
            if pixels is not None:
                yield image(step, f"images/{direction.name}", pixels)
        for name in sorted(arrays):
            if name.startswith("patches_"):
                tag = f"discriminators/{name.removeprefix('patches_')}"
                if patches := histogram(step, tag, [arrays[name]]):
                    yield patches


def _rows(
    references: Mapping[str, np.ndarray], arrays: Mapping[str, np.ndarray], direction: Direction
) -> np.ndarray | None:
    """A row a test image: original, translation and, where there is one, the round trip.

    uint8 (height, width, 3); None where images are missing.
    """
    source, translated = references.get(direction.source), arrays.get(direction.name)
    if source is None or translated is None:
        return None
    columns = [source, translated]
    if direction.cycle in arrays:
        columns.append(arrays[direction.cycle])
    count = min(map(len, columns))
    if not count:
        return None
    side = min(SIDE, max(max(images.shape[1:3]) for images in columns))
    return np.vstack(
        [np.hstack([_tile(images[i], side) for images in columns]) for i in spaced(count, ROWS)]
    )


def _tile(pixels: np.ndarray, side: int) -> np.ndarray:
    """(height, width, 1 or 3) -> (side, side, 3)."""
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).convert("RGB")
    smaller = Image.Resampling.BOX if max(picture.size) > side else Image.Resampling.NEAREST
    return np.asarray(picture.resize((side, side), smaller))
