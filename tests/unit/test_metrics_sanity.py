"""A ladder of damage: scores must grow with each rung, and be at the floor for real images.

On photographs where the machine has them, and on the built-in set always.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from harness.data.seasons import render
from harness.metrics.extractors import EFFICIENTNET
from harness.metrics.features import features
from harness.metrics.frechet import frechet_distance, frechet_replicates
from harness.metrics.kid import kid, kid_replicates
from harness.statistics.intervals import jackknife

SIDE = 64
DAMAGED = 24  # images of each rung
SETS = {"seasons": 90, "summer2winter_yosemite": 119}  # images of each kind
SCORES = {"kid": (kid, kid_replicates), "fd": (frechet_distance, frechet_replicates)}


def opened(folder: Path, count: int) -> np.ndarray:
    """Evenly spaced photographs of a folder: uint8 (count, SIDE, SIDE, 3)."""
    files = sorted(folder.iterdir())
    chosen = [files[i * len(files) // count] for i in range(count)]
    pictures = [Image.open(file).convert("RGB").resize((SIDE, SIDE)) for file in chosen]
    return np.stack([np.asarray(picture) for picture in pictures])


def blurred(images, radius):
    pictures = [Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)) for image in images]
    return np.stack([np.asarray(picture) for picture in pictures])


def noisy(images, deviation):
    noise = np.random.default_rng(0).normal(0, deviation, images.shape)
    return np.clip(images + noise, 0, 255).astype(np.uint8)


def tinted(images, levels):
    return np.clip(images + np.array([levels, 0, -levels]), 0, 255).astype(np.uint8)


def chequered(images, height):
    board = np.indices(images.shape[1:3]).sum(axis=0) % 2 * 2 - 1
    return np.clip(images + height * board[..., None], 0, 255).astype(np.uint8)


LADDERS = {
    "blur": (blurred, (0.7, 1.2, 2.5)),
    "noise": (noisy, (16, 32, 64)),
    "colour": (tinted, (30, 50, 80)),
    "checkerboard": (chequered, (3, 8, 20)),
}


@pytest.fixture(scope="module", params=SETS)
def ladder(request, tmp_path_factory):
    """Features of real images of one domain by rung: damaged, or mixed with the other domain."""
    count = SETS[request.param]
    if request.param == "seasons":
        target = np.stack([render(scene, "winter", SIDE) for scene in range(2 * count)])
        other = np.stack([render(scene, "summer", SIDE) for scene in range(500, 500 + count)])
    else:
        folder = request.getfixturevalue("photographs") / request.param
        target, other = opened(folder / "testB", 2 * count), opened(folder / "testA", count)
    real, half = target[::2], target[1::2]
    sets = {"real": real, "half": half, "other": other}
    for name, (damage, levels) in LADDERS.items():
        sets |= {f"{name} {rung}": damage(half[:DAMAGED], level)
                 for rung, level in enumerate(levels, 1)}  # fmt: skip
    cache = tmp_path_factory.mktemp("features")
    found = features(sets, EFFICIENTNET, cache, lambda *progress: None)
    rungs = {
        name: [found["half"][:DAMAGED], *(found[f"{name} {rung}"] for rung in (1, 2, 3))]
        for name in LADDERS
    }
    shares = [share * count // 4 for share in range(5)]
    rungs["mix"] = [np.concatenate([found["other"][:n], found["half"][n:]]) for n in shares]
    return rungs, found


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("damage", [*LADDERS, "mix"])
def test_a_score_grows_with_every_rung_of_damage(ladder, damage, score):
    rungs, found = ladder
    measure, replicates = SCORES[score]
    scores = [measure(rung, found["real"]) for rung in rungs[damage]]
    assert (np.diff(scores) > 0).all(), [f"{each:.4f}" for each in scores]
    # The highest rung is above the undamaged images by more than the error bar.
    lowest, highest = (replicates(rungs[damage][end], found["real"]) for end in (0, -1))
    gap = jackknife(highest - lowest)
    assert gap.low is not None and gap.low > 0


def test_real_images_against_others_of_their_domain_score_nothing(ladder):
    _, found = ladder
    floor = jackknife(kid_replicates(found["half"], found["real"]))
    assert floor.low is not None and floor.high is not None
    assert floor.low < 0 < floor.high, floor
