import math

import numpy as np
import pytest

from harness.metrics.kid import kernel, kid, kid_replicates


def by_definition(x, y):
    """arXiv:1801.01401, section 4, term by term."""

    def k(a, b):
        return (a @ b / len(a) + 1) ** 3

    n, m = len(x), len(y)
    within_x = sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j)
    within_y = sum(k(y[i], y[j]) for i in range(m) for j in range(m) if i != j)
    across = sum(k(a, b) for a in x for b in y)
    return within_x / (n * (n - 1)) + within_y / (m * (m - 1)) - 2 * across / (n * m)


def test_kid_is_the_u_statistic_of_the_cubic_kernel():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(9, 4)), rng.normal(0.5, 1, size=(7, 4))
    assert kid(x, y) == pytest.approx(by_definition(x, y), rel=1e-12)


def test_replicates_are_the_kid_of_the_sets_without_a_block():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(45, 4)), rng.normal(0.5, 1, size=(6, 4))
    got = kid_replicates(x, y)
    expected = [by_definition(np.delete(x, b, 0), y) for b in np.array_split(np.arange(45), 20)]
    assert got.sides[0].values == pytest.approx(expected, rel=1e-9)
    expected = [by_definition(x, np.delete(y, b, 0)) for b in range(6)]
    assert got.sides[1].values == pytest.approx(expected, rel=1e-9)
    assert got.sides[0].sizes.tolist() == [3] * 5 + [2] * 15


def test_kid_is_unbiased_for_equal_distributions_at_any_count():
    rng = np.random.default_rng(2)
    scores = [kid(rng.normal(size=(6, 3)), rng.normal(size=(10, 3))) for _ in range(1000)]
    assert abs(np.mean(scores)) < 3 * np.std(scores) / math.sqrt(1000)
    assert min(scores) < 0


def test_kid_of_shifted_one_dimensional_gaussians_matches_the_moments():
    """E (xy + 1)^3 = 1 + 3 m1 + 3 m2 + m3, with m_k products of k-th moments."""

    def moments(mean):
        return np.array([1, mean, mean**2 + 1, mean**3 + 3 * mean])

    weights = np.array([1, 3, 3, 1])
    expected = (weights * (moments(0.0) - moments(0.5)) ** 2).sum()
    rng = np.random.default_rng(3)
    scores = [kid(rng.normal(size=(100, 1)), rng.normal(0.5, 1, (100, 1))) for _ in range(300)]
    assert np.mean(scores) == pytest.approx(expected, rel=0.1)


def test_float32_features_are_computed_in_float64():
    x = np.random.default_rng(4).normal(5, 1, (20, 64)).astype(np.float32)
    assert kernel(x, x).dtype == np.float64
    assert kid(x, x[::-1]) == kid(x.astype(np.float64), x[::-1].astype(np.float64))


@pytest.mark.parametrize("counts", [(0, 5), (1, 5), (5, 1)])
def test_fewer_than_two_images_have_no_score(counts):
    assert math.isnan(kid(np.ones((counts[0], 3)), np.ones((counts[1], 3))))


def test_two_images_have_a_score_but_no_replicates():
    sides = kid_replicates(np.ones((2, 3)), np.zeros((3, 3))).sides
    assert [side.sizes.tolist() for side in sides] == [[1, 1], [1, 1, 1]]
    assert np.isnan(sides[0].values).all() and len(sides[0].values) == 2
    # (1 + 1)^3 - 1 - 1 + ... of ones and zeros: 8 + 1 - 2.
    assert sides[1].values == pytest.approx([7.0] * 3)


@pytest.mark.parametrize("shapes", [((3, 4), (3, 5)), ((3, 4, 2), (3, 4)), ((3, 4), (3, 4, 2))])
def test_sets_of_different_width_are_refused(shapes):
    with pytest.raises(ValueError, match="one width"):
        kid(*map(np.ones, shapes))
