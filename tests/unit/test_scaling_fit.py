"""Fits, on series whose truth is known."""

import numpy as np
import pytest

from harness.studies.scaling.findings import memory_line, power, straight

FLOPS = np.array([1e8, 4e8, 9e8, 36e8])


@pytest.mark.parametrize("exponent", [0.5, 1.0, 1.4])
def test_a_power_law_is_found(exponent):
    found = power(FLOPS, 3e-9 * FLOPS**exponent)
    assert found.value == pytest.approx(exponent)
    assert found.low == pytest.approx(exponent) == found.high


def test_the_interval_of_an_exponent_covers_it():
    draw = np.random.default_rng(0)
    found = [power(FLOPS, FLOPS**0.8 * np.exp(draw.normal(0, 0.1, 4))) for _ in range(600)]
    covered = np.mean([each.low <= 0.8 <= each.high for each in found])
    assert 0.92 <= covered <= 0.98


def test_three_points_have_an_exponent_without_bounds_and_two_have_none():
    seconds = FLOPS / 1e9 + 0.01
    three = power(FLOPS[:3], seconds[:3])
    assert three.value is not None and three.low is None
    assert power(FLOPS[:2], seconds[:2]).value is None
    assert power([1e8] * 5, [1.0, 1.1, 1.2, 1.3, 1.4]).value is None, "nothing was varied"


def test_a_fixed_cost_and_a_rate_are_told_apart():
    found = straight(FLOPS, 0.005 + FLOPS / 20e9)
    assert found.fixed.value == pytest.approx(0.005) and found.rate.value == pytest.approx(20e9)
    assert found.off < 1e-6
    for spread in (found.fixed, found.rate):
        assert spread.low == pytest.approx(spread.value) == spread.high


def test_neither_term_is_below_zero():
    bent_up = straight(FLOPS, (FLOPS / 20e9) ** 1.3)
    assert bent_up.fixed.value == 0 and bent_up.rate.value > 0 and bent_up.off > 0.2
    falling = straight(FLOPS, 0.02 - FLOPS / 1e12)
    assert falling.rate.value is None and falling.fixed.value > 0


def test_small_points_decide_a_fixed_cost_as_much_as_large_ones():
    """The largest is 10 % off, 18 times the fixed cost: absolute errors would follow it."""
    seconds = 0.002 + FLOPS / 10e9
    seconds[-1] *= 1.1
    found = straight(FLOPS, seconds)
    assert found.fixed.value == pytest.approx(0.002, rel=0.5)
    # One point left out tells how much hangs on it.
    assert found.fixed.low < 0.002 * 1.001 and found.fixed.high - found.fixed.low > 1e-4


def test_too_few_points_have_no_line():
    assert straight(FLOPS[:2], [1.0, 2.0]) is None
    three = straight(FLOPS[:3], 0.005 + FLOPS[:3] / 20e9)
    assert three.fixed.value == pytest.approx(0.005) and three.fixed.low is None


def test_memory_by_batch_predicts_what_fits():
    line = memory_line([1, 2, 4, 8], [500, 600, 800, 1200])
    assert line.start == pytest.approx(400) and line.each == pytest.approx(100)
    assert line.check == pytest.approx(0, abs=1e-9) and line.largest == 8
    assert line.fits(10499) == 100 and line.fits(10500 + 1) == 101
    assert line.fits(450) is None and line.fits(None) is None
    assert memory_line([1, 2, 4], [500, 500, 500]).fits(10**9) is None, "it does not grow"
    restless = memory_line([1, 2, 4, 8], [500, 560, 480, 530])
    assert restless.each > 0 and restless.fits(10**9) is None, "nor does it surely here"


def test_the_check_finds_a_line_that_does_not_hold():
    bent = memory_line([1, 2, 4, 8], [500, 600, 800, 2400])
    assert bent.check == pytest.approx(-0.5), "1200 predicted, 2400 measured"
    assert memory_line([1, 2, 4], [500, 600, 800]).check is None
    assert memory_line([1, 2], [500, 600]) is None
