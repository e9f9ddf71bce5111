"""The ladder climbs on small images; here is one step, and twenty, as a user takes them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import backends
from backends.interface import Runtime
from backends.objective import LOSS_TERMS
from harness.config.load import load_experiment
from harness.data.seasons import render
from harness.plan.initial_weights import initial_state
from harness.plan.plan import make_plan
from harness.system import provenance

SCENES, STEPS = 4, 20


@pytest.fixture(scope="module")
def trained():
    """Losses by precision and backend, of the preset's own images, batch and learning rate."""
    experiment = load_experiment("seasons", "smoke", ["data.crop_size=64", "data.load_size=72"])
    size = experiment.data.load_size
    summer = np.stack([render(scene, "summer", size) for scene in range(SCENES)])
    winter = np.stack([render(scene, "winter", size) for scene in range(10, 10 + SCENES)])
    plan = make_plan(experiment, 0, SCENES, SCENES)
    model, objective = experiment.networks(), experiment.loss()
    found = {}
    for precision, steps in (("float32", 1), ("float64", min(STEPS, plan.steps))):
        for name in ("torch", "tf"):
            runtime = Runtime(threads=provenance.default_threads(), precision=precision)
            backend = backends.load(name, model, objective, runtime)
            backend.load_state(initial_state(model, objective, 0))
            for step in range(steps):
                backend.train_step(plan.batch(step, summer, winter))
            found[precision, name] = backend.losses()[:, : len(LOSS_TERMS)]
    return found


def apart(trained, precision):
    one, two = (trained[precision, name].astype(float) for name in ("torch", "tf"))
    return np.abs(one - two) / np.abs(one)


def test_losses_of_the_first_step(trained):
    assert apart(trained, "float32").max() < 1e-6


def test_losses_of_twenty_steps_in_float64(trained):
    found = apart(trained, "float64")
    assert len(found) == STEPS
    assert found.max() < 1e-5


@pytest.mark.parametrize("option", ["channels_last", "onednn"])
def test_gradients_of_one_image_are_the_same_by_other_kernels(option):
    """TensorFlow's kernels are chosen once a process: `cyclebench consistency` compares those."""
    experiment = load_experiment("seasons", "smoke", [])
    model, objective = experiment.networks(), experiment.loss()
    scenes = [render(0, season, experiment.data.load_size)[None] for season in ("summer", "winter")]
    batch = make_plan(experiment, 0, 1, 1).batch(0, *scenes)
    usual = Runtime(threads=provenance.default_threads(), precision="float64", channels_last=True)
    found = []
    for runtime in (usual, replace(usual, **{option: not getattr(usual, option)})):
        backend = backends.load("torch", model, objective, runtime)
        backend.load_state(initial_state(model, objective, 0))
        found.append(backend.gradients(batch))
    backends.load("torch", model, objective, usual)  # puts the process back into its usual state
    one, two = found
    for name in one.keys() - model.zero_gradients():
        assert np.linalg.norm(one[name] - two[name]) <= 1e-12 * np.linalg.norm(one[name]), name
