"""A step in timed pieces is the same step, and every piece has its time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from frameworks import EACH
from tiny_networks import RESNET, batch, build, decide, drawn_state, model

from backends.architecture import NormSpec
from backends.interface import PHASES, POOL_SWAP, Laps
from backends.objective import Objective

pytestmark = pytest.mark.usefixtures("tensorflow", "eager")
RATES = {"learning_rate": 1e-2, "discriminator_learning_rate": 1e-3}
ORDERS = ("generators_first", "discriminators_first", "simultaneous")


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize("order", ORDERS)
def test_a_step_in_pieces_is_the_same_step(name, order):
    # With running statistics, which a pass that is only timed must leave alone.
    norm = NormSpec("batch") if order == "simultaneous" else NormSpec()
    objective, networks = Objective(update_order=order), model(replace(RESNET, norm=norm))
    swap = decide(2, POOL_SWAP, slot=1)
    steps = [batch(seed=i, pool_a=swap, pool_b=swap, **RATES) for i in range(2)]
    whole, pieces = (build(name, networks, objective) for _ in range(2))
    for backend in (whole, pieces):
        backend.load_state(drawn_state(networks, objective))
    for step in steps:
        whole.train_step(step)
        tf.config.run_functions_eagerly(order != "generators_first")  # one in graphs is enough
        seconds = pieces.timed_step(step)
        tf.config.run_functions_eagerly(True)
        assert tuple(seconds) == PHASES
        # A pass that is timed twice may by a hiccup leave nothing for the other.
        assert all(seconds[phase] > 0 for phase in PHASES if phase != "generators_backward")
    assert pieces.losses() == pytest.approx(whole.losses(), rel=1e-10)
    expected, noise = whole.state(), networks.zero_gradients()
    for key, value in pieces.state().items():
        if key.removeprefix("adam_m/").removeprefix("adam_v/").removeprefix("average/") in noise:
            continue  # rounding, made as large as a step by Adam
        np.testing.assert_allclose(value, expected[key], rtol=1e-8, atol=1e-11, err_msg=key)


def test_a_lap_ends_when_the_device_is_done_and_the_next_begins(monkeypatch):
    clock = iter([10.0, 11.0, 13.0, 16.0, 23.0, 24.0])
    monkeypatch.setattr("backends.interface.time.perf_counter", lambda: next(clock))
    waited = []
    laps = Laps(lambda: waited.append(True))
    laps.end("host")
    laps.end("optimisers")
    laps.end("host")
    assert laps.seconds == dict.fromkeys(PHASES, 0.0) | {"host": 4.0, "optimisers": 2.0}
    assert len(waited) == 4
    laps.end("generators_backward", again="optimisers")
    assert laps.seconds["generators_backward"] == 7.0 - 2.0
    laps.begin()
    assert not any(laps.seconds.values())
