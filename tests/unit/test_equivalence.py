import math

import numpy as np
import pytest

from harness.statistics.equivalence import verdict


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


def test_the_further_seeds_asked_for_usually_settle_it():
    rng = np.random.default_rng(8)
    base = rng.normal(size=4)
    pilot = (base - base.mean()) / base.std(ddof=1)  # mean 0, deviation exactly 1
    got = verdict(pilot, margin=1.0)
    assert got.label == "cannot tell yet"
    total = 4 + got.further_seeds
    again = [verdict(rng.normal(size=total), 1.0).label for _ in range(200)]
    fewer = [verdict(rng.normal(size=total // 2), 1.0).label for _ in range(200)]
    assert again.count("equivalent") / 200 > 0.6
    assert fewer.count("equivalent") < again.count("equivalent") / 2


def test_a_difference_at_the_margin_is_not_promised_to_settle():
    got = verdict([0.5, 1.0, 1.5], margin=1.0)
    assert (got.label, got.further_seeds) == ("cannot tell yet", None)
    assert "too close" in got.reason


@pytest.mark.parametrize(
    ("values", "margin"), [([1, 2, 3], 0), ([1, 2, 3], math.nan), ([1, math.nan, 3], 1)]
)
def test_verdict_refuses_margins_and_differences_that_are_not_numbers(values, margin):
    with pytest.raises(ValueError, match=r"margin|finite"):
        verdict(values, margin)
