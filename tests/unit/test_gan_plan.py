"""What a GAN's configuration and plan say."""

from __future__ import annotations

import numpy as np
import pytest

from backends.gan import GanModel
from harness.config.experiment import GanExperiment
from harness.config.load import load_any, load_experiment
from harness.plan.gan_plan import make_gan_plan
from harness.plan.initial_weights import initial_state
from harness.plan.plan import total_steps
from harness.plan.step_cost import step_flops
from harness.system.errors import UserError

SMALL = ["training.batch_size=4", "training.steps=30"]


def experiment(*overrides: str) -> GanExperiment:
    loaded = load_any("digits", "gan-mnist-vanilla", [*SMALL, *overrides])
    assert isinstance(loaded, GanExperiment)
    return loaded


def test_every_image_is_shown_before_one_is_shown_again():
    plan = make_gan_plan(experiment(), 0, 10, 99)
    shown = plan.shown.index.ravel()
    assert plan.steps == 30 and plan.shown.index.shape == (30, 4)
    for start in range(0, 120, 10):
        assert sorted(shown[start : start + 10]) == list(range(10))


def test_noise_is_normal_new_in_every_step_and_of_the_seed_alone():
    images = np.zeros((10, 28, 28, 1), np.uint8)
    one, other = (make_gan_plan(experiment(), seed, 10, 10) for seed in (0, 1))
    batches = [one.batch(step, images, images) for step in range(30)]
    drawn = np.concatenate([x.ravel() for batch in batches for x in (batch.noise_d, batch.noise_g)])
    assert abs(drawn.mean()) < 0.02 and abs(drawn.std() - 1) < 0.02
    assert len(np.unique(drawn)) == len(drawn)
    again = make_gan_plan(experiment("training.steps=60"), 0, 10, 10).batch(7, images, images)
    assert np.array_equal(again.noise_g, batches[7].noise_g)
    assert not np.array_equal(other.batch(7, images, images).noise_g, batches[7].noise_g)
    assert np.array_equal(one.test_noise(9)[:5], one.test_noise(5))


def test_an_epoch_is_one_of_domain_a():
    whole = load_any("digits", "gan-mnist-vanilla", ["training.steps=null", "training.batch_size=4",
                                                     "training.epochs_constant=3",
                                                     "training.epochs_decay=0"])  # fmt: skip
    assert total_steps(whole, 40, 4000) == 30


def test_weights_are_drawn_as_asked_for_and_biases_are_zero():
    asked = experiment("model.hidden=[300]")
    model = asked.networks()
    state = initial_state(model, asked.loss(), 0, "glorot_uniform")
    kernel = state["g/dense0/kernel"]
    limit = (6 / (100 + 300)) ** 0.5
    assert 0.99 * limit < np.abs(kernel).max() <= limit
    assert not state["g/dense0/bias"].any() and state["step"] == 0
    normal = initial_state(model, asked.loss(), 0, "normal")["g/dense0/kernel"]
    assert normal.std() == pytest.approx(0.02, rel=0.02)


def test_operations_of_a_step_are_counted():
    model = GanModel((2, 2, 1), noise=3, hidden=(5,), discriminator_hidden=(7,))
    # Multiply-adds: 35 in a pass of the generator (15 and 20), 35 of the discriminator (28 and 7).
    # Discriminator: samples made, twice judged, and back to its kernels (35 + 7), not to images.
    # Generator: made, judged, back through the discriminator, then to its own kernels (35 + 20).
    of_d, of_g = 35 + 2 * (35 + 42), 35 + 35 + 35 + 55
    assert model.step_flops(batch=6) == 2 * 6 * (of_d + of_g)
    assert step_flops(experiment()) == experiment().networks().step_flops(4)


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("model.blocks=3", r"model.blocks: unknown key .*; allowed: noise, hidden"),
        ("objective.adversarial=hinge", "objective.adversarial"),
        ("training.pairing=zip", "training.pairing: a GAN has no pairs"),
        ("runtime.replicas=2", "runtime.replicas: 2: a GAN trains on one"),
        ("runtime.precision=bfloat16", "runtime.precision: bfloat16: a GAN"),
        ("data.crop_size=32", "data.crop_size: 32 is larger than data.load_size, 28"),
        ("evaluation.primary=kid_efflite0", "one of kid_judge, class_distance, clear_share"),
        ("model.hidden=[0]", "model.hidden"),
        ("kind.x=1", "write section.key=value"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(override, says):
    with pytest.raises(UserError, match=says):
        experiment(override)


def test_margins_of_a_gan_can_be_set_one_by_one():
    margins = experiment("evaluation.margins.clear_share=0.1").evaluation.margins
    assert margins == {"kid_judge": 1.25, "class_distance": 0.05, "clear_share": 0.1}


def test_what_is_for_cyclegans_refuses_it():
    with pytest.raises(UserError, match="preset gan-mnist-vanilla: its model is no CycleGAN"):
        load_experiment(None, "gan-mnist-vanilla", [])
