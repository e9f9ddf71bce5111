"""Scores over seeds, verdicts, and ratios of step times, of synthetic runs."""

from __future__ import annotations

from typing import Literal

import numpy as np

from benchmarks.coverage import candidates
from benchmarks.coverage.rows import Line, Outcome, Study
from harness.statistics.equivalence import verdict
from harness.statistics.intervals import enough_starts, over_starts, ratio_interval, seed_interval

SEEDS = (3, 5, 10)
BY_T = "t over seeds"
STEP_TIMES = "ratio of step times"
# A verdict may be wrong a hundredth more often than its test is meant to be: 10000 repeats tell
# that from chance.
ALLOWED = 0.01
MARGIN = 1.0
SPREAD = 0.25  # deviation over seeds at the margin, in margins: the tests are at their nominal size
FAILED = 10.0  # how far off a failed training is, in standard deviations of the others
RATIO = 1.35  # true ratio of step times
BENCH_WIDTH, BENCH_STARTS = 0.05, 24  # as `cyclebench bench` has them by default

Shape = Literal["normal", "skewed", "very skewed", "one in ten fails"]


def seed_scores(rng: np.random.Generator, shape: Shape, count: int) -> np.ndarray:
    """Scores (count,) of one backend over seeds, with mean 0 and standard deviation about 1.

    "skewed": skewness 1. "very skewed": skewness 2, an exponential. "one in ten fails": normal, but
    for failed trainings.
    """
    if shape == "normal":
        return rng.standard_normal(count)
    if shape == "skewed":
        return (rng.standard_gamma(4.0, count) - 4.0) / 2.0
    if shape == "very skewed":
        return rng.standard_exponential(count) - 1.0
    return rng.standard_normal(count) + FAILED * ((rng.random(count) < 0.1) - 0.1)


def block_times(
    rng: np.random.Generator, pairs: int, memory: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Seconds a step (pairs,) of blocks of two backends by turns; the first takes RATIO as long.

    The machine's speed wanders by a third, blocks have 2% noise of their own, and in one of twenty
    something else runs: it takes twice as long, on average. `memory`: correlation of a block's
    noise with that of the block before by the same backend.
    """
    speed = np.exp(0.3 * np.cumsum(rng.standard_normal(pairs)) / np.sqrt(pairs))
    noise = rng.standard_normal((2, pairs))
    for i in range(1, pairs):
        noise[:, i] = memory * noise[:, i - 1] + np.sqrt(1 - memory**2) * noise[:, i]
    hiccups = 1 + (rng.random((2, pairs)) < 0.05) * rng.standard_exponential((2, pairs))
    first, second = speed * hiccups * np.exp(0.02 * noise)
    return RATIO * first, second


def _verdict_study(count: int) -> Study:
    """Whether false claims are left out, at a true difference of one margin and of zero."""

    def once(rng: np.random.Generator) -> dict[str, Outcome]:
        at_margin = verdict((MARGIN + SPREAD * rng.standard_normal(count)).tolist(), MARGIN).label
        at_zero = verdict((MARGIN * rng.standard_normal(count)).tolist(), MARGIN).label
        return {
            "equivalent": at_margin != "equivalent",
            "different": at_margin != "different",
            "zero": at_zero != "different",
        }

    at, seeds = "verdict, difference = margin", f"{count} seeds"
    lines = (
        Line("equivalent", at, seeds, 'not "equivalent" (5%)', required=0.95 - ALLOWED),
        Line("different", at, seeds, 'not "different" (2.5%)', required=0.975 - ALLOWED),
        Line("zero", "verdict, no difference", f"{seeds}, deviation = margin",
             'not "different"', required=1 - ALLOWED),
    )  # fmt: skip
    return Study(f"verdict {count}", "verdict", 10000, once, lines)


def _seed_study(shape: Shape, count: int) -> Study:
    """Scores of one backend, and differences of two that are alike."""

    def once(rng: np.random.Generator) -> dict[str, Outcome]:
        first, second = (seed_scores(rng, shape, count) for _ in range(2))
        return {
            "one": seed_interval(first.tolist()),
            "difference": seed_interval((first - second).tolist()),
            "bootstrap": candidates.bootstrap(np.mean, first, rng),
            "two": candidates.student(first[:2]),
        }

    what, setting = "score over seeds", f"{count} seeds, {shape}"
    odd = shape in ("very skewed", "one in ten fails")
    limit = "few seeds seldom show the long tail that moves the mean: no interval helps, seeds do"
    lines = [
        Line("one", what, setting, BY_T, "limit" if odd else "printed", 0.0,
             reason=limit if odd else ""),
        Line("difference", f"{what}, difference", setting, BY_T, truth=0.0),
    ]  # fmt: skip
    if shape == "normal" and count == 3:
        why = "right, but two numbers hardly tell a spread: three seeds give a third of the width"
        lines.append(
            Line("two", what, "2 seeds, normal", BY_T, "not printed", 0.0, unit="one", reason=why)
        )
    if shape == "normal" and count < 10:
        why = "takes the spread of the seeds at hand for the true one, which is larger"
        lines.append(
            Line("bootstrap", what, setting, "percentile bootstrap of seeds", "not printed", 0.0,
                 reason=why)
        )  # fmt: skip
    return Study(f"seeds {setting}", "seeds", 4000, once, tuple(lines))


def _ratio_study(pairs: int, memory: float = 0.0) -> Study:
    def once(rng: np.random.Generator) -> dict[str, Outcome]:
        first, second = block_times(rng, pairs, memory)
        return {
            "ratio": ratio_interval(first, second),
            "bootstrap": candidates.bootstrap(np.median, first / second, rng),
            "means": candidates.ratio_of_means(first, second, rng),
        }

    setting = f"{pairs} pairs" + (", each like the one before" if memory else "")
    limit = "a block that goes on as the last one did tells little: blocks should be longer"
    lines = [
        Line("ratio", STEP_TIMES, setting, "median of pairs", "limit" if memory else "printed",
             RATIO, reason=limit if memory else ""),
    ]  # fmt: skip
    if pairs in (12, 60) and not memory:
        why = "one block in which something else ran moves it and widens it; the median shrugs"
        lines.append(
            Line("means", STEP_TIMES, setting, "mean over mean, bootstrap", "not printed", RATIO,
                 unit="ratio", reason=why)
        )  # fmt: skip
    if pairs in (7, 13) and not memory:
        why = "can only choose among the ratios; of a few, the next one out is too far or too near"
        lines.append(
            Line("bootstrap", STEP_TIMES, setting, "median of pairs, bootstrap", "not printed",
                 RATIO, unit="ratio", reason=why)
        )  # fmt: skip
    return Study(f"ratio {setting}", "timing", 2000, once, tuple(lines))


def _start_study(spread: float) -> Study:
    """Starts that differ by the factor of a lognormal, whose deviation is `spread`.

    With a larger one, `cyclebench bench` often ends without an interval.
    """

    def once(rng: np.random.Generator) -> dict[str, Outcome]:
        """The ratio that is printed; where none would be, that of another bench."""
        ratios: list[float] = []
        while not enough_starts(ratios, BENCH_WIDTH):
            if len(ratios) == BENCH_STARTS:
                ratios = []
            ratios.append(RATIO * float(np.exp(spread * rng.standard_normal())))
        return {"ratio": over_starts(ratios)}

    setting = f"starts until 5% wide, at most {BENCH_STARTS}; they differ by {100 * spread:g}%"
    line = Line("ratio", STEP_TIMES, setting, "t over starts", truth=RATIO)
    return Study(f"starts {spread}", "timing", 4000, once, (line,))


STUDIES: tuple[Study, ...] = (
    *(_verdict_study(count) for count in SEEDS),
    *(
        _seed_study(shape, count)
        for shape in ("normal", "skewed", "very skewed", "one in ten fails")
        for count in SEEDS
    ),
    *(_ratio_study(pairs) for pairs in (6, 7, 12, 13, 60)),
    *(_ratio_study(pairs, memory=0.5) for pairs in (12, 60)),
    *(_start_study(spread) for spread in (0.02, 0.05)),
)
