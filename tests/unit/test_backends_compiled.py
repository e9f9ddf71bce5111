"""With `runtime.compile` both backends compute what they compute without."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import torch
from tiny_networks import SHALLOW, SIZE, batch, build, decide, drawn_state, model

from backends import USUAL
from backends.interface import POOL_SWAP
from backends.objective import Objective
from harness.config.load import load_experiment
from harness.system.errors import UserError

COMPILED = {"torch": "torch.compile, default", "tf": "tf.function with XLA"}
RATES = {"learning_rate": 1e-2, "discriminator_learning_rate": 1e-3}


@pytest.fixture
def captured(monkeypatch):
    """torch.compile without its last stage, which writes C++ and takes most of a minute."""
    compile_with = torch.compile

    def without_code(function, mode, dynamic):
        assert mode == "default"
        return compile_with(function, backend="aot_eager", dynamic=dynamic)

    monkeypatch.setattr(torch, "compile", without_code)


@pytest.mark.usefixtures("captured", "eager")
@pytest.mark.parametrize("name", USUAL)
def test_compiled_steps_are_the_same_steps(name):
    # XLA takes seconds for every layer.
    objective, networks = Objective(identity=0), model(SHALLOW) if name == "tf" else model()
    plain, compiled = (build(name, networks, objective, compiled=c) for c in ("none", "default"))
    assert compiled.environment()["compiled"] == COMPILED[name] != plain.environment()["compiled"]
    for backend in (plain, compiled):
        backend.load_state(drawn_state(networks, objective))
    swap = decide(2, POOL_SWAP, slot=1)
    for i in range(2):
        step = batch(seed=i, pool_a=swap, pool_b=swap, **RATES)
        plain.train_step(step)
        tf.config.run_functions_eagerly(False)
        compiled.train_step(step)
        tf.config.run_functions_eagerly(True)
    assert compiled.losses() == pytest.approx(plain.losses(), rel=1e-10)
    expected, noise = plain.state(), networks.zero_gradients()
    for key, value in compiled.state().items():
        if key.removeprefix("adam_m/").removeprefix("adam_v/") not in noise:
            np.testing.assert_allclose(value, expected[key], rtol=1e-8, atol=1e-11, err_msg=key)
    images = np.random.default_rng(2).integers(256, size=(2, SIZE, SIZE, 3), dtype=np.uint8)
    layers = [backend.activations("g_ab", images) for backend in (plain, compiled)]
    assert list(layers[0]) == list(layers[1]) and "up1_norm" in layers[1]


def test_what_is_differentiated_twice_is_not_compiled():
    asked = ["runtime.compile=default", "objective.adversarial=wasserstein_gp"]
    with pytest.raises(UserError, match=r"runtime.compile: default cannot.*wasserstein_gp"):
        load_experiment("any", "smoke", asked)
