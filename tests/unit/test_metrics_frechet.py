import math

import numpy as np
import pytest
from scipy import linalg

from harness.metrics.frechet import frechet_distance, frechet_replicates
from harness.statistics.intervals import blocks_of


def gaussian(covariance, mean, count, seed):
    """Samples whose empirical mean and unbiased covariance are exactly the given ones."""
    raw = np.random.default_rng(seed).normal(size=(count, len(mean)))
    raw -= raw.mean(axis=0)
    white = raw @ linalg.inv(linalg.cholesky(raw.T @ raw / (count - 1)))
    return white @ linalg.cholesky(np.asarray(covariance, float)) + mean


def test_diagonal_gaussians_match_the_closed_form():
    one, other = np.array([1.0, 4.0, 9.0]), np.array([4.0, 4.0, 0.25])
    means = np.array([0.0, 1.0, 2.0]), np.array([3.0, 1.0, -2.0])
    x, y = gaussian(np.diag(one), means[0], 40, 0), gaussian(np.diag(other), means[1], 25, 1)
    expected = ((means[0] - means[1]) ** 2).sum() + ((one**0.5 - other**0.5) ** 2).sum()
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-12)


def test_full_covariances_match_the_matrix_square_root():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(60, 8)) @ rng.normal(size=(8, 8)) + 3
    y = rng.normal(size=(45, 8)) @ rng.normal(size=(8, 8))
    cx, cy = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = linalg.sqrtm(cx @ cy).real
    gap = x.mean(axis=0) - y.mean(axis=0)
    assert frechet_distance(x, y) == pytest.approx(
        gap @ gap + np.trace(cx + cy - 2 * root), rel=1e-9
    )


def test_rank_deficient_sets_are_exact():
    """Two samples on one line each: covariances of rank one, correlation of the lines known."""
    x, y = np.zeros((2, 50)), np.zeros((2, 50))
    x[0, 0], x[1, 0] = 1.0, -1.0
    y[0, :2], y[1, :2] = [0.6, 0.8], [-0.6, -0.8]
    assert frechet_distance(x, y) == pytest.approx(2 + 2 - 2 * 2 * 0.6, abs=1e-12)


def test_more_rows_than_columns_agrees_with_the_same_data_padded_to_be_wide():
    x, y = np.random.default_rng(3).normal(size=(2, 30, 6))
    wide = [np.hstack([one, np.zeros((30, 60))]) for one in (x, 2 * y)]
    assert frechet_distance(x, 2 * y) == pytest.approx(frechet_distance(*wide), rel=1e-12)


def test_distance_of_a_set_to_itself_is_zero_and_a_common_shift_changes_nothing():
    x, y = np.random.default_rng(4).normal(size=(2, 20, 100))
    assert frechet_distance(x, x) < 1e-12 * (x**2).sum()
    assert frechet_distance(x + 50, y + 50) == pytest.approx(frechet_distance(x, y), rel=1e-9)


def test_float32_features_are_computed_in_float64():
    x, y = np.random.default_rng(5).normal(100, 0.1, size=(2, 20, 64)).astype(np.float32)
    exact = frechet_distance(x.astype(np.float64), y.astype(np.float64))
    assert frechet_distance(x, y) == pytest.approx(exact, rel=1e-12)


def test_replicates_are_the_distances_of_the_sets_without_a_block():
    x, y = np.random.default_rng(6).normal(size=(2, 41, 5))
    got = frechet_replicates(x, y[:7])
    assert got.value == frechet_distance(x, y[:7])
    assert got.sides[0].values[0] == frechet_distance(x[3:], y[:7])
    assert got.sides[0].values[-1] == frechet_distance(x[:-2], y[:7])
    assert got.sides[1].values[2] == frechet_distance(x, y[[0, 1, 3, 4, 5, 6]])
    assert [len(side.values) for side in got.sides] == [20, 7]


@pytest.mark.parametrize("shift", [0.0, 50.0])
def test_replicates_of_fewer_rows_than_columns_are_the_same_distances(shift):
    x, y = np.random.default_rng(7).normal(shift, 1, size=(2, 41, 90))
    got = frechet_replicates(x, 0.5 * y[:33])
    expected = [
        [frechet_distance(np.delete(x, b, 0), 0.5 * y[:33]) for b in blocks_of(41)],
        [frechet_distance(x, 0.5 * np.delete(y[:33], b, 0)) for b in blocks_of(33)],
    ]
    for side, values in zip(got.sides, expected, strict=True):
        assert side.values == pytest.approx(values, rel=1e-10)


def test_replicates_of_sets_near_each_other_are_below_one_too():
    x, y = np.random.default_rng(8).normal(0, 0.01, size=(2, 6, 20))
    got = frechet_replicates(x, y)
    expected = [frechet_distance(np.delete(x, row, 0), y) for row in range(6)]
    assert 0 < max(expected) < 0.1 and got.sides[0].values == pytest.approx(expected, rel=1e-10)


def test_replicates_against_two_images_are_distances():
    x, y = np.random.default_rng(9).normal(size=(2, 6, 9))
    got = frechet_replicates(x, y[:2]).sides[0].values
    expected = [frechet_distance(np.delete(x, row, 0), y[:2]) for row in range(6)]
    assert got == pytest.approx(expected, rel=1e-10) and np.isfinite(got).all()


def test_fewer_than_two_images_have_no_distance():
    for counts in ((1, 5), (5, 1)):
        assert math.isnan(frechet_distance(*(np.ones((count, 4)) for count in counts)))
    # Two rows: what is left out leaves one, and the others stay a set.
    pair = frechet_replicates(np.array([[0.0, 1, 0], [2, 1, 0]]), np.zeros((2, 3)))
    assert pair.value == pytest.approx(1 + 1 + 2)
    assert [np.isnan(side.values).tolist() for side in pair.sides] == [[True, True]] * 2
    few = frechet_replicates(np.ones((1, 4)), np.ones((3, 4)))
    assert all(np.isnan(side.values).all() for side in few.sides)


@pytest.mark.parametrize("shapes", [((3, 4), (3, 5)), ((3, 4, 2), (3, 4)), ((3, 4), (3, 4, 2))])
def test_sets_of_different_width_are_refused(shapes):
    with pytest.raises(ValueError, match="one width"):
        frechet_distance(*map(np.ones, shapes))
