"""A sigmoid behind the discriminator, a mistake that studies make on purpose, is the same one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from plant_networks import wrapped

from harness.config.load import load_experiment
from harness.studies.parity import Rung, climb
from harness.studies.parity.backend_cache import BackendCache
from harness.studies.parity.ladder import CHECKS
from harness.studies.parity.parity_case import make_case

# What a layer behind the head can touch.
TOUCHED = (Rung.ACTIVATIONS, Rung.LOSSES, Rung.GRADIENTS, Rung.TRAJECTORY)


@pytest.fixture
def cache() -> BackendCache:
    settings = ["model.discriminator_sigmoid=true", "objective.pool_size=4"]
    case = make_case(load_experiment("seasons", "smoke", settings), gradient_batches=2)
    return BackendCache(case, ("torch", "tf"))


def checks():
    return [check for check in CHECKS if check.rung in TOUCHED and check.quick]


def test_backends_agree(eager, cache):
    assert [row for row in climb(cache, checks()) if not row.passed] == []


def test_scores_are_shares(eager, cache):
    backend = cache.backend("torch", "float64")
    plain = replace(cache.case.model.d_a, sigmoid=False)
    model = replace(cache.case.model, d_a=plain, d_b=plain)
    images = cache.case.cut("d_a", 2)
    with_it = backend.activations("d_a", images)["output"]
    without = cache.backend("torch", "float64", model).activations("d_a", images)["output"]
    assert np.allclose(with_it, 1 / (1 + np.exp(-without)), rtol=1e-12)


@pytest.mark.parametrize("backend", ["torch", "tf"])
def test_one_that_is_left_out_is_a_breach(monkeypatch, eager, cache, backend):
    def init(real, self, spec, *args, **rest):
        real(self, replace(spec, sigmoid=False), *args, **rest)

    wrapped(backend, "networks.Discriminator.__init__", init)(monkeypatch)
    breach = next(row for row in climb(cache, checks()) if not row.passed)
    assert breach.check == Rung.ACTIVATIONS.label and np.isfinite(breach.measured)
