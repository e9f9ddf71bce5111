import json
import math
from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy import stats

from harness.metrics.frechet import frechet_replicates
from harness.metrics.kid import kid_replicates
from harness.statistics.intervals import (
    LEAST_STARTS,
    Interval,
    LeftOut,
    Replicates,
    blocks_of,
    clopper_pearson,
    enough_starts,
    jackknife,
    mean_replicates,
    over_starts,
    ratio_interval,
    seed_interval,
    share_replicates,
    width,
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


@pytest.mark.parametrize("count", [30, 119])
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
    for _ in range(80):
        first, second, real = two_equally_bad_models(rng, 50)
        of_first, of_second = replicates(first, real), replicates(second, real)
        got = jackknife(of_first - of_second)
        hits.append(covers(got, 0.0))
        paired.append(got.high - got.low)
        widths = [jackknife(one).high - jackknife(one).low for one in (of_first, of_second)]
        unpaired.append(math.hypot(*widths))
    assert 0.90 <= np.mean(hits) <= 0.995
    assert np.mean(paired) < np.mean(unpaired)


@pytest.mark.parametrize(("count", "share"), [(40, 0.98), (120, 0.995), (120, 0.1), (400, 0.5)])
def test_interval_of_a_share_covers_near_the_ends_too(count, share):
    rng = np.random.default_rng(13)
    intervals = [jackknife(share_replicates(rng.random(count) < share)) for _ in range(400)]
    assert np.mean([covers(one, share) for one in intervals]) > 0.92
    assert all(0.0 <= one.low <= one.value <= one.high <= 1.0 for one in intervals)


def test_a_share_without_misses_still_has_an_interval():
    got = jackknife(share_replicates(np.ones(100, bool)))
    assert (got.value, got.high) == (1.0, 1.0)
    # Wilson's bound is 1 / (1 + 1.96^2 / 100) = 0.963.
    assert got.low == pytest.approx(0.963, abs=0.01)
    mirrored = jackknife(share_replicates(np.zeros(100, bool)))
    assert mirrored.high == pytest.approx(1 - got.low)


def test_interval_of_a_difference_of_shares_covers():
    rng = np.random.default_rng(14)
    intervals = []
    for _ in range(300):
        hard = rng.random(120)
        first, second = (share_replicates(hard < share) for share in (0.995, 0.97))
        intervals.append(jackknife(first - second))
    assert np.mean([covers(one, 0.025) for one in intervals]) > 0.92
    assert all(-1.0 <= one.low <= one.value <= one.high <= 1.0 for one in intervals)


def test_the_interval_of_a_share_is_that_of_its_formula():
    """Twenty blocks of two; 20 misses, then 20 hits: the variance of their mean is 0.25 / 19."""
    halves = share_replicates(np.repeat([False, True], 20))
    # Two more hits and two more misses: 44 images, of which 4 have no block.
    of_blocks = 0.25 / 19 * (40 / 44) ** 2
    variance = of_blocks + 2 * (0.25 + 0.25) / 44**2
    half = stats.t.ppf(0.975, 19 * (variance / of_blocks) ** 2) * math.sqrt(variance)
    got = jackknife(halves)
    assert (got.value, got.low, got.high) == pytest.approx((0.5, 0.5 - half, 0.5 + half))
    # Of a difference, one more hit of either model alone: 42 images, bounds -1 and 1.
    of_blocks = 0.25 / 19 * (40 / 42) ** 2
    centre = 20 / 42
    variance = of_blocks + ((centre + 1) ** 2 + (1 - centre) ** 2) / 42**2
    half = stats.t.ppf(0.975, 19 * (variance / of_blocks) ** 2) * math.sqrt(variance)
    got = jackknife(halves - share_replicates(np.zeros(40, bool)))
    assert (got.value, got.low, got.high) == pytest.approx((0.5, centre - half, centre + half))
    assert jackknife(share_replicates(np.zeros(0, bool))) == Interval(None)


def test_equal_hits_of_two_models_do_not_prove_that_they_are_equal():
    one = share_replicates(np.ones(50, bool))
    got = jackknife(one - one)
    assert got.value == 0.0
    assert got.low == pytest.approx(-got.high)
    assert 0.03 < got.high < 0.08


def test_paired_difference_refuses_models_scored_on_different_images():
    with pytest.raises(ValueError, match="same test images"):
        mean_replicates(np.ones(30)) - mean_replicates(np.ones(31))
    one = mean_replicates(np.ones(30))
    with pytest.raises(ValueError, match="same test images"):
        one - replace(one, sides=one.sides * 2)
    # Two samples each, of which the second differs.
    two = [replace(one, sides=one.sides + mean_replicates(np.ones(n)).sides) for n in (30, 31)]
    with pytest.raises(ValueError, match="same test images"):
        two[0] - two[1]
    share = share_replicates(np.ones(30, bool))
    assert (share - one).bounds is (one - share).bounds is None
    assert (share - share).bounds == (-1, 1)
    assert ((share - share) - (share - share)).bounds == (-2, 2)


def test_images_that_do_not_differ_give_no_interval():
    """As of one colour: they say nothing of other images, so not that there is no error."""
    for value in (0.3, 17.1):
        assert jackknife(mean_replicates(np.full(100, value))) == Interval(pytest.approx(value))


def test_difference_of_a_model_with_itself_is_exactly_zero():
    one = mean_replicates(np.random.default_rng(5).normal(size=40))
    assert jackknife(one - one) == Interval(0.0, 0.0, 0.0)


@pytest.mark.parametrize("count", range(7))
@pytest.mark.parametrize("kind", ["kid", "frechet", "mean"])
def test_few_images_give_null_or_finite_ordered_bounds(count, kind):
    x, y = np.random.default_rng(6).normal(size=(2, count, 9))
    of_pairs = {"kid": kid_replicates, "frechet": frechet_replicates}.get(kind)
    got = jackknife(of_pairs(x, y) if of_pairs else mean_replicates(x[:, 0]))
    json.dumps(asdict(got), allow_nan=False)
    assert (got.value is None) == (count < (1 if kind == "mean" else 2))
    assert (got.low is None) == (got.high is None) == (count < (2 if kind == "mean" else 3))
    if got.low is not None:
        assert got.low < got.value < got.high


def test_a_replicate_that_cannot_be_computed_leaves_the_value_without_bounds():
    side = LeftOut(np.array([1.0, math.nan]), np.array([1, 1]))
    assert jackknife(Replicates(1.0, (side,))) == Interval(1.0)
    assert jackknife(Replicates(math.inf, (side,))) == Interval(None)
    assert jackknife(Replicates(1.0, ())) == Interval(1.0) == Interval.of(1.0, 0.5)
    assert Interval.of(1.0, high=2.0) == Interval(1.0)


def test_seed_interval_is_the_t_interval_from_three_seeds_on():
    values = [1.0, 2.0, 4.0]
    low, high = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    got = seed_interval(values)
    assert (got.value, got.low, got.high) == pytest.approx((7 / 3, low, high))
    assert seed_interval([1.0, 2.0]) == Interval(1.5)
    assert seed_interval([]) == Interval(None)


def test_ratio_by_pairs_ignores_a_machine_that_slows_down_and_one_hiccup():
    slowing = np.linspace(1.0, 4.0, 12) ** 2
    noise = np.random.default_rng(9).normal(1.0, 0.01, (2, 12))
    a, b = 2.0 * slowing * noise[0], slowing * noise[1]
    a[3] *= 10
    got = ratio_interval(a, b)
    assert got.value == pytest.approx(2.0, rel=0.02)
    assert 1.95 < got.low < got.value < got.high < 2.05


@pytest.mark.parametrize("pairs", [6, 7, 12, 23])
def test_ratio_interval_covers_whatever_the_number_of_pairs(pairs):
    rng = np.random.default_rng(12)
    ratios = np.exp(0.01 * rng.standard_t(2, (1500, pairs)))
    intervals = [ratio_interval(1.3 * of_pairs, np.ones(pairs)) for of_pairs in ratios]
    assert np.mean([covers(one, 1.3) for one in intervals]) == pytest.approx(0.95, abs=0.02)


def test_ratio_interval_lies_between_ordered_ratios():
    got = ratio_interval(np.arange(1.0, 10.0), np.ones(9))
    assert got.value == 5.0
    # 2nd of nine from either end: 96.1%; 3rd: 82.0%.
    # Between them 95 % at (9 - 2) I / (2 + (9 - 4) I), I = (96.09 - 95) / (96.09 - 82.03).
    assert got.low == pytest.approx(2.2279, abs=1e-4)
    # 5th of seventeen: 95.1%; 6th: 85.65%.
    assert ratio_interval(np.arange(1.0, 18.0), np.ones(17)).low == pytest.approx(5.0240, abs=1e-4)
    assert got.low - 2.0 == pytest.approx(8.0 - got.high)
    assert ratio_interval(np.full(6, 3.0), np.ones(6)) == Interval(3.0, 3.0, 3.0)


def test_ratio_interval_needs_six_pairs():
    times = np.random.default_rng(11).uniform(1, 2, (2, 9))
    assert ratio_interval(*times[:, :6]).low is not None
    assert ratio_interval(*times[:, :5]).low is None
    assert ratio_interval(*times[:, :5]).value == pytest.approx(
        np.median(times[0, :5] / times[1, :5])
    )


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([1.0], [1.0, 2.0]),
        ([], []),
        ([[1.0]], [[1.0]]),
        *((pair, [1.0, 1.0]) for pair in ([1.0, 0.0], [1.0, np.inf])),
        *(([1.0, 1.0], pair) for pair in ([1.0, 0.0], [1.0, np.inf])),
    ],
)
def test_ratio_refuses_times_that_are_unpaired_absent_or_not_positive(a, b):
    with pytest.raises(ValueError, match="times"):
        ratio_interval(np.array(a), np.array(b))


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [
        (0, 10, 0.0, 0.3085),
        (1, 10, 0.0025, 0.4450),
        (5, 10, 0.1871, 0.8129),
        (9, 10, 0.5550, 0.9975),
        (10, 10, 0.6915, 1.0),
    ],
)
def test_clopper_pearson_bounds_are_those_of_the_tables(hits, trials, low, high):
    assert clopper_pearson(hits, trials) == pytest.approx((low, high), abs=1e-4)


def test_a_ratio_over_starts_knows_how_starts_differ():
    """Processes differ by 2 %: no number of blocks of one start would tell."""
    draw = np.random.default_rng(0)
    intervals = [over_starts(np.exp(draw.normal(np.log(1.3), 0.02, 6))) for _ in range(400)]
    assert 0.92 <= np.mean([covers(one, 1.3) for one in intervals]) <= 0.98
    assert over_starts([1.1, 1.2]).low is None, "two starts give no interval"
    # How many times as long, and its inverse: the same answer.
    ratios = [1.1, 1.2, 1.35]
    ratio, inverse = over_starts(ratios), over_starts([1 / one for one in ratios])
    assert ratio.value * inverse.value == pytest.approx(1)
    assert ratio.low * inverse.high == pytest.approx(1)


def test_starts_are_enough_once_their_interval_is_narrow_and_not_by_luck():
    ratios = [1.0, 1.01, 0.99, 1.0, 1.01, 0.99, 1.0]
    enough = [enough_starts(ratios[:count], 0.05) for count in range(len(ratios) + 1)]
    assert enough == [False] * LEAST_STARTS + [True, True]
    assert not enough_starts(ratios, 0.9 * width(over_starts(ratios)))
    assert width(Interval(2.0, 1.9, 2.2)) == pytest.approx(0.15)
    assert width(Interval.of(1.0)) == np.inf
