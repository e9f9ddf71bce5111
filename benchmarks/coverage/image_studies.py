"""Means over test images, shares of hits and the checkerboard index."""

from __future__ import annotations

from functools import partial

import numpy as np

from benchmarks.coverage import candidates
from benchmarks.coverage.samples import energies, hits, scene_noise, skewed_scores
from benchmarks.coverage.study import Line, Outcome, Study
from harness.metrics.artefacts import checkerboard_replicates
from harness.statistics.intervals import jackknife, mean_replicates, share_replicates

REPEATS = 2000
MEANS = {"PSNR": (32.0, 25.0, 24.8), "SSIM": (1.0, 0.80, 0.79)}  # best, first model's, second's
PAIRED = "paired grouped jackknife"
SHARE = "grouped jackknife of a share"


def _column(first: float, second: float) -> np.ndarray:
    return np.array([[first], [second]])


def _mean(
    rng: np.random.Generator, best: float, first: float, second: float, count: int, run: int
) -> dict[str, Outcome]:
    scores = skewed_scores(scene_noise(rng, count, run), best, _column(first, second))
    one, other = (mean_replicates(each) for each in scores)
    return {
        "one": jackknife(one),
        "difference": jackknife(one - other),
        "independent": candidates.student(scores[0]),
    }


def _share(rng: np.random.Generator, first: float, second: float, count: int) -> dict[str, Outcome]:
    right = hits(scene_noise(rng, count), _column(first, second))
    one, other = (share_replicates(each) for each in right)
    return {
        "one": jackknife(one),
        "difference": jackknife(one - other),
        "plain": jackknife(mean_replicates(right[0])),
    }


def _checkerboard(rng: np.random.Generator, count: int) -> dict[str, Outcome]:
    """True index of the first model 3 dB, of the second 2 dB."""
    fakes = energies(scene_noise(rng, count), 10 ** (_column(3.0, 2.0) / 10))
    real = energies(rng.standard_normal((1, count)), np.ones((1, 1)))[0]
    one, other = (checkerboard_replicates(each, real) for each in fakes)
    return {"one": jackknife(one), "difference": jackknife(one - other)}


def _mean_study(name: str, count: int, run: int = 1) -> Study:
    best, first, second = MEANS[name]
    shots = f", shots of {run}" if run > 1 else ""
    setting = f"N={count}{shots}"
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
    once = partial(_mean, best=best, first=first, second=second, count=count, run=run)
    return Study(f"mean {name} {setting}", "images", REPEATS, once, tuple(lines))


def _share_study(first: float, second: float, count: int) -> Study:
    """A row of the first model's share; one of the difference, if there is a difference."""
    lines = [Line("one", f"share of {first:.1%}", f"N={count}", SHARE, truth=first)]
    if first != second:
        what = f"share of {first:.1%} less {second:.1%}"
        lines.append(Line("difference", what, f"N={count}", PAIRED, truth=first - second))
    if first > 0.95 and count <= 120:
        why = "too few misses for the blocks to show the error; none at all: an interval of nothing"
        lines.append(
            Line("plain", f"share of {first:.1%}", f"N={count}", "grouped jackknife of a mean",
                 "not printed", first, unit="one", reason=why)
        )  # fmt: skip
    once = partial(_share, first=first, second=second, count=count)
    name = f"share {first} {second} {count}"
    return Study(name, "images", REPEATS, once, tuple(lines))


def _checkerboard_study(count: int) -> Study:
    setting = f"N={count}"
    lines = (
        Line("one", "checkerboard, dB", setting, "grouped jackknife", truth=3.0),
        Line("difference", "checkerboard, dB, difference", setting, PAIRED, truth=1.0),
    )
    once = partial(_checkerboard, count=count)
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
