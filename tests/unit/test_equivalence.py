import math

import numpy as np
import pytest
from scipy import stats

from harness.statistics.equivalence import (
    Margin,
    Verdict,
    decide,
    judge,
    planned_seeds,
    seeds_for_power,
    verdict,
)
from harness.statistics.intervals import Interval
from harness.statistics.ratios import ratio_of_means


@pytest.mark.parametrize(("count", "missing"), [(0, 3), (1, 2), (2, 1)])
def test_below_three_seeds_there_is_no_claim(count, missing):
    got = verdict([0.0] * count, margin=100.0)
    assert (got.label, got.further_seeds, got.least_seeds) == ("cannot tell yet", missing, missing)
    assert "no claim" in got.reason


def test_verdicts_compare_the_interval_with_the_margin_on_either_side():
    tight = np.array([-0.1, 0.0, 0.1])
    assert verdict(tight, 1.0).label == "equivalent"
    assert verdict(tight + 5, 1.0).label == verdict(tight - 5, 1.0).label == "different"
    assert verdict(tight + 1, 1.0).label == "cannot tell yet"
    assert verdict(tight + 0.5, 1.0).label == "equivalent", "surely not zero, surely below margin"
    assert "not zero" in verdict(tight + 0.9, 1.0).reason
    assert verdict([0.5] * 3, 1.0).label == "equivalent", "no spread at all"


def test_equivalence_is_claimed_in_at_most_one_of_twenty_cases_at_the_margin():
    rng = np.random.default_rng(7)
    labels = [verdict(rng.normal(1.0, 0.2, 5), 1.0).label for _ in range(800)]
    assert labels.count("equivalent") / 800 == pytest.approx(0.05, abs=0.018)
    assert labels.count("different") / 800 == pytest.approx(0.025, abs=0.012)


def test_the_further_seeds_asked_for_settle_it_whatever_mean_was_observed():
    """From a pilot of four seeds; the number is right four times in five, not only on average."""
    rng, enough, promised = np.random.default_rng(8), 0, []
    for _ in range(300):
        got = verdict(rng.normal(0.0, 1.0, 4), margin=1.0)
        if got.further_seeds is not None:
            total = 4 + got.further_seeds
            again = rng.normal(0.0, 1.0, (200, total))
            share = decide(again, 0 * again, Margin(1.0), 0.05, 0.025)[0].mean()
            enough += share >= 0.75
            promised.append(total)
    assert enough / len(promised) > 0.75
    shifted = [verdict(np.array([-1.0, 0.0, 1.0]) + mean, 2.0) for mean in (0.7, 1.2)]
    assert shifted[0].further_seeds == shifted[1].further_seeds, "never from the observed mean"
    assert shifted[0].least_seeds < shifted[0].further_seeds


def test_what_is_needed_is_said_in_words():
    def open_(further, least, **more):
        return Verdict("cannot tell yet", further, "", least, **more).needed

    assert open_(9, 1) == "about 1 to 9 more seeds needed"
    assert open_(1, 1) == "about 1 more seed needed"
    assert open_(9, None) == "about 9 more seeds needed"
    assert open_(None, None, most=20) == "more than 20 seeds would be needed"
    assert open_(None, 5, most=20) == "at least 5 more seeds needed, and perhaps more than 20"
    assert "no ratio" in open_(None, None, no_ratio=True)
    assert Verdict("different", None, "").needed == ""


def test_reasons_give_the_interval_that_was_compared():
    """Of 1, 2, 3: mean 2, standard error 0.57735; t with 2 degrees of freedom 2.91999."""
    interval = "interval 0.3141 to 3.686, not zero, 3 seeds"
    within = f"{interval}: within the margin of ±10"
    assert verdict([1, 2, 3], 10.0) == Verdict("equivalent", None, within, None, 200)
    assert verdict([1, 2, 3], 0.01).reason.startswith(f"{interval}: reaches the margin of ±0.01; ")
    below = "interval -2.612 to -1.388, not zero, 3 seeds: beyond the margin of ±0.1"
    assert verdict([-3, -2, -1], 0.1, 0.2) == Verdict("different", None, below), "t 1.06066"
    assert verdict([0, 2, 4], 9.0).reason.startswith("interval -1.372 to 5.372, 3 seeds: ")
    # The bound of the first look of up to 18 is 14.61 standard errors.
    assert verdict([1, 2, 3], 90.0, 0.05, 20).reason == (
        "interval -6.433 to 10.43, 3 seeds, one look of up to 18: within the margin of ±90"
    )
    assert verdict([1, 2, 3], 8.0).label == "equivalent", "10.39 standard errors from the margin"
    assert verdict([1, 2, 3], 8.0, 0.05, 20).label == "cannot tell yet"
    # Gaps -0.1, 0, 0.1 of scores far from zero; then -0.3, -0.2, -0.1.
    near = judge([5.0, 6.0, 7.0], [5.1, 6.0, 6.9], Margin(1.0))
    assert near.reason == "interval -0.1686 to 0.1686, 3 seeds: within the margin of ±1"
    few = verdict([-0.3, -0.2, -0.1], 1.0).reason
    assert few.startswith("interval -0.3686 to -0.03141, not zero, 3 seeds: ")
    ratio = judge([1.0, 1.001, 0.999], [1.1, 1.101, 1.099], RATIO)
    assert ratio.reason == "ratio 1.1, 3 seeds: within the margin of 1.25"
    assert judge([1.0, 1.01, 0.99], [0.01, -0.01, 0.02], RATIO).label == "different"
    assert near.label == "equivalent"


def test_seeds_are_predicted_by_the_power_of_both_tests():
    """Counted with SciPy's noncentral t: 11 seeds have 85 % at one standard deviation.

    The upper limit is 2.117 standard deviations, sqrt(2 / 0.4463): 40 seeds.
    """
    got = verdict([-1.0, 0.0, 1.0], margin=1.0)
    assert (got.least_seeds, got.further_seeds) == (11 - 3, 40 - 3)
    assert got.needed == "about 8 to 37 more seeds needed"
    few = verdict([-1.0, 0.0, 1.0], 1.0, maximum=20)
    assert few.least_seeds > 8 and few.needed.endswith("needed, and perhaps more than 20")
    assert verdict([-1.0, 0.0, 1.0], 0.1).needed == "more than 200 seeds would be needed"
    # 0.25 and 0.2 of a mean of 2 are 10 / 9 of the contrasts' deviations of 0.45 and 0.36.
    first, second = [1.8, 2.0, 2.2], [2.2, 2.0, 1.8]
    assert seeds_for_power(first, second, RATIO) == 9
    assert judge(first, second, RATIO).least_seeds == 9 - 3
    small = [[score / 1000 for score in scores] for scores in (first, second)]
    assert seeds_for_power(*small, RATIO) == 9
    assert seeds_for_power([-0.1] * 3, [-0.1] * 3, RATIO) is None, "no ratio, though no spread"
    # So near the bound that it is open, and so little spread that one more seed is enough.
    assert verdict([0.8, 0.9, 1.0], 1.0).needed == "about 1 more seed needed"
    assert seeds_for_power([-1, 0, 1], [0, 0, 0], Margin(1.0)) == 11
    assert seeds_for_power([1, 2, 3], [1, 2, 3], Margin(1.0)) == 3, "no spread"
    # 79.4 % with five seeds; it would be 80.3 % with as many degrees of freedom.
    assert seeds_for_power([-1, 0, 1], [0, 0, 0], Margin(1.6)) == 6
    # 80.03 % and 79.93 % with 200 seeds, the most that are promised.
    assert seeds_for_power([-1, 0, 1], [0, 0, 0], Margin(0.2077)) == 200
    assert seeds_for_power([-1, 0, 1], [0, 0, 0], Margin(0.2075)) is None


RATIO = Margin(1.25, "ratio")


def test_a_ratio_is_judged_by_fiellers_interval_whatever_the_scale_of_the_score():
    """Verdicts by contrasts are those of the interval of the ratio, computed another way."""
    rng, seen = np.random.default_rng(3), set()
    for _ in range(400):
        first = rng.normal(1.0, 0.1, 5)
        second = rng.uniform(0.6, 1.7) * rng.normal(1.0, 0.1, 5)
        narrow, wide = (ratio_of_means(first, second, level) for level in (0.9, 0.95))
        label = "cannot tell yet"
        if narrow.low > 0.8 and narrow.high < 1.25:
            label = "equivalent"
        elif wide.low > 1.25 or wide.high < 0.8:
            label = "different"
        assert judge(first, second, RATIO).label == label
        assert judge(1e-6 * first, 1e-6 * second, RATIO).label == label
        seen.add(label)
    assert seen == {"cannot tell yet", "equivalent", "different"}


def test_fiellers_interval_holds_the_ratios_that_a_paired_t_test_does_not_reject():
    first, second = [1.0, 1.2, 0.9, 1.1], [1.3, 1.5, 1.3, 1.2]
    got = ratio_of_means(first, second)
    for rho, rejected in ((got.low - 0.01, True), (got.low + 0.01, False),
                          (got.high - 0.01, False), (got.high + 0.01, True)):  # fmt: skip
        p = stats.ttest_rel(second, [rho * x for x in first]).pvalue
        assert (p < 0.05) == rejected
    assert got.value == pytest.approx(np.mean(second) / np.mean(first))


@pytest.mark.parametrize("first", [[0.3, -0.2, 0.05], [-0.5, -0.6, -0.4], [0.0, 0.0, 0.0]])
def test_without_a_surely_positive_first_mean_there_is_no_ratio_and_no_verdict(first):
    got = judge(first, [5.0, 5.1, 4.9], RATIO)
    assert (got.label, got.further_seeds, got.no_ratio) == ("cannot tell yet", None, True)
    assert "above zero" in got.reason
    assert (got.least_seeds, got.most) == (None, 200)
    ratio = ratio_of_means(first, [5.0, 5.1, 4.9])
    assert ratio.low is None and (ratio.value is None) == (np.mean(first) <= 0)
    x, y = np.array(first), np.array([5.0, 5.1, 4.9])
    assert not np.any(decide(x, y, RATIO, 0.05, 0.025)) and not np.any(
        decide(x, x, RATIO, 0.05, 0.025)
    )


def test_a_first_mean_is_surely_positive_from_the_quantile_of_t_on():
    """t with two degrees of freedom is 4.303; these means are 4.157 and 5.196 errors."""
    for first, possible in (([1.0, 2.0, 2.5], False), ([1.0, 1.5, 2.0], True)):
        assert judge(first, first, RATIO).no_ratio is not possible
        assert decide(np.array(first), np.array(first), RATIO, 0.05, 0.025)[0] == possible
        assert (ratio_of_means(first, first).low is not None) == possible
    assert ratio_of_means([1.0, 1.001], [1.5, 1.5015]) == Interval(1.5), "two seeds"


def test_two_directions_at_a_bound_are_called_different_in_at_most_one_of_twenty():
    rng = np.random.default_rng(4)
    first = rng.normal(1.0, 0.07, (20000, 2, 4))
    second = 1.25 * rng.normal(1.0, 0.07, (20000, 2, 4))
    same, different = decide(first, second, RATIO, 0.05, 0.025)
    assert different.any(1).mean() == pytest.approx(0.05, abs=0.006)
    assert same[:, 0].mean() == pytest.approx(0.05, abs=0.006)


def test_planned_seeds_reach_their_power():
    rng, each = np.random.default_rng(5), 0.1 / math.sqrt(2)
    seeds = planned_seeds(1.25, 0.1, power=0.8)

    def share(count):
        first, second = np.exp(each * rng.standard_normal((2, 20000, count)))
        return decide(first, second, RATIO, 0.05, 0.025)[0].mean()

    assert share(seeds) > 0.78 and share(seeds - 1) < 0.8
    assert planned_seeds(1.25, 0.1, maximum=20) > seeds, "looks cost seeds"
    assert planned_seeds(1.25, 2.0) is None
    assert planned_seeds(1.25, 0.4) == 30, "0.5522 standard deviations to either bound"


@pytest.mark.parametrize(
    ("value", "scale"), [(0, "difference"), (1.0, "ratio"), (math.inf, "ratio")]
)
def test_a_margin_is_checked(value, scale):
    with pytest.raises(ValueError, match="margin"):
        Margin(value, scale)
    assert Margin(1.01, "ratio").value == 1.01 and Margin(0.01).value == 0.01


@pytest.mark.parametrize(
    ("values", "margin"), [([1, 2, 3], 0), ([1, 2, 3], math.nan), ([1, math.nan, 3], 1)]
)
def test_verdict_refuses_margins_and_differences_that_are_not_numbers(values, margin):
    with pytest.raises(ValueError, match=r"margin|finite"):
        verdict(values, margin)
    with pytest.raises(ValueError, match="finite"):
        judge([1, 2, 3], [1, math.nan, 3], RATIO)
