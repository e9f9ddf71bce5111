"""Looks after every seed: error rates under optional stopping, Holm's correction."""

import numpy as np
import pytest
from scipy import stats

from harness.statistics.equivalence import Margin, decide
from harness.statistics.multiplicity import holm
from harness.statistics.sequential import ALPHAS, CONSTANTS, critical, nominal_level


def crossings(draws, alpha, maximum):
    """Share of sequences (n, maximum) of which any look's t statistic passes its bound."""
    crossed = np.zeros(len(draws), bool)
    for seeds in range(3, maximum + 1):
        t = stats.ttest_1samp(draws[:, :seeds], 0.0, axis=1).statistic
        crossed |= t > critical(alpha, seeds, maximum)
    return crossed.mean()


@pytest.mark.parametrize(("maximum", "alpha"), [(3, 0.05), (4, 0.025), (12, 0.05), (20, 0.025),
                                                (35, 0.05)])  # fmt: skip
def test_all_looks_together_err_as_often_as_one_is_allowed_to(maximum, alpha):
    draws = np.random.default_rng(maximum).standard_normal((60000, maximum))
    assert crossings(draws, alpha, maximum) == pytest.approx(alpha, abs=0.0035)


def test_uncorrected_looks_would_err_far_more_often():
    draws = np.random.default_rng(1).standard_normal((20000, 20))
    crossed = np.zeros(len(draws), bool)
    for seeds in range(3, 21):
        crossed |= stats.ttest_1samp(draws[:, :seeds], 0.0, axis=1).statistic > critical(
            0.05, seeds, None
        )
    assert crossed.mean() > 0.15


def test_the_first_of_one_look_is_the_ordinary_test():
    for alpha in ALPHAS:
        assert nominal_level(alpha, 3, 3) == pytest.approx(alpha, rel=0.05)
    assert nominal_level(0.05, 7, None) == 0.05
    assert critical(0.025, 5, None) == pytest.approx(stats.t.ppf(0.975, 4))


def test_levels_grow_with_the_looks_and_fall_with_their_number():
    levels = [nominal_level(0.05, seeds, 20) for seeds in range(3, 21)]
    assert levels == sorted(levels) and levels[-1] < 0.05
    for column in range(len(ALPHAS)):
        constants = [row[column] for row in CONSTANTS.values()]
        assert constants == sorted(constants)
    assert list(CONSTANTS) == [*range(3, 21), 25, 30, 40, 50, 75, 100], "a row for each maximum"
    assert nominal_level(1e-4, 3, 20) == pytest.approx(1e-4 / 18), "Bonferroni beyond the table"


def test_between_rows_and_columns_constants_are_interpolated_by_logarithms():
    def level(constant, seeds):
        return stats.norm.cdf(-constant / seeds**0.15)

    assert nominal_level(0.05, 7, 20) == pytest.approx(level(3.337, 7), rel=1e-12)
    between = (3.337 + 3.762) / 2
    assert nominal_level((0.05 * 0.025) ** 0.5, 9, 20) == pytest.approx(level(between, 9))
    between = (3.585 + 3.766) / 2
    assert nominal_level(0.05, 9, 1200**0.5) == pytest.approx(level(between, 9))
    assert nominal_level(0.2, 7, 20) == nominal_level(0.05, 7, 20), "never above 5 %"
    assert nominal_level(0.05, 100, 100) == pytest.approx(level(4.373, 100))
    assert nominal_level(0.0005, 3, 3) == pytest.approx(level(3.896, 3))


@pytest.mark.parametrize(("seeds", "maximum"), [(2, 20), (21, 20), (3, 2), (3, 101)])
def test_a_look_that_is_not_in_the_design_is_refused(seeds, maximum):
    with pytest.raises(ValueError, match="design"):
        nominal_level(0.05, seeds, maximum)


def stopped(first, second, maximum):
    """Shares (equivalent, different) and the mean number of seeds, looking after every seed.

    `first`, `second`: scores (repeats, 2 directions, maximum).
    """
    margin = Margin(1.25, "ratio")
    same, different = np.zeros((2, len(first)), bool)
    seeds = np.full(len(first), maximum)
    for count in range(3, maximum + 1):
        e, d = decide(first[..., :count], second[..., :count], margin, 0.05, 0.025, maximum)
        now = (e.all(1) | d.any(1)) & ~(same | different)
        same |= now & e.all(1)
        different |= now & d.any(1)
        seeds[now] = count
    return same.mean(), different.mean(), seeds.mean()


@pytest.mark.parametrize("ratio", [1.25, 0.8])
def test_optional_stopping_at_a_bound_errs_in_at_most_one_of_twenty(ratio):
    rng = np.random.default_rng(2)
    first, second = rng.normal(1.0, 0.07, (2, 8000, 2, 20))
    same, different, _ = stopped(first, ratio * second, 20)
    assert same < 0.05 and different == pytest.approx(0.05, abs=0.01)


def test_equals_and_clear_differences_are_decided_after_few_seeds():
    rng = np.random.default_rng(3)
    first, second = rng.normal(1.0, 0.07, (2, 2000, 2, 20))
    same, different, seeds = stopped(first, second, 20)
    assert same > 0.98 and different < 0.002 and seeds < 8
    same, different, seeds = stopped(first, 1.6 * second, 20)
    assert same == 0 and different > 0.99 and seeds < 7


def test_holm_is_the_step_down_procedure_of_textbooks():
    """Ordered p values against alpha / m, alpha / (m - 1), ..., until one is not rejected."""
    rng = np.random.default_rng(4)
    for _ in range(200):
        p = rng.uniform(size=6) ** 3
        expected = np.zeros(6, bool)
        for rank, place in enumerate(np.argsort(p)):
            if p[place] > 0.05 / (6 - rank):
                break
            expected[place] = True
        tests = [lambda level, value=value: value <= level for value in p]
        assert holm(tests, 0.05) == expected.tolist()
    assert holm([], 0.05) == []
