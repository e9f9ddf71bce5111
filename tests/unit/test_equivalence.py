import math

import numpy as np
import pytest
from scipy import stats

from harness.statistics.equivalence import Margin, Verdict, decide, judge, planned_seeds, verdict
from harness.statistics.ratios import ratio_of_means


@pytest.mark.parametrize(("count", "missing"), [(0, 3), (1, 2), (2, 1)])
def test_below_three_seeds_there_is_no_claim(count, missing):
    got = verdict([0.0] * count, margin=100.0)
    assert (got.label, got.further_seeds) == ("cannot tell yet", missing)
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
    assert open_(None, None, most=20) == "more than 20 seeds would be needed"
    assert open_(None, 5, most=20).startswith("at least 5 more seeds needed")
    assert "no ratio" in open_(None, None, no_ratio=True)
    assert Verdict("different", None, "").needed == ""


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


@pytest.mark.parametrize("first", [[0.3, -0.2, 0.05], [-1.0, -1.1, -0.9], [0.0, 0.0, 0.0]])
def test_without_a_surely_positive_first_mean_there_is_no_ratio_and_no_verdict(first):
    got = judge(first, [5.0, 5.1, 4.9], RATIO)
    assert (got.label, got.further_seeds, got.no_ratio) == ("cannot tell yet", None, True)
    assert "above zero" in got.reason and ratio_of_means(first, [5.0, 5.1, 4.9]).low is None


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


@pytest.mark.parametrize(
    ("value", "scale"), [(0, "difference"), (1.0, "ratio"), (math.inf, "ratio")]
)
def test_a_margin_is_checked(value, scale):
    with pytest.raises(ValueError, match="margin"):
        Margin(value, scale)


@pytest.mark.parametrize(
    ("values", "margin"), [([1, 2, 3], 0), ([1, 2, 3], math.nan), ([1, math.nan, 3], 1)]
)
def test_verdict_refuses_margins_and_differences_that_are_not_numbers(values, margin):
    with pytest.raises(ValueError, match=r"margin|finite"):
        verdict(values, margin)
