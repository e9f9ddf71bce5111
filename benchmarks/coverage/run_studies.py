"""Scores over seeds, verdicts, and ratios of step times."""

from __future__ import annotations

from functools import partial

import numpy as np

from benchmarks.coverage import candidates
from benchmarks.coverage.samples import RATIO, Shape, block_times, seed_scores, start_ratio
from benchmarks.coverage.study import Line, Outcome, Study
from harness.statistics.equivalence import verdict
from harness.statistics.intervals import enough_starts, over_starts, ratio_interval, seed_interval

SEEDS = (3, 5, 10)
BY_T = "t over seeds"
# A verdict may be wrong a hundredth more often than its test is meant to be: with 10000 repeats
# that is told from chance.
ALLOWED = 0.01
MARGIN = 1.0
BENCH_WIDTH, BENCH_STARTS = 0.05, 24  # as `cyclebench bench` has them by default
SPREAD = 0.25  # deviation over seeds at the margin, in margins: the tests are at their nominal size


def _over_seeds(rng: np.random.Generator, shape: Shape, count: int) -> dict[str, Outcome]:
    """Scores of one backend, and differences of two that are alike."""
    first, second = (seed_scores(rng, shape, count) for _ in range(2))
    return {
        "one": seed_interval(first.tolist()),
        "difference": seed_interval((first - second).tolist()),
        "bootstrap": candidates.bootstrap_mean(first, rng),
        "two": candidates.student(first[:2]),
    }


def _seed_study(shape: Shape, count: int) -> Study:
    what = "score over seeds"
    setting = f"{count} seeds, {shape}"
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
    once = partial(_over_seeds, shape=shape, count=count)
    return Study(f"seeds {setting}", "seeds", 4000, once, tuple(lines))


def _verdicts(rng: np.random.Generator, count: int) -> dict[str, Outcome]:
    """Whether false claims were left out, at a true difference of one margin and of zero."""
    at_margin = verdict((MARGIN + SPREAD * rng.standard_normal(count)).tolist(), MARGIN).label
    at_zero = verdict((MARGIN * rng.standard_normal(count)).tolist(), MARGIN).label
    return {
        "equivalent": at_margin != "equivalent",
        "different": at_margin != "different",
        "zero": at_zero != "different",
    }


def _verdict_study(count: int) -> Study:
    at, seeds = "verdict, difference = margin", f"{count} seeds"
    lines = (
        Line("equivalent", at, seeds, 'not "equivalent" (5%)', required=0.95 - ALLOWED),
        Line("different", at, seeds, 'not "different" (2.5%)', required=0.975 - ALLOWED),
        Line("zero", "verdict, no difference", f"{seeds}, deviation = margin",
             'not "different"', required=1 - ALLOWED),
    )  # fmt: skip
    return Study(f"verdict {count}", "verdict", 10000, partial(_verdicts, count=count), lines)


def _ratios(rng: np.random.Generator, pairs: int, memory: float) -> dict[str, Outcome]:
    first, second = block_times(rng, pairs, memory)
    return {
        "ratio": ratio_interval(first, second),
        "bootstrap": candidates.bootstrap_median(first / second, rng),
        "means": candidates.ratio_of_means(first, second, rng),
    }


def _ratio_study(pairs: int, memory: float = 0.0) -> Study:
    setting = f"{pairs} pairs" + (", each like the one before" if memory else "")
    reason = "a block that goes on as the last one did tells little: blocks should be longer"
    lines = [
        Line("ratio", "ratio of step times", setting, "median of pairs",
             "limit" if memory else "printed", RATIO, reason=reason if memory else ""),
    ]  # fmt: skip
    if pairs in (12, 60) and not memory:
        why = "one block in which something else ran moves it and widens it; the median shrugs"
        lines.append(
            Line("means", "ratio of step times", setting, "mean over mean, bootstrap",
                 "not printed", RATIO, unit="ratio", reason=why)
        )  # fmt: skip
    if pairs in (7, 13) and not memory:
        why = "can only choose among the ratios; of a few, the next one out is too far or too near"
        lines.append(
            Line("bootstrap", "ratio of step times", setting, "median of pairs, bootstrap",
                 "not printed", RATIO, unit="ratio", reason=why)
        )  # fmt: skip
    once = partial(_ratios, pairs=pairs, memory=memory)
    return Study(f"ratio {setting}", "timing", 2000, once, tuple(lines))


def _starts(rng: np.random.Generator, spread: float) -> dict[str, Outcome]:
    """The ratio that `cyclebench bench` prints; where it would print none, that of another go."""
    ratios: list[float] = []
    while not enough_starts(ratios, BENCH_WIDTH):
        if len(ratios) == BENCH_STARTS:
            ratios = []
        ratios.append(start_ratio(rng, spread))
    return {"ratio": over_starts(ratios)}


def _start_study(spread: float) -> Study:
    """As long as starts differ by `spread`; on a machine that restless many a go ends with none."""
    setting = f"starts until 5% wide, at most {BENCH_STARTS}; they differ by {100 * spread:g}%"
    line = Line("ratio", "ratio of step times", setting, "t over starts", truth=RATIO)
    return Study(f"starts {spread}", "timing", 4000, partial(_starts, spread=spread), (line,))


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
