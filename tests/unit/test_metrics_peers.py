"""Frechet distance and KID beside torchmetrics on the same features."""

from __future__ import annotations

import numpy as np
import pytest

from harness.metrics.frechet import frechet_distance
from harness.metrics.kid import kid

torch = pytest.importorskip("torch")
pytest.importorskip("torchmetrics")


class Given(torch.nn.Module):
    """An extractor that is handed features already."""

    def __init__(self, width):
        super().__init__()
        self.num_features = width

    def forward(self, features):
        return features


def fed(metric, x, y):
    metric = metric.set_dtype(torch.float64)
    metric.update(torch.from_numpy(x), real=True)
    metric.update(torch.from_numpy(y), real=False)
    return metric.compute()


def peer_frechet(x, y):
    from torchmetrics.image.fid import FrechetInceptionDistance

    return float(fed(FrechetInceptionDistance(Given(x.shape[1])), x, y))


def peer_kid(x, y):
    """With one subset, as large as the sets, which is the full statistic."""
    from torchmetrics.image.kid import KernelInceptionDistance

    metric = KernelInceptionDistance(Given(x.shape[1]), subsets=1, subset_size=len(x))
    return float(fed(metric, x, y)[0])


def pooled_features(rng, count, width, shift):
    """Non-negative, skewed and correlated, as pooled activations are; float64 (count, width)."""
    mixing = np.random.default_rng(9).normal(size=(width, width)) / np.arange(1, width + 1)[:, None]
    return np.maximum(rng.normal(size=(count, width)) @ mixing + shift, 0.0)


@pytest.mark.parametrize(
    ("n", "m", "width"),
    [(300, 250, 64), (120, 140, 256), (40, 40, 512), (5, 7, 64)],
    ids=["full rank", "rank-deficient", "far fewer images than features", "a handful"],
)
def test_frechet_distance_agrees_with_torchmetrics(n, m, width):
    """Most of 1e-4 is the other side's: it takes square roots of eigenvalues, rounded about 0."""
    rng = np.random.default_rng(n)
    x, y = pooled_features(rng, n, width, 0.3), pooled_features(rng, m, width, 0.5)
    assert frechet_distance(x, y) == pytest.approx(peer_frechet(x, y), rel=1e-4)


@pytest.mark.filterwarnings("ignore:Metric `Kernel")
@pytest.mark.parametrize(("count", "width"), [(300, 64), (120, 1280), (9, 2048)])
def test_kid_agrees_with_torchmetrics_when_its_subset_is_the_whole_set(count, width):
    rng = np.random.default_rng(count)
    x = pooled_features(rng, count, width, 0.3)
    y = pooled_features(rng, count, width, 0.5)
    assert kid(x, y) == pytest.approx(peer_kid(x, y), rel=1e-4)
