"""KID and the Frechet distance of synthetic features: printed intervals and their alternatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from benchmarks.coverage import candidates
from benchmarks.coverage.populations import (
    GaussianFeatures,
    RectifiedFeatures,
    gaussian_features,
    rectified_features,
)
from benchmarks.coverage.study import Line, Outcome, Study
from harness.metrics.frechet import frechet_distance, frechet_replicates
from harness.metrics.kid import kid_replicates
from harness.statistics.intervals import Interval, Replicates, jackknife

Population = Callable[[], GaussianFeatures | RectifiedFeatures]
SCORES: dict[str, Callable[[np.ndarray, np.ndarray], Replicates]] = {
    "KID": kid_replicates,
    "FD@N": frechet_replicates,
}
POPULATIONS: dict[str, Population] = {
    "Gaussian": gaussian_features,
    "rectified": rectified_features,
}
USUAL = 120  # test images of the default preset


def _scores(
    rng: np.random.Generator, population: Population, count: int, names: tuple[str, ...]
) -> dict[str, Outcome]:
    """Of one model, of the paired difference of two, and of that as if it were not paired."""
    draw = population().draw(rng, count)
    outcomes: dict[str, Outcome] = {}
    for name in names:
        replicates = SCORES[name]
        first, second = replicates(draw.first, draw.real), replicates(draw.second, draw.real)
        outcomes[name] = jackknife(first)
        outcomes[f"{name}, difference"] = jackknife(first - second)
        outcomes[f"{name}, unpaired"] = candidates.unpaired(first, second)
    return outcomes


def _alternatives(rng: np.random.Generator) -> dict[str, Outcome]:
    draw = gaussian_features().draw(rng, USUAL)
    x, y = draw.first, draw.real
    return {
        "KID bootstrap": candidates.bootstrap_kid(x, y, rng),
        "KID subsets of 100": candidates.subset_kid(x, y, rng, 100),
        "KID subsets of 30": candidates.subset_kid(x, y, rng, 30),
        "FD": Interval(frechet_distance(x, y)),
        "FD bootstrap": candidates.bootstrap_frechet(x, y, rng),
        "FD extrapolated": candidates.extrapolated_frechet(x, y, rng),
    }


def _printed(of: str, count: int, names: tuple[str, ...], repeats: int) -> Study:
    """`of`: name of a population; the true KID is known in closed form if it is Gaussian."""
    setting = f"{of}, N={count}"
    lines = []
    for name in names:
        one, difference = _true_kids() if (of, name) == ("Gaussian", "KID") else (None, None)
        pairing = "paired grouped jackknife"
        lines += [
            Line(name, f"{name} of a model", setting, "grouped jackknife", truth=one),
            Line(f"{name}, difference", f"{name}, difference", setting, pairing, truth=difference),
        ]
    once = partial(_scores, population=POPULATIONS[of], count=count, names=names)
    return Study(f"features {setting}", "features", repeats, once, tuple(lines))


def _true_kids() -> tuple[float, float]:
    """Of the Gaussian population's first model, and first minus second."""
    first, second = gaussian_features().kids()
    return first, first - second


def _with_unpaired(study: Study) -> Study:
    """`study` of both scores with rows of the unpaired jackknife after its own."""
    truths = {line.key: line.truth for line in study.lines}
    lines = tuple(
        Line(
            f"{name}, unpaired",
            f"{name}, difference",
            study.lines[0].setting,
            "grouped jackknife, not paired",
            "not printed",
            truths[f"{name}, difference"],
            reason="wider than it need be: it forgets that both models had the same images",
        )
        for name in SCORES
    )
    return replace(study, lines=study.lines + lines)


def _not_printed() -> Study:
    setting = f"Gaussian, N={USUAL}"
    kid = gaussian_features().kids()[0]
    limit = gaussian_features().frechet_distances()[0]
    copies = "a drawn image meets copies of itself: every draw is biased upward"
    whim = "its width is the size of the subsets, a whim, and not the error"

    def line(key: str, what: str, by: str, truth: float | None, reason: str, unit: str) -> Line:
        return Line(key, what, setting, by, "not printed", truth, unit=unit, reason=reason)

    bootstrap = "percentile bootstrap of images"
    own = "KID bootstrap"
    lines = (
        line(own, "KID of a model", bootstrap, kid, copies, own),
        line("KID subsets of 100", "KID of a model", "+-1.96 std, subsets of 100", kid, whim, own),
        line("KID subsets of 30", "KID of a model", "+-1.96 std, subsets of 30", kid, whim, own),
        line("FD bootstrap", "FD@N of a model", bootstrap, None, copies, "FD"),
        line(
            "FD extrapolated",
            "FD of a model, N to infinity",
            "FID-infinity, its line's intercept",
            limit,
            "the line is far from straight at this N: biased upward",
            "FD",
        ),
    )
    return Study(f"alternatives {setting}", "features", 150, _alternatives, lines)


BOTH = ("KID", "FD@N")
# The costly ones first, so that no process is left with one of them at the end.
STUDIES: tuple[Study, ...] = (
    _printed("rectified", 240, BOTH, 500),
    _printed("rectified", 120, BOTH, 600),
    _with_unpaired(_printed("Gaussian", 120, BOTH, 600)),
    _printed("Gaussian", 240, ("KID",), 600),
    _not_printed(),
    _printed("rectified", 40, BOTH, 1000),
    _printed("rectified", 6, BOTH, 1000),
)
