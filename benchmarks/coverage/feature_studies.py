"""KID and the Frechet distance of synthetic features: printed intervals and their alternatives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.coverage import candidates
from benchmarks.coverage.populations import (
    GaussianFeatures,
    RectifiedFeatures,
    gaussian_features,
    rectified_features,
)
from benchmarks.coverage.rows import Line, Outcome, Study
from harness.metrics.frechet import frechet_distance, frechet_replicates
from harness.metrics.kid import kid_replicates
from harness.statistics.intervals import Interval, Replicates, jackknife

SCORES: dict[str, Callable[[np.ndarray, np.ndarray], Replicates]] = {
    "KID": kid_replicates,
    "FD@N": frechet_replicates,
}
POPULATIONS: dict[str, Callable[[], GaussianFeatures | RectifiedFeatures]] = {
    "Gaussian": gaussian_features,
    "rectified": rectified_features,
}
USUAL = 120  # test images of the default preset


def _printed(
    population: str,
    count: int,
    repeats: int,
    names: tuple[str, ...] = tuple(SCORES),
    unpaired: bool = False,
) -> Study:
    """Scores of one model, and the paired difference of two.

    `unpaired`: with rows of the difference as if it were not paired. The true KID is known in
    closed form if the population is Gaussian.
    """

    def once(rng: np.random.Generator) -> dict[str, Outcome]:
        draw = POPULATIONS[population]().draw(rng, count)
        outcomes: dict[str, Outcome] = {}
        for name in names:
            replicates = SCORES[name]
            first, second = replicates(draw.first, draw.real), replicates(draw.second, draw.real)
            outcomes[name] = jackknife(first)
            outcomes[f"{name}, difference"] = jackknife(first - second)
            outcomes[f"{name}, unpaired"] = candidates.unpaired(first, second)
        return outcomes

    setting = f"{population}, N={count}"
    why = "wider than it need be: it forgets that both models had the same images"
    printed, others = [], []
    for name in names:
        truth, gap, what = None, None, f"{name}, difference"
        if (population, name) == ("Gaussian", "KID"):
            truth, second = gaussian_features().kids()
            gap = truth - second
        printed += [
            Line(name, f"{name} of a model", setting, "grouped jackknife", truth=truth),
            Line(what, what, setting, "paired grouped jackknife", truth=gap),
        ]
        others.append(
            Line(f"{name}, unpaired", what, setting, "grouped jackknife, not paired", "not printed",
                 gap, reason=why)
        )  # fmt: skip
    lines = (*printed, *others) if unpaired else tuple(printed)
    return Study(f"features {setting}", "features", repeats, once, lines)


def _not_printed() -> Study:
    def once(rng: np.random.Generator) -> dict[str, Outcome]:
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

    setting = f"Gaussian, N={USUAL}"
    kid = gaussian_features().kids()[0]
    limit = gaussian_features().frechet_distances()[0]
    copies = "a drawn image meets copies of itself: every draw is biased upward"
    whim = "its width is the size of the subsets, a whim, and not the error"
    bent = "the line is far from straight at this N: biased upward"

    def line(key: str, what: str, by: str, truth: float | None, reason: str, unit: str) -> Line:
        return Line(key, what, setting, by, "not printed", truth, unit=unit, reason=reason)

    one, own, bootstrap = "KID of a model", "KID bootstrap", "percentile bootstrap of images"
    lines = (
        line(own, one, bootstrap, kid, copies, own),
        line("KID subsets of 100", one, "+-1.96 std, subsets of 100", kid, whim, own),
        line("KID subsets of 30", one, "+-1.96 std, subsets of 30", kid, whim, own),
        line("FD bootstrap", "FD@N of a model", bootstrap, None, copies, "FD"),
        line("FD extrapolated", "FD of a model, N to infinity",
             "FID-infinity, its line's intercept", limit, bent, "FD"),
    )  # fmt: skip
    return Study(f"alternatives {setting}", "features", 150, once, lines)


# The costly ones first, so that no process is left with one of them at the end.
STUDIES: tuple[Study, ...] = (
    _printed("rectified", 240, 500),
    _printed("rectified", 120, 600),
    _printed("Gaussian", 120, 600, unpaired=True),
    _printed("Gaussian", 240, 600, ("KID",)),
    _not_printed(),
    _printed("rectified", 40, 1000),
    _printed("rectified", 6, 1000),
)
