"""Steps of histories against known truth: places, sizes, false alarms, power."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.coverage import step_studies
from benchmarks.coverage.step_studies import NOISE, STUDIES, noise, power_rows, stepped
from harness.statistics import steps
from harness.statistics.steps import LEAST, MOST, least_entries, search, shift

pytestmark = pytest.mark.filterwarnings("error")

HISTORIES = 200
# More false alarms than one run in a thousand has where each comes with a chance of 5 %.
MOST_ALARMS = int(stats.binom.ppf(0.999, HISTORIES, 0.05))


def found(values):
    return search([values])[0]


def places(values):
    return [step.place for step in found(values).steps]


@pytest.mark.parametrize("sizes", [(3, 7), (8, 25), (20, 22), (30, 35)])
def test_scores_are_those_of_wilcoxons_test(sizes):
    rng = np.random.default_rng(1)
    for shifted in (0.0, 1.0):
        one, other = (rng.standard_normal(size) for size in sizes)
        score = steps._between(one, other + shifted)
        exact = stats.mannwhitneyu(one, other + shifted, method="exact").pvalue
        tolerance = 1e-9 if min(sizes) <= steps.EXACT else 0.3
        assert min(1.0, 2 * stats.norm.sf(score)) == pytest.approx(exact, rel=tolerance)


def test_the_strongest_stretch_is_that_of_all_of_them():
    values = np.random.default_rng(2).standard_normal(14)
    count = len(values)

    def allowed(start, stop):
        outside = start, count - stop
        return stop - start >= LEAST and all(n == 0 or n >= LEAST for n in outside)

    scores = {
        (start, stop): steps._between(values[start:stop], np.delete(values, range(start, stop)))
        for start in range(count)
        for stop in range(start + 1, count + 1)
        if stop - start < count and allowed(start, stop)
    }
    best = steps._strongest(values)
    assert scores[best.start, best.stop] == pytest.approx(max(scores.values()))
    # Of a random order another search finds the same chance.
    rng = np.random.default_rng(3)
    others = [steps._strongest(rng.permutation(count).astype(float)).chance for _ in range(400)]
    assert stats.kstest(others, "uniform").pvalue > 0.001


def test_a_planted_step_is_found_at_its_place():
    rng = np.random.default_rng(4)
    all_places = [places(stepped(rng, 40, 20, 0.05)) for _ in range(100)]
    assert all(all_places), "5 % are more than three times the noise"
    assert sum(any(abs(at - 20) <= 1 for at in one) for one in all_places) >= 95
    assert sum(len(one) == 1 for one in all_places) >= 85


def test_a_step_that_is_undone_is_two_steps():
    rng, level = np.random.default_rng(5), np.zeros(60)
    level[30:38] = 0.08
    assert places(level + NOISE * rng.standard_normal(60)) == [30, 38]
    # Eight entries and three would be too few for a search of their own.
    level = np.repeat([0.0, 0.1, 0.0], [30, 3, 8])
    assert places(level + NOISE * rng.standard_normal(41)) == [30, 33]


@pytest.mark.parametrize("kind", ["normal", "heavy tails", "lognormal"])
def test_false_alarms_are_no_more_than_one_in_twenty(kind):
    rng = np.random.default_rng(6)
    alarms = sum(bool(places(noise(rng, kind, 40))) for _ in range(HISTORIES))
    assert 0 < alarms <= MOST_ALARMS


def test_of_all_histories_together_no_more_than_one_in_twenty():
    rng = np.random.default_rng(7)
    alarms = sum(
        any(one.steps for one in search([noise(rng, "normal", 30) for _ in range(8)]))
        for _ in range(HISTORIES)
    )
    assert 0 < alarms <= MOST_ALARMS


def test_two_outliers_are_no_step_and_hide_none():
    values = stepped(np.random.default_rng(8), 40, 20, 0.05)
    values[[3, 39]] += 5.0
    assert places(values) == [20]
    assert places(np.r_[NOISE * np.random.default_rng(9).standard_normal(38), 9.0, 9.0]) == []


def test_too_few_are_no_step_and_say_so():
    for count in (0, 1, 2, 5, 7):
        few = found(100.0 * np.arange(count))
        assert not few.steps and not few.enough and few.needed == least_entries(0.05) == 8
    clean = np.repeat([0.0, 1.0], 4) + 0.01 * np.arange(8)
    assert places(clean) == [4] and found(clean).enough
    # Of many histories each must show more.
    many = search([clean] * 6)
    assert not any(one.steps or one.enough for one in many) and many[0].needed == 10
    assert search([]) == []


def test_equal_values_are_a_level():
    assert places(np.ones(40)) == [] and found(np.ones(40)).enough
    one = found(np.repeat([2.0, 3.0], [25, 15])).steps
    assert [(step.place, step.change.value, step.change.low) for step in one] == [(25, 1.0, 1.0)]


def test_more_than_can_be_searched_is_refused():
    with pytest.raises(ValueError, match="can be searched"):
        search([np.zeros(MOST + 1)])


def test_no_number_of_orders_shows_a_level_near_zero():
    assert least_entries(1e-7) > MOST
    assert not any(one.enough for one in search([np.arange(12.0)] * 3000))


@pytest.mark.parametrize("sizes", [(4, 9), (25, 30)])
def test_the_interval_of_a_shift_is_what_the_test_does_not_reject(sizes):
    rng = np.random.default_rng(10)
    before, after = rng.standard_normal(sizes[0]), 0.5 + rng.standard_normal(sizes[1])
    interval = shift(before, after)
    assert interval.value == np.median(np.subtract.outer(after, before))
    for bound, inward in ((interval.low, 1e-9), (interval.high, -1e-9)):
        for moved, rejected in ((bound + inward, False), (bound - inward, True)):
            test = stats.mannwhitneyu(after - moved, before, method="exact")
            assert bool(test.pvalue <= 0.05) is rejected


def test_three_against_three_have_no_interval():
    assert shift(np.zeros(3), np.ones(3)).low is None
    assert shift(np.zeros(3), np.ones(9)).low == 1.0


def test_the_chance_of_the_most_extreme_is_not_zero():
    assert steps._chance(np.inf, 20) == 1 / (steps.ORDERS + 1)


def test_an_end_of_a_stretch_where_nothing_changes_is_no_step():
    noise = NOISE * np.random.default_rng(12).standard_normal(38)
    values = np.repeat([0.0, 1.0], [20, 18]) + noise
    assert steps._real_cuts(values, steps._Stretch(20, 35, 0.0), 0.05) == [20]


def test_what_is_beside_a_step_shares_its_level():
    rng = np.random.default_rng(13)

    def half(low, high):
        while not low < steps._strongest(part := rng.standard_normal(30)).chance < high:
            pass
        return part

    before, clear = half(0.5, 1.0), half(0.0, 0.02)
    assert places(np.r_[before, 100 + half(0.03, 0.045)]) == [30]
    assert len(places(np.r_[before, 100 + clear])) > 1


def test_the_simulation_counts_what_it_should(monkeypatch):
    monkeypatch.setattr(step_studies, "SHAPES", ((20, 10), (40, 3)))
    rows = power_rows(10, lambda *_: None)
    large = [row for row in rows if row.size == 0.10 and row.after >= 5]
    assert large and all(row.found > 0.9 and row.near > 0.9 for row in large)
    small = [row for row in rows if row.size == 0.02 and row.after == 3]
    assert all(row.found < 0.4 for row in small)
    drifting = next(study for study in STUDIES if "like the next" in study.name)
    rng = np.random.default_rng(11)
    assert sum(not drifting.once(rng)["alarm"] for _ in range(100)) > 30, "a limit that is stated"
