"""What timed blocks show, on series of which it is known."""

from __future__ import annotations

import numpy as np
import pytest
from bench_records import noisy

from harness.statistics.intervals import LEAST_STARTS, Interval, over_starts
from harness.statistics.timed_blocks import cold_blocks, drift, more_starts, outliers

# --------------------------------------------------------------------------------- the series


def test_a_slow_start_is_cold_and_a_late_hiccup_is_not():
    assert cold_blocks(noisy(20)) == 0
    assert cold_blocks(np.concatenate([[3.0, 2.0, 1.3], noisy(17)])) == 3
    hiccup = noisy(20)
    hiccup[10] = 4.0
    assert cold_blocks(hiccup) == 0
    assert cold_blocks(np.linspace(9, 1, 20)) == 10, "never settled: half, and the rest is shown"


def test_drift_is_seen_where_it_is_and_not_where_it_is_not():
    steady = drift(noisy(40))
    assert not steady.certain and abs(steady.change.value) < 0.02
    rising = drift(noisy(40) + np.linspace(0, 0.2, 40))
    assert rising.certain and rising.change.value == pytest.approx(0.2 / 1.1, abs=0.03)
    spiky = noisy(40)
    spiky[[3, 17, 30]] = 9.0
    assert not drift(spiky).certain
    assert drift(noisy(3)).change.value is None


def test_outliers_are_blocks_far_above_and_never_below():
    times = noisy(40)
    times[5], times[6] = 2.0, 0.1
    assert outliers(times) == 1
    assert outliers(times[:3]) == 0


def test_more_starts_are_asked_for_until_the_interval_would_be_narrow_enough():
    ratio = over_starts([1.0, 1.1, 1.2, 1.05, 1.0, 1.15])
    more = more_starts(ratio, 6, 0.05)
    assert more > 10 and more_starts(ratio, 6, 0.5) == 0
    assert 0 < more_starts(ratio, 6, 0.1) < more
    few = over_starts([1.0, 1.001, 1.002])
    assert more_starts(few, 3, 0.1) == LEAST_STARTS - 3, "narrow by luck"
    assert more_starts(Interval.of(1.0), 1, 0.1) == LEAST_STARTS - 1
