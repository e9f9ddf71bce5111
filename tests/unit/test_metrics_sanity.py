"""A ladder of damage: scores must grow with each rung, and be at the floor for real images.

On photographs where the machine has them, and on the built-in set always.
"""

from __future__ import annotations

import numpy as np
import pytest
from damaged_images import blurred, noisy, opened, rounded

from harness.data.seasons import render
from harness.metrics.extractors import EFFICIENTNET
from harness.metrics.features import features
from harness.metrics.frechet import frechet_replicates
from harness.metrics.kid import kid_replicates
from harness.statistics.intervals import jackknife

SIDE = 64
DAMAGED = 12  # images of each rung
SETS = {"seasons": 16, "horse2zebra": 20}  # images of each kind
SCORES = {"kid": kid_replicates, "fd": frechet_replicates}


def tinted(images, levels):
    return rounded(images + np.array([levels, 0, -levels]))


def chequered(images, height):
    board = np.indices(images.shape[1:3]).sum(axis=0) % 2 * 2 - 1
    return rounded(images + height * board[..., None])


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
        target = opened(folder / "testB", 2 * count, SIDE)
        other = opened(folder / "testA", count, SIDE)
    real, half = target[::2], target[1::2]
    sets = {"real": real, "half": half, "other": other}
    for name, (damage, levels) in LADDERS.items():
        sets |= {f"{name} {rung}": damage(half[:DAMAGED], level)
                 for rung, level in enumerate(levels, 1)}  # fmt: skip
    cache = tmp_path_factory.mktemp("features")
    vectors = features(sets, EFFICIENTNET, cache, lambda *progress: None)
    rungs = {
        name: [vectors["half"][:DAMAGED], *(vectors[f"{name} {rung}"] for rung in (1, 2, 3))]
        for name in LADDERS
    }
    shares = [share * count // 4 for share in range(5)]
    rungs["mix"] = [np.concatenate([vectors["other"][:n], vectors["half"][n:]]) for n in shares]
    return rungs, vectors


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("damage", [*LADDERS, "mix"])
def test_a_score_grows_with_every_rung_of_damage(ladder, damage, score):
    rungs, vectors = ladder
    replicates = SCORES[score]
    scored = [replicates(rung, vectors["real"]) for rung in rungs[damage]]
    scores = [of_rung.value for of_rung in scored]
    assert (np.diff(scores) > 0).all(), scores
    # The highest rung is above the undamaged images by more than the error bar.
    lowest, highest = scored[0], scored[-1]
    gap = jackknife(highest - lowest)
    assert gap.low is not None and gap.low > 0


def test_real_images_against_others_of_their_domain_score_nothing(ladder):
    _, vectors = ladder
    floor = jackknife(kid_replicates(vectors["half"], vectors["real"]))
    assert floor.low is not None and floor.high is not None
    assert floor.low < 0 < floor.high, floor
