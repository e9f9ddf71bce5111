"""Curves as they are smoothed; those of long runs at chosen places."""

import numpy as np
import pytest

from harness.statistics import smoothing
from harness.statistics.smoothing import smooth

STEPS = 60_000


def falling(seed: int = 0) -> np.ndarray:
    step = np.arange(STEPS)
    level = 0.1 + 0.7 * np.exp(-10 * step / STEPS)
    return level * np.random.default_rng(seed).lognormal(0, 0.25, STEPS)


def everywhere(values: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    with monkeypatch.context() as patch:
        patch.setattr(smoothing, "LONG", STEPS)
        return smooth(values)


def test_a_short_run_is_smoothed_by_a_median_then_a_mean_over_a_fortieth():
    values = np.arange(120.0)[None]
    values[0, 60] = 1000.0
    # Medians of three: 0.5 1 2 ... 57 58 59 61 62 62 63 ..., 118.5; then their means.
    expected = np.arange(120.0)
    expected[[0, 1, 118, 119]] = [0.75, 3.5 / 3, 119 - 3.5 / 3, 118.25]
    expected[59:63] = [178 / 3, 182 / 3, 185 / 3, 187 / 3]
    assert smooth(values)[0] == pytest.approx(expected, rel=1e-12)
    assert smooth(values[:, 55:65]).tolist() == values[:, 55:65].tolist(), "a window of one"


def test_a_long_run_is_smoothed_as_a_short_one_is(monkeypatch):
    values = np.stack([falling(0), falling(1)])
    smoothed, expected = smooth(values), everywhere(values, monkeypatch)
    assert smoothed.shape == values.shape
    assert np.abs(smoothed - expected).max() < 0.005 * expected.max()
    assert not np.array_equal(smoothed, expected)


def test_where_every_step_is_a_place_a_long_run_is_smoothed_as_a_short_one_up_to_its_ends(
    monkeypatch,
):
    values = falling()[None, : smoothing.PLACES]
    short = smooth(values)
    monkeypatch.setattr(smoothing, "LONG", 100)
    np.testing.assert_allclose(smooth(values), short, rtol=1e-12)


def test_what_is_not_finite_is_skipped_and_where_nothing_else_is_nothing_is_drawn(monkeypatch):
    values = falling()[None]
    values[0, 10_000:10_500] = np.nan
    values[0, 40_000:] = np.nan
    smoothed, expected = smooth(values), everywhere(values, monkeypatch)
    differs = np.isnan(smoothed) != np.isnan(expected)
    assert np.isnan(smoothed[0, -1]) and differs.mean() < 1 / smoothing.PLACES * 2
    both = ~np.isnan(smoothed) & ~np.isnan(expected)
    assert np.abs(smoothed - expected)[both].max() < 0.1 * expected[both].max()


@pytest.mark.parametrize("count", [1, 2, 7, 8])
def test_the_median_is_numpy_s(count):
    values = np.random.default_rng(count).normal(size=count)
    assert smoothing._median(values) == np.median(values)
    assert smoothing._median(np.append(values, np.nan)) == np.median(values)
    assert np.isnan(smoothing._median(np.full(count, np.nan)))
