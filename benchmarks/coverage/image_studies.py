"""Means over test images, shares of hits and the checkerboard index, of synthetic scores."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from benchmarks.coverage import candidates
from benchmarks.coverage.populations import SCENE
from benchmarks.coverage.rows import Line, Outcome, Study
from harness.metrics.artefacts import checkerboard_replicates
from harness.statistics.intervals import jackknife, mean_replicates, share_replicates

REPEATS = 2000
MEANS = {"PSNR": (32.0, 25.0, 24.8), "SSIM": (1.0, 0.80, 0.79)}  # best, first model's, second's
PAIRED = "paired grouped jackknife"
SHARE = "grouped jackknife of a share"


def scene_noise(rng: np.random.Generator, count: int, run: int = 1) -> np.ndarray:
    """Standard normal numbers (2, count): two models, the same scenes.

    `run` neighbouring images show one scene, as shots of one place do.
    """
    scene = np.repeat(rng.standard_normal(-(-count // run)), run)[:count]
    return np.sqrt(SCENE) * scene + np.sqrt(1 - SCENE) * rng.standard_normal((2, count))


def skewed_scores(noise: np.ndarray, best: float, means: np.ndarray) -> np.ndarray:
    """Scores with the given mean that fall below `best` by a lognormal: skewness -1.75.

    `means`: of each row of `noise`, as a column.
    """
    return best - (best - means) * np.exp(0.5 * noise - 0.125)


def hits(noise: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """bool: whether a judge is right; hard scenes are hard for every model. `shares`: a column."""
    return noise < ndtri(shares)


def energies(noise: np.ndarray, medians: np.ndarray) -> np.ndarray:
    """Lognormal energies, as skewed as those of photographs. `medians`: a column."""
    return medians * np.exp(noise)


def _mean_study(name: str, count: int, run: int = 1) -> Study:
    best, first, second = MEANS[name]

    def once(rng: np.random.Generator) -> dict[str, Outcome]:
        means = np.array([[first], [second]])
        scores = skewed_scores(scene_noise(rng, count, run), best, means)
        one, other = (mean_replicates(of_model) for of_model in scores)
        return {
            "one": jackknife(one),
            "difference": jackknife(one - other),
            "independent": candidates.student(scores[0]),
        }

    setting = f"N={count}" + (f", shots of {run}" if run > 1 else "")
    lines = [
        Line("one", f"mean {name}", setting, "grouped jackknife", truth=first),
        Line("difference", f"mean {name}, difference", setting, PAIRED, truth=first - second),
    ]
    if run > 1:
        why = "neighbours show one scene; only blocks of neighbours tell how alike they are"
        lines.append(
            Line("independent", f"mean {name}", setting, "t over images", "not printed", first,
                 unit="one", reason=why)
        )  # fmt: skip
    return Study(f"mean {name} {setting}", "images", REPEATS, once, tuple(lines))


def _share_study(first: float, second: float, count: int) -> Study:
    """A row of the first model's share; one of the difference, if there is a difference."""

    def once(rng: np.random.Generator) -> dict[str, Outcome]:
        right = hits(scene_noise(rng, count), np.array([[first], [second]]))
        one, other = (share_replicates(of_model) for of_model in right)
        return {
            "one": jackknife(one),
            "difference": jackknife(one - other),
            "plain": jackknife(mean_replicates(right[0])),
        }

    what, setting = f"share of {first:.1%}", f"N={count}"
    lines = [Line("one", what, setting, SHARE, truth=first)]
    if first != second:
        less = f"{what} less {second:.1%}"
        lines.append(Line("difference", less, setting, PAIRED, truth=first - second))
    if first > 0.95 and count <= 120:
        why = "too few misses for the blocks to show the error; none at all: an interval of nothing"
        lines.append(
            Line("plain", what, setting, "grouped jackknife of a mean", "not printed", first,
                 unit="one", reason=why)
        )  # fmt: skip
    return Study(f"share {first} {second} {count}", "images", REPEATS, once, tuple(lines))


def _checkerboard_study(count: int) -> Study:
    """The true index of the first model is 3 dB, that of the second 2 dB."""

    def once(rng: np.random.Generator) -> dict[str, Outcome]:
        fakes = energies(scene_noise(rng, count), 10 ** (np.array([[3.0], [2.0]]) / 10))
        real = energies(rng.standard_normal((1, count)), np.ones((1, 1)))[0]
        one, other = (checkerboard_replicates(fake, real) for fake in fakes)
        return {"one": jackknife(one), "difference": jackknife(one - other)}

    setting = f"N={count}"
    lines = (
        Line("one", "checkerboard, dB", setting, "grouped jackknife", truth=3.0),
        Line("difference", "checkerboard, dB, difference", setting, PAIRED, truth=1.0),
    )
    return Study(f"checkerboard {setting}", "images", REPEATS, once, lines)


STUDIES: tuple[Study, ...] = (
    *(_mean_study("PSNR", count) for count in (6, 40, 120)),
    _mean_study("SSIM", 120),
    _mean_study("SSIM", 200, run=3),
    *(
        _share_study(first, second, count)
        for count in (40, 120, 360, 2000)
        for first, second in ((0.5, 0.5), (0.9, 0.86), (0.98, 0.96), (0.995, 0.98))
    ),
    *(_checkerboard_study(count) for count in (6, 40, 120)),
)
