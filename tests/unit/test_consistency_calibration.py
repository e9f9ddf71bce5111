"""Rates of the verdict on made-up scores whose truth is known."""

import math

import numpy as np
import pytest

from harness.statistics.equivalence import Margin, judge, verdict
from harness.statistics.intervals import Interval
from harness.studies.consistency.calibration import (
    _pair_up,
    calibrate,
    place_of,
    variance_ratio,
    verdicts,
)

ONE = Margin(1.0)
NEVER = Margin(1e-9)  # a margin so small that "different" means: not zero


def scores(rng, count, mean=0.0, deviation=1.0):
    return dict(enumerate(rng.normal(mean, deviation, count).tolist()))


def test_many_verdicts_at_once_are_those_of_the_report():
    rng = np.random.default_rng(0)
    rows = rng.normal(rng.normal(0, 1.5, (600, 1)), rng.uniform(0.05, 1.5, (600, 1)), (600, 5))
    different, equivalent, _ = verdicts(rows, 0 * rows, ONE)
    labels = [verdict(row, 1.0).label for row in rows]
    assert [label == "different" for label in labels] == different.tolist()
    assert [label == "equivalent" for label in labels] == equivalent.tolist()
    assert min(different.sum(), equivalent.sum(), (~different & ~equivalent).sum()) > 50


def test_false_alarms_come_at_the_rate_they_should_and_the_interval_covers_it():
    rng = np.random.default_rng(1)
    rates = [
        calibrate(scores(rng, 40), {}, NEVER, pairs=5, splits=30).same.different
        for _ in range(1000)
    ]
    assert {rate.comparisons for rate in rates} == {4}
    # Five in a hundred comparisons of equals leave out zero; 1000 calibrations of 4 know it well.
    assert np.mean([rate.share for rate in rates]) == pytest.approx(0.05, abs=0.008)
    assert np.mean([rate.low <= 0.05 <= rate.high for rate in rates]) >= 0.95


def test_averaging_over_many_splits_steadies_the_estimate_but_not_its_interval():
    rng = np.random.default_rng(2)
    one, many = [], []
    for _ in range(300):
        a = scores(rng, 40)
        one.append(calibrate(a, {}, NEVER, pairs=5, splits=1).same.different)
        many.append(calibrate(a, {}, NEVER, pairs=5, splits=100).same.different)
    assert np.std([r.share for r in many]) < 0.8 * np.std([r.share for r in one])
    none = next(rate for rate in one if rate.share == 0)
    assert none.high == pytest.approx(1 - 0.025 ** (1 / 4))
    assert all(rate.high >= none.high for rate in many)


def test_equals_are_called_equivalent_where_the_margin_is_wide_and_never_where_it_is_narrow():
    a = scores(np.random.default_rng(3), 60)
    wide, narrow = (calibrate(a, {}, Margin(margin), pairs=5).same for margin in (20.0, 0.01))
    assert (wide.equivalent.share, wide.different.share) == (1.0, 0.0)
    assert narrow.equivalent.share < 0.02


def test_the_resolvable_margin_is_the_one_at_which_four_in_five_equals_pass():
    rng = np.random.default_rng(4)
    margin = calibrate(scores(rng, 4000), {}, ONE, pairs=5, splits=1).resolvable
    passed = calibrate(scores(rng, 20000), {}, Margin(margin), pairs=5, splits=1).same.equivalent
    assert passed.share == pytest.approx(0.8, abs=0.04)


def test_a_big_planted_difference_is_found_and_a_small_one_is_not_the_verdicts_to_find():
    rng = np.random.default_rng(5)
    a = scores(rng, 40)
    big = calibrate(a, scores(rng, 20, mean=12.0), ONE, pairs=5)
    assert big.place == "beyond the margin"
    assert big.planted.different.share > 0.99 and big.planted.different.comparisons == 4
    assert big.truth.value == pytest.approx(12, abs=1)
    small = calibrate(a, scores(rng, 20, mean=1.0), Margin(5.0), pairs=5)
    assert small.place == "within the margin" and small.planted.different.share == 0
    assert small.planted.off_zero.share > 0.1


def test_planted_runs_are_compared_with_the_run_of_the_same_seed():
    a = scores(np.random.default_rng(6), 12, deviation=100.0)
    b = {seed: value + 3 + 0.01 * seed for seed, value in a.items()}
    assert calibrate(a, b, ONE, pairs=3).planted.different.share == 1.0


def test_too_few_runs_for_a_comparison_give_none_not_a_guess():
    rng = np.random.default_rng(7)
    got = calibrate(scores(rng, 9), scores(rng, 4), ONE, pairs=5)
    assert got.same is None and got.planted is None and got.place == "unclear"
    with pytest.raises(ValueError, match="3 pairs a comparison"):
        calibrate(scores(rng, 40), {}, ONE, pairs=2)
    with pytest.raises(ValueError, match="finite"):
        calibrate({**scores(rng, 40), 0: math.nan}, {}, ONE, pairs=5)


def test_every_comparison_has_as_many_pairs_as_asked_for():
    # Eight pairs, one of them an outlier that spoils the comparison it is in. Two comparisons of
    # three leave it out one time in four, two of four never.
    b = {seed: -50.0 if seed == 0 else 1.0 for seed in range(8)}
    got = calibrate(dict.fromkeys(range(8), 0.0), b, NEVER, pairs=3, splits=2000).planted
    assert got.different.comparisons == 2
    assert got.different.share == pytest.approx(1 - 0.75 / 2, abs=0.03)


def test_a_margin_of_the_ratio_is_judged_as_in_a_report_whatever_the_scale():
    rng, margin = np.random.default_rng(9), Margin(1.25, "ratio")
    first = 0.01 * rng.normal(1.0, 0.05, (400, 4))
    second = first * rng.uniform(0.7, 1.6, (400, 1)) * rng.normal(1.0, 0.08, (400, 4))
    different, equivalent, _ = verdicts(first, second, margin)
    labels = [judge(x, y, margin).label for x, y in zip(first, second, strict=True)]
    assert [label == "different" for label in labels] == different.tolist()
    assert [label == "equivalent" for label in labels] == equivalent.tolist()
    assert min(different.sum(), equivalent.sum()) > 50
    a = scores(rng, 40, mean=0.01, deviation=0.0005)
    b = {seed: 1.6 * value for seed, value in a.items()}
    got = calibrate(a, b, margin, pairs=5)
    assert got.place == "beyond the margin" and got.truth.value == pytest.approx(1.6)
    assert got.planted.different.share == 1.0 and got.same.equivalent.share == 1.0
    assert 1.0 < got.resolvable < 1.25 and got.margin_in_deviations == pytest.approx(5, rel=0.3)


def test_place_of_a_truth():
    assert place_of(Interval(1.5, 1.3, 1.7), Margin(1.25, "ratio")) == "beyond the margin"
    assert place_of(Interval(0.9, 0.81, 1.2), Margin(1.25, "ratio")) == "within the margin"
    assert place_of(Interval(0.9, 0.79, 1.2), Margin(1.25, "ratio")) == "unclear"
    assert place_of(Interval(3.0, 2.0, 4.0), ONE) == "beyond the margin"
    assert place_of(Interval(-3.0, -4.0, -2.0), ONE) == "beyond the margin"
    assert place_of(Interval(0.1, -0.5, 0.7), ONE) == "within the margin"
    assert place_of(Interval(1.0, 0.5, 1.5), ONE) == place_of(Interval(3.0), ONE) == "unclear"


def test_variance_ratio_covers_the_truth_and_needs_three_of_each():
    rng = np.random.default_rng(8)
    hits = 0
    for _ in range(600):
        got = variance_ratio(rng.normal(0, 3 * math.sqrt(2), 5), rng.normal(0, 1, 35))
        hits += got.low <= 9 <= got.high
    assert 0.93 <= hits / 600 <= 0.97
    assert variance_ratio([1, 2], [1, 2, 3]) == variance_ratio([1, 2, 3], [1, 1, 1])
    assert variance_ratio([1, 2], [1, 2, 3]).value is None


def test_no_run_is_in_two_pairs_of_a_split():
    scores_of = 2.0 ** np.arange(12)  # a difference of two tells which two
    pairs = {one - other: {one, other} for one in scores_of for other in scores_of}
    first, second = _pair_up(scores_of, 6, 50, np.random.default_rng(0))
    splits = first - second
    assert splits.shape == (50, 6) and len(np.unique(splits, axis=0)) > 40
    for split in splits:
        assert set.union(*(pairs[difference] for difference in split)) == set(scores_of)
