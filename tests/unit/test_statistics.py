import json
import math
from dataclasses import asdict

import numpy as np
import pytest
from scipy import stats

from harness.metrics.frechet import frechet_replicates
from harness.metrics.kid import kid_replicates
from harness.statistics import (
    Interval,
    LeftOut,
    Replicates,
    blocks_of,
    jackknife,
    mean_replicates,
    ratio_interval,
    seed_interval,
    verdict,
)

# A number that cannot be had is None on purpose, not by a division by zero.
pytestmark = pytest.mark.filterwarnings("error")


def covers(interval, truth):
    return interval.low <= truth <= interval.high


def test_jackknife_of_a_mean_is_the_t_interval_when_every_image_is_a_block():
    values = np.random.default_rng(0).normal(3, 2, 15)
    got = jackknife(mean_replicates(values))
    low, high = stats.t.interval(0.95, 14, values.mean(), stats.sem(values))
    assert (got.value, got.low, got.high) == pytest.approx((values.mean(), low, high))


def test_blocks_are_twenty_contiguous_runs_or_single_images():
    assert [len(block) for block in blocks_of(238)] == [12] * 18 + [11] * 2
    assert np.array_equal(np.concatenate(blocks_of(238)), np.arange(238))
    assert [len(block) for block in blocks_of(5)] == [1] * 5
    assert blocks_of(0) == []


@pytest.mark.parametrize("count", [30, 64, 119])
def test_jackknife_of_a_mean_covers_with_blocks_of_unequal_size(count):
    rng = np.random.default_rng(1)
    runs = [jackknife(mean_replicates(rng.exponential(1.0, count))) for _ in range(300)]
    assert 0.90 <= np.mean([covers(run, 1.0) for run in runs]) <= 0.99


def test_unequal_blocks_give_an_unbiased_variance():
    rng = np.random.default_rng(2)
    quantile = stats.t.ppf(0.975, 19)
    squares = []
    for _ in range(1500):
        got = jackknife(mean_replicates(rng.normal(size=30)))
        squares.append(((got.high - got.value) / quantile) ** 2)
    assert np.mean(squares) == pytest.approx(1 / 30, rel=0.06)


def test_a_bias_that_falls_as_one_over_n_does_not_widen_the_interval():
    values = np.random.default_rng(2).normal(size=30)
    mean = mean_replicates(values)
    kept = 30 - mean.sides[0].sizes
    biased = LeftOut(mean.sides[0].values + 100 / kept, mean.sides[0].sizes)
    plain, got = jackknife(mean), jackknife(Replicates(mean.value + 100 / 30, (biased,)))
    assert got.high - got.low == pytest.approx(plain.high - plain.low)
    assert got.value == mean.value + 100 / 30


def test_variances_of_two_independent_samples_add_up():
    one, other = np.random.default_rng(3).normal(size=(2, 20))
    sides = mean_replicates(one).sides + mean_replicates(other).sides
    got = jackknife(Replicates(0.0, sides))
    error = math.sqrt(one.var(ddof=1) / 20 + other.var(ddof=1) / 20)
    freedom = error**4 / ((one.var(ddof=1) / 20) ** 2 + (other.var(ddof=1) / 20) ** 2) * 19
    assert got.high == pytest.approx(stats.t.ppf(0.975, freedom) * error)


def two_equally_bad_models(rng, count, width=6):
    """Paired fakes of one scene each, off by equal amounts in two directions; the true difference
    of any rotation-invariant score is zero."""
    scene = rng.normal(size=(count, width))
    fakes = []
    for axis in (0, 1):
        fake = scene + 0.3 * rng.normal(size=scene.shape)
        fake[:, axis] += 1.0
        fakes.append(fake)
    return *fakes, rng.normal(size=(count, width))


@pytest.mark.parametrize("replicates", [kid_replicates, frechet_replicates])
def test_paired_jackknife_of_a_difference_covers_and_beats_the_unpaired_one(replicates):
    rng = np.random.default_rng(4)
    hits, paired, unpaired = [], [], []
    for _ in range(150):
        first, second, real = two_equally_bad_models(rng, 50)
        of_first, of_second = replicates(first, real), replicates(second, real)
        got = jackknife(of_first - of_second)
        hits.append(covers(got, 0.0))
        paired.append(got.high - got.low)
        widths = [jackknife(one).high - jackknife(one).low for one in (of_first, of_second)]
        unpaired.append(math.hypot(*widths))
    assert 0.90 <= np.mean(hits) <= 0.995
    assert np.mean(paired) < np.mean(unpaired)


def test_paired_difference_refuses_models_scored_on_different_images():
    with pytest.raises(ValueError, match="same test images"):
        mean_replicates(np.ones(30)) - mean_replicates(np.ones(31))


def test_difference_of_a_model_with_itself_is_exactly_zero():
    one = mean_replicates(np.random.default_rng(5).normal(size=40))
    assert jackknife(one - one) == Interval(0.0, 0.0, 0.0)


@pytest.mark.parametrize("count", range(7))
@pytest.mark.parametrize("kind", ["kid", "frechet", "mean"])
def test_few_images_give_null_or_finite_ordered_bounds(count, kind):
    x, y = np.random.default_rng(6).normal(size=(2, count, 9))
    made = {"kid": kid_replicates, "frechet": frechet_replicates}.get(kind)
    got = jackknife(made(x, y) if made else mean_replicates(x[:, 0]))
    json.dumps(asdict(got), allow_nan=False)
    assert (got.value is None) == (count < (1 if kind == "mean" else 2))
    assert (got.low is None) == (got.high is None) == (count < (2 if kind == "mean" else 3))
    if got.low is not None:
        assert got.low < got.value < got.high


def test_a_replicate_that_cannot_be_computed_leaves_the_value_without_bounds():
    side = LeftOut(np.array([1.0, math.nan]), np.array([1, 1]))
    assert jackknife(Replicates(1.0, (side,))) == Interval(1.0)
    assert jackknife(Replicates(math.inf, (side,))) == Interval(None)


def test_seed_interval_is_the_t_interval_from_three_seeds_on():
    values = [1.0, 2.0, 4.0]
    low, high = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    got = seed_interval(values)
    assert (got.value, got.low, got.high) == pytest.approx((7 / 3, low, high))
    assert seed_interval([1.0, 2.0]) == Interval(1.5)
    assert seed_interval([]) == Interval(None)


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
    labels = [verdict(rng.normal(1.0, 0.2, 5), 1.0).label for _ in range(1500)]
    assert labels.count("equivalent") / 1500 == pytest.approx(0.05, abs=0.018)
    assert labels.count("different") / 1500 == pytest.approx(0.025, abs=0.012)


def test_the_further_seeds_asked_for_usually_settle_it():
    rng = np.random.default_rng(8)
    base = rng.normal(size=4)
    pilot = (base - base.mean()) / base.std(ddof=1)  # mean 0, deviation exactly 1
    got = verdict(pilot, margin=1.0)
    assert got.label == "cannot tell yet"
    total = 4 + got.further_seeds
    again = [verdict(rng.normal(size=total), 1.0).label for _ in range(400)]
    fewer = [verdict(rng.normal(size=total // 2), 1.0).label for _ in range(400)]
    assert again.count("equivalent") / 400 > 0.6
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


def test_ratio_by_pairs_ignores_a_machine_that_slows_down_and_one_hiccup():
    slowing = np.linspace(1.0, 4.0, 12) ** 2
    noise = np.random.default_rng(9).normal(1.0, 0.01, (2, 12))
    a, b = 2.0 * slowing * noise[0], slowing * noise[1]
    a[3] *= 10
    got = ratio_interval(a, b)
    assert got.value == pytest.approx(2.0, rel=0.02)
    assert 1.95 < got.low < got.value < got.high < 2.05


def test_ratio_interval_covers():
    rng = np.random.default_rng(10)
    made = [ratio_interval(*np.exp(rng.normal([[0.3], [0.0]], 0.1, (2, 12)))) for _ in range(200)]
    assert 0.90 <= np.mean([covers(one, math.exp(0.3)) for one in made]) <= 0.99


def test_ratio_interval_is_reproducible_and_needs_six_pairs():
    many = np.random.default_rng(11).uniform(1, 2, (2, 400))
    assert ratio_interval(*many, seed=1) == ratio_interval(*many, seed=1)
    assert ratio_interval(*many, seed=1) != ratio_interval(*many, seed=2)
    times = many[:, :9]
    assert ratio_interval(*times[:, :6]).low is not None
    assert ratio_interval(*times[:, :5]).low is None
    assert ratio_interval(*times[:, :5]).value == pytest.approx(
        np.median(times[0, :5] / times[1, :5])
    )


@pytest.mark.parametrize(("a", "b"), [([1.0], [1.0, 2.0]), ([], []), ([1.0, 0.0], [1.0, 1.0])])
def test_ratio_refuses_times_that_are_unpaired_absent_or_not_positive(a, b):
    with pytest.raises(ValueError, match="times"):
        ratio_interval(np.array(a), np.array(b))
