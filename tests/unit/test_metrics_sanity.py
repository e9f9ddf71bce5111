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
SETS = {"seasons": 16, "summer2winter_yosemite": 40}  # images of each kind
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


def rungs_of(half):
    """The undamaged images of a kind of damage come first, and its rungs after them."""
    return {
        f"{damage} {rung}": change(half[:DAMAGED], level)
        for damage, (change, levels) in LADDERS.items()
        for rung, level in enumerate(levels, 1)
    }


@pytest.fixture(scope="module")
def extracted(request, tmp_path_factory):
    """Features by name of set and of images, from one start of the extractor.

    Real images of a domain, as many others of it, the latter damaged; drawn ones of the other
    domain, too.
    """
    images = {}
    for name, count in SETS.items():
        if name == "seasons":
            target = np.stack([render(scene, "winter", SIDE) for scene in range(2 * count)])
            summers = [render(scene, "summer", SIDE) for scene in range(500, 500 + count)]
            images[name, "other"] = np.stack(summers)
        else:
            try:
                folder = request.getfixturevalue("photographs") / name
            except pytest.skip.Exception:
                continue
            target = opened(folder / "testB", 2 * count, SIDE)
        images[name, "real"], images[name, "half"] = target[::2], target[1::2]
        images |= {(name, rung): damaged for rung, damaged in rungs_of(target[1::2]).items()}
    cache = tmp_path_factory.mktemp("features")
    return features(images, EFFICIENTNET, cache, lambda *progress: None)


@pytest.fixture(params=SETS)
def vectors(request, extracted):
    """Features of one set by name of images."""
    of_set = {kind: rows for (name, kind), rows in extracted.items() if name == request.param}
    return of_set or pytest.skip("CYCLEBENCH_DATA is not set: no real photographs here")


def check_growth(rungs, real, score):
    scored = [SCORES[score](rung, real) for rung in rungs]
    scores = [of_rung.value for of_rung in scored]
    assert (np.diff(scores) > 0).all(), scores
    # The highest rung is above the undamaged images by more than the error bar.
    gap = jackknife(scored[-1] - scored[0])
    assert gap.low is not None and gap.low > 0


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("damage", LADDERS)
def test_a_score_grows_with_every_rung_of_damage(vectors, damage, score):
    rungs = [vectors["half"][:DAMAGED], *(vectors[f"{damage} {rung}"] for rung in (1, 2, 3))]
    check_growth(rungs, vectors["real"], score)


@pytest.mark.parametrize("score", SCORES)
def test_a_score_grows_with_every_image_of_the_other_domain(extracted, score):
    """Of drawn images: it would take 119 photographs of each kind to see it."""
    real, half, other = (extracted["seasons", kind] for kind in ("real", "half", "other"))
    shares = [share * len(half) // 4 for share in range(5)]
    check_growth([np.concatenate([other[:n], half[n:]]) for n in shares], real, score)


def test_real_images_against_others_of_their_domain_score_nothing(vectors):
    floor = jackknife(kid_replicates(vectors["half"], vectors["real"]))
    assert floor.low is not None and floor.high is not None
    assert floor.low < 0 < floor.high, floor
