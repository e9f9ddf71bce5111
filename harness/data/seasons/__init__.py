"""The built-in `seasons` data set: drawn mountain landscapes, A in summer and B in winter.

It needs no download, has any image size, and its test split has true pairs: both seasons of one
scene share their geometry exactly and differ only in how it is painted.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.data.cache import build_folder
from harness.data.layout import ALL_SPLITS, Progress, counted
from harness.data.seasons.paint import Season, paint
from harness.data.seasons.scene import compose
from harness.data.seasons.survey import survey

SMALLEST = 16
# Far apart, so that no two splits ever share a scene.
FIRST_SCENE = {"trainA": 0, "trainB": 1_000_000, "testA": 2_000_000, "testB": 3_000_000}
MOST_IMAGES = 1_000_000
_OVERSAMPLING = 2


def render(scene: int, season: Season, size: int) -> NDArray[np.uint8]:
    """Draw scene number `scene` (0 to 2**64 - 1) in one season: uint8 (size, size, 3), sRGB.

    The same picture at every size, bit for bit the same at every call. Raises ValueError for a
    negative scene, an unknown season or a size below 16.
    """
    return next(_seasons(scene, (season,), size))


def write_seasons(
    folder: Path, size: int, train: int, test: int, progress: Progress | None = None
) -> None:
    """Write the data set as PNG files, `size` pixels wide and high, into the new `folder`.

    `trainA`, `testA` (summer) and `trainB`, `testB` (winter) show different scenes, `train` or
    `test` of them each. `testA_in_B` and `testB_in_A` show the test scenes in the other season
    under the same file names: the true translations. `progress(done, total)` is called after
    every image. `folder` appears complete or not at all. Raises UserError if it exists already,
    ValueError for impossible numbers.
    """
    if not (0 < train <= MOST_IMAGES and 0 < test <= MOST_IMAGES):
        raise ValueError(f"cannot draw train={train}, test={test}: give 1 to {MOST_IMAGES} of each")
    jobs: list[tuple[str, int, dict[str, Season]]] = [
        ("trainA", train, {"trainA": "summer"}),
        ("trainB", train, {"trainB": "winter"}),
        ("testA", test, {"testA": "summer", "testA_in_B": "winter"}),
        ("testB", test, {"testB": "winter", "testB_in_A": "summer"}),
    ]
    scenes = [
        (scene, views)
        for split, count, views in jobs
        for scene in range(FIRST_SCENE[split], FIRST_SCENE[split] + count)
    ]
    pictures = (
        (scene, name, picture)
        for scene, views in scenes
        for name, picture in zip(views, _seasons(scene, tuple(views.values()), size), strict=True)
    )
    with build_folder(folder, replace=False) as new:
        for split in ALL_SPLITS:
            (new / split).mkdir()
        for scene, name, picture in counted(pictures, 2 * train + 4 * test, progress):
            Image.fromarray(picture).save(new / name / f"scene_{scene:07d}.png")


def _seasons(scene: int, seasons: tuple[Season, ...], size: int) -> Iterator[NDArray[np.uint8]]:
    """One scene in each of some seasons; it is surveyed once."""
    if not 0 <= scene < 2**64 or size < SMALLEST or not {"summer", "winter"}.issuperset(seasons):
        raise ValueError(f"cannot draw {scene=}, {seasons=}, {size=} (at least {SMALLEST})")
    surface = survey(compose(scene), size, size * _OVERSAMPLING)
    for season in seasons:
        # The mean of each block of pixels, added in a fixed order.
        picture = paint(surface, season)
        total = np.zeros_like(picture[::_OVERSAMPLING, ::_OVERSAMPLING])
        for row, column in np.ndindex(_OVERSAMPLING, _OVERSAMPLING):
            total += picture[row::_OVERSAMPLING, column::_OVERSAMPLING]
        levels = total * np.float32(255 / _OVERSAMPLING**2) + np.float32(0.5)
        yield np.floor(levels).astype(np.uint8)
