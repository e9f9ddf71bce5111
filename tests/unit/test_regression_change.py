"""Changes against known truth: coverage, false alarms, and planted regressions."""

import math

import numpy as np
import pytest
from scipy import stats

from harness.statistics.change import against_days, between_starts, ratio_label, score_change
from harness.statistics.intervals import Interval, seed_interval

# A number that cannot be had is None on purpose, not by a mean of nothing.
pytestmark = pytest.mark.filterwarnings("error")

TRIALS = 1500


def starts(rng, count, centre=0.1, spread=0.02):
    return centre * rng.lognormal(0, spread, count)


def share(outcomes):
    return sum(outcomes) / len(outcomes)


def test_it_is_welchs_interval_of_the_logs():
    rng = np.random.default_rng(0)
    new, old = starts(rng, 7, 0.11, 0.05), starts(rng, 4, 0.1, 0.01)
    ratio = between_starts(new, old, 0.9)
    welch = stats.ttest_ind(np.log(new), np.log(old), equal_var=False)
    bounds = welch.confidence_interval(0.9)
    assert ratio.value == pytest.approx(np.exp(np.log(new).mean() - np.log(old).mean()))
    assert (ratio.low, ratio.high) == pytest.approx((np.exp(bounds.low), np.exp(bounds.high)))


@pytest.mark.parametrize("counts", [(3, 3), (3, 12), (6, 6)])
def test_the_interval_covers_the_true_ratio(counts):
    rng = np.random.default_rng(1)
    covered = []
    for _ in range(TRIALS):
        ratio = between_starts(starts(rng, counts[0], 0.107, 0.03), starts(rng, counts[1]))
        covered.append(ratio.low <= 1.07 <= ratio.high)
    assert share(covered) > 0.935


def test_no_bounds_below_three_starts_and_none_at_all_without_any():
    assert between_starts([1.1, 1.1], [1.0] * 9) == Interval.of(1.1)
    assert between_starts([], [1.0]) == between_starts([1.0], []) == Interval(None)
    same = between_starts([2.0] * 3, [1.0] * 3)
    assert (same.low, same.value, same.high) == pytest.approx((2, 2, 2))


def day(rng, centre=0.1, starts=6):
    """The machine is another by 4 % every day, and each start by 1 %."""
    return (centre * rng.lognormal(0, 0.04) * rng.lognormal(0, 0.01, starts)).tolist()


def test_days_that_differ_need_an_interval_over_days():
    rng = np.random.default_rng(6)
    over_starts, over_days = [], []
    for _ in range(TRIALS):
        days, new = [day(rng) for _ in range(4)], day(rng)
        ratio = between_starts(new, days[0])
        over_starts.append(ratio.low <= 1 <= ratio.high)
        ratio = against_days(new, days)
        over_days.append(ratio.low <= 1 <= ratio.high)
    assert share(over_starts) < 0.5, "the reason why there is another"
    assert 0.93 < share(over_days) < 0.97


def test_another_day_is_rarely_a_regression_and_a_third_more_is_found():
    rng = np.random.default_rng(7)

    def regressions(centre):
        labels = []
        for _ in range(TRIALS):
            ratio = against_days(day(rng, centre), [day(rng) for _ in range(5)])
            labels.append(ratio_label(ratio, 0.05))
        return labels.count("regression") / TRIALS

    assert regressions(0.105) < 0.025 + 0.012
    assert regressions(0.133) > 0.8


def test_days_without_bounds():
    days = [[1.0, 1.0], [1.1, 1.1], [1.2, 1.2]]
    assert against_days([1.0] * 3, days).low is not None
    assert against_days([1.0], days).low is None, "fewer starts than the days have"
    assert against_days([1.0] * 3, days[:2]).low is None
    assert against_days([1.0] * 3, [days[0], [], days[1]]) == Interval(None)
    assert against_days([], days) == against_days([1.0], []) == Interval(None)


def test_over_days_it_is_the_t_interval_of_one_further_day():
    days = [[1.0, 1.0], [2.0, 0.5], [math.e] * 4]  # logs of their means: 0, 0, 1
    ratio = against_days([math.e, math.e], days, 0.9)
    half = stats.t.ppf(0.95, 2) * math.sqrt(1 / 3) * math.sqrt(4 / 3)
    assert [math.log(x) for x in (ratio.low, ratio.value, ratio.high)] == pytest.approx(
        [2 / 3 - half, 2 / 3, 2 / 3 + half]
    )
    new, day = [1.1, 1.2, 1.3], [1.0, 1.1, 1.2]
    assert against_days(new, [day], 0.9) == between_starts(new, day, 0.9)
    assert between_starts(new, day).low is not None


@pytest.mark.parametrize(
    ("low", "high", "label"),
    [
        (1.051, 1.2, "regression"),
        (1.049, 1.2, "cannot tell"),
        (0.96, 1.04, "unchanged"),
        (0.94, 1.04, "cannot tell"),
        (0.8, 0.95, "improvement"),
        (0.8, 0.96, "cannot tell"),
        (None, None, "cannot tell"),
    ],
)
def test_labels_ask_for_the_whole_interval(low, high, label):
    assert ratio_label(Interval(1.0, low, high), 0.05) == label


def test_a_ratio_at_the_limit_is_called_a_regression_no_more_often_than_stated():
    """The worst case that is none: an A/A comparison is far from it."""
    rng = np.random.default_rng(2)
    at_limit, nothing = [], []
    for _ in range(TRIALS):
        old = starts(rng, 5)
        at_limit.append(ratio_label(between_starts(starts(rng, 5, 0.105), old), 0.05))
        nothing.append(ratio_label(between_starts(starts(rng, 5), old), 0.05))
    assert at_limit.count("regression") / TRIALS < 0.025 + 0.012
    assert nothing.count("regression") == 0


def test_a_planted_tenth_is_found():
    rng = np.random.default_rng(3)
    labels = [
        ratio_label(between_starts(starts(rng, 6, 0.11), starts(rng, 6)), 0.05)
        for _ in range(TRIALS)
    ]
    assert labels.count("regression") / TRIALS > 0.9


@pytest.mark.parametrize(
    ("gaps", "better", "label"),
    [
        ([0.0, 0.0, 0.0], "lower", "unchanged"),
        ([0.02, 0.021, 0.019], "lower", "regression"),
        ([0.02, 0.021, 0.019], "higher", "improvement"),
        ([-0.02, -0.021, -0.019], "higher", "regression"),
        ([0.02, 0.021], "lower", "cannot tell"),
        ([0.02, -0.01, 0.03], "lower", "cannot tell"),
        ([], "lower", "cannot tell"),
    ],
)
def test_scores_are_held_against_their_margin_seed_by_seed(gaps, better, label):
    interval, given = score_change(gaps, 0.005, better, 0.05)
    assert given == label
    assert (interval.low is None) == (len(gaps) < 3)


def test_the_error_allowed_decides_and_sets_the_interval():
    gaps = [0.0, 0.002, 0.004]  # t of the upper bound -2.598; 2.920 is asked for at 5 %
    for error, label in ((0.05, "cannot tell"), (0.1, "unchanged")):
        interval, given = score_change(gaps, 0.005, "lower", error)
        assert given == label and interval == seed_interval(gaps, 1 - error)


@pytest.mark.parametrize(
    ("factor", "better", "label"),
    [
        (1.0, "lower", "unchanged"),
        (1.5, "lower", "regression"),
        (0.6, "lower", "improvement"),
        (1.5, "higher", "improvement"),
        (1.3, "lower", "cannot tell"),
    ],
)
def test_a_margin_of_the_ratio_is_of_new_over_baseline(factor, better, label):
    baseline, new = [1.0, 1.01, 0.99], [factor * score for score in (1.01, 1.0, 0.99)]
    gaps = [mine - its for mine, its in zip(new, baseline, strict=True)]
    assert score_change(gaps, 1.3, better, 0.05, (baseline, new))[1] == label


def test_the_error_allowed_decides_about_a_ratio_too():
    baseline, new = (
        [1.0, 1.1, 0.9],
        [1.0, 0.95, 1.05],
    )  # t of the upper bound -2.887; 2.920 is asked for at 5 %
    for error, label in ((0.05, "cannot tell"), (0.1, "unchanged")):
        assert score_change([0.0] * 3, 1.3, "lower", error, (baseline, new))[1] == label


def test_a_baseline_below_zero_has_no_ratio_to_be_held_against():
    """A bound of 1.3 times -1 is on the other side of -1: equals would look different."""
    baseline = [-1.0, -1.01, -0.99]
    assert score_change([0.0] * 3, 1.3, "lower", 0.05, (baseline, baseline))[1] == "cannot tell"


def test_a_score_without_margin_is_only_shown():
    assert score_change([0.1, 0.1, 0.1], None, "lower", 0.05)[1] == "shown only"


def test_an_unlucky_choice_of_seeds_is_rarely_a_regression():
    """Of code that learns the same: chaotic training gives other scores with the same seeds."""
    rng = np.random.default_rng(4)

    def regressions(gap, trials):
        gaps = gap + 0.02 * rng.standard_normal((trials, 5))
        labels = [score_change(of_seeds, 0.005, "lower", 0.05)[1] for of_seeds in gaps]
        return labels.count("regression") / trials

    assert regressions(0.0, TRIALS) < 0.025
    assert regressions(0.1, 200) > 0.95
