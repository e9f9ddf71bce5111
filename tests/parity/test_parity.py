"""The two backends compute the same, and a backend that does not is caught."""

import pytest

from harness.config import load_experiment
from harness.consistency import parity, tolerances
from harness.consistency.parity import Row, make_subject
from harness.records import read_json


@pytest.mark.parametrize("check", [check.__name__ for check in parity.CHECKS])
def test_backends_agree(rows, check):
    found = [row for row in rows if row.check == check]
    assert found
    assert [row for row in found if not row.passed] == []


def test_tolerances_are_no_wider_than_promised():
    assert tolerances.OUTPUT <= 1e-5
    assert tolerances.LOSS <= 1e-6
    assert tolerances.GRADIENT <= 1e-4
    assert tolerances.TRAJECTORY <= 1e-5


def test_zero_gradient_biases_are_checked_not_skipped(rows):
    checked = [row for row in rows if ", zero " in row.what]
    assert {("torch," in row.what, "float64" in row.what) for row in checked} == {
        (True, True),
        (True, False),
        (False, True),
        (False, False),
    }


def test_the_subject_uses_every_pool_action_and_no_empty_state():
    subject = make_subject(load_experiment("seasons", "smoke", []))
    actions = {int(batch.pool_a.action[0]) for batch in subject.batches}
    assert actions == {0, 1, 2}
    assert all(array.any() for array in subject.state.values())
    assert len({batch.learning_rate for batch in subject.batches}) > 1


def test_a_row_with_nan_is_a_breach_and_null_in_json(tmp_path):
    row = Row("losses", "x", float("nan"), 1.0)
    assert not row.passed
    parity.write_rows([row], tmp_path / "parity.json")
    [written] = read_json(tmp_path / "parity.json")["rows"]
    assert written["measured"] is None and written["passed"] is False


# -------------------------------------------------------------------- planted defects


def torch_norm_epsilon(monkeypatch):
    from backends.torch_impl import networks

    real = networks.instance_norm
    monkeypatch.setattr(networks, "instance_norm", lambda x, epsilon: real(x, 1e-3))


def tf_padding_on_the_wrong_side(monkeypatch):
    import keras
    import tensorflow as tf

    from backends.tf_impl import networks

    def call(self, x):
        p = self.zeros
        # As SAME does at stride 2: less before, more after.
        padded = tf.pad(x, [[0, 0], [0, 2 * p], [0, 2 * p], [0, 0]]) if p else x
        return keras.layers.Conv2D.call(self, padded)

    monkeypatch.setattr(networks.Conv, "call", call)


def tf_transposed_crop_of_the_last_row(monkeypatch):
    import keras

    from backends.tf_impl import networks

    def call(self, x):
        return keras.layers.Conv2DTranspose.call(self, x)[:, :-1, :-1, :]

    monkeypatch.setattr(networks.ConvTranspose, "call", call)


def torch_lambda_5_percent_off(monkeypatch):
    from dataclasses import replace

    from backends.torch_impl import training

    real = training.generator_losses
    monkeypatch.setattr(
        training,
        "generator_losses",
        lambda n, o, a, b: real(n, replace(o, lambda_a=o.lambda_a * 1.05), a, b),
    )


def tf_adam_epsilon_of_keras(monkeypatch):
    from backends.tf_impl import training

    real = training.Adam.__init__

    def init(self, parameters, objective):
        real(self, parameters, objective)
        self.epsilon = 1e-7

    monkeypatch.setattr(training.Adam, "__init__", init)


def tf_pool_missing(monkeypatch):
    from backends.tf_impl import training

    monkeypatch.setattr(training.ImagePool, "exchange", lambda self, fakes, action, slot: fakes)


def torch_fakes_not_detached_order_of_updates_swapped(monkeypatch):
    from backends.torch_impl import training

    real = training.Trainer.step

    def step(self, real_a, real_b, pool_a, pool_b, learning_rate):
        # Discriminators first, as some code bases do.
        fakes = [network(x).detach() for network, x in
                 ((self.networks.g_ba, real_b), (self.networks.g_ab, real_a))]  # fmt: skip
        self.discriminator_backward(real_a, real_b, *fakes)
        self.adam_d.apply(learning_rate)
        return real(self, real_a, real_b, pool_a, pool_b, learning_rate)

    monkeypatch.setattr(training.Trainer, "step", step)


def torch_halving_forgotten(monkeypatch):
    from backends.torch_impl import training

    real = training.discriminator_losses

    def doubled(discriminator, real_images, fake):
        losses = real(discriminator, real_images, fake)
        return losses._replace(total=2 * losses.total)

    monkeypatch.setattr(training, "discriminator_losses", doubled)


def torch_truncates_in_place_of_rounding(monkeypatch):
    import torch

    monkeypatch.setattr(torch, "round", torch.floor)


def tf_leaky_slope_of_keras(monkeypatch):
    import tensorflow as tf

    real = tf.nn.leaky_relu
    monkeypatch.setattr(tf.nn, "leaky_relu", lambda x, alpha: real(x, 0.3))


DEFECTS = {
    torch_norm_epsilon: parity.gradients,
    tf_padding_on_the_wrong_side: parity.outputs,
    tf_transposed_crop_of_the_last_row: parity.outputs,
    torch_lambda_5_percent_off: parity.gradients,
    tf_adam_epsilon_of_keras: parity.trajectory,
    tf_pool_missing: parity.trajectory,
    torch_fakes_not_detached_order_of_updates_swapped: parity.trajectory,
    torch_halving_forgotten: parity.gradients,
    torch_truncates_in_place_of_rounding: parity.outputs,
    tf_leaky_slope_of_keras: parity.losses,
}


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.__name__)
def test_a_planted_defect_is_caught(monkeypatch, defect):
    subject = make_subject(load_experiment("seasons", "smoke", []))
    defect(monkeypatch)
    rows = list(DEFECTS[defect](subject, "torch", "tf"))
    assert any(not row.passed for row in rows)
