"""`runtime.deterministic`: what it switches on, and that it changes nothing but rounding."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from tensorflow.python.framework import config
from tiny_networks import PATCH, batch, drawn_state, model
from torch.nn import functional as F

import backends
from backends import USUAL, tf_impl, torch_impl
from backends.architecture import ResNetSpec
from backends.interface import Runtime
from backends.objective import Objective
from backends.tf_impl import device as of_tf
from backends.torch_impl import device as of_torch
from backends.torch_impl.networks import reflect_in_pieces
from harness.config.load import load_experiment
from harness.system import provenance

pytestmark = pytest.mark.usefixtures("tensorflow")
DEVICES = {"torch": of_torch, "tf": of_tf}
VARIABLES = {"torch": "CUBLAS_WORKSPACE_CONFIG", "tf": "TF_DISABLE_SCATTER_OP_DETERMINISM"}
RATES = {"learning_rate": 1e-3, "discriminator_learning_rate": 1e-3}
# All that is padded by reflection: stem and head, a residual block, a resized convolution.
NETWORKS = model(ResNetSpec(filters=2, blocks=1, upsampling="resize_conv"), PATCH)
OBJECTIVE = Objective(pool_size=2)


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    """Whatever a test switches, the next one begins without, and so do programs that it starts."""
    for variable in VARIABLES.values():
        monkeypatch.setenv(variable, "")
        monkeypatch.delenv(variable)
    yield
    for device in DEVICES.values():
        device.set_deterministic(False)


def built(name, deterministic):
    runtime = Runtime(
        threads=provenance.default_threads(), precision="float64", deterministic=deterministic
    )
    return backends.load(name, NETWORKS, OBJECTIVE, runtime)


def in_force(name):
    if name == "tf":
        return config.is_op_determinism_enabled()
    cudnn = torch.backends.cudnn
    switches = {torch.are_deterministic_algorithms_enabled(), cudnn.deterministic}
    assert len(switches) == 1
    return switches.pop() and not cudnn.benchmark


@pytest.mark.parametrize("name", USUAL)
def test_it_is_in_force_where_it_is_asked_for_and_only_there(name):
    assert not in_force(name)
    built(name, deterministic=True)
    assert in_force(name) and os.environ[VARIABLES[name]]
    built(name, deterministic=False)
    assert not in_force(name)


def test_what_the_user_has_chosen_for_cublas_stays(monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    torch_impl.prepare(Runtime(deterministic=True))
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"


def test_without_it_no_variable_is_set():
    for package in (torch_impl, tf_impl):
        package.prepare(Runtime())
    assert not set(VARIABLES.values()) & set(os.environ)


@pytest.mark.parametrize("name", USUAL)
def test_the_environment_of_a_gpu_says_whether_it_is_in_force(name, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a GPU")
    monkeypatch.setattr(of_tf, "_gpu_name", lambda: "a GPU")
    device = DEVICES[name]
    # As it is, not as it was asked for; and a CPU is deterministic without.
    for on in (True, False):
        device.set_deterministic(on)
        asked = Runtime(device="cuda", deterministic=not on)
        assert device.environment(asked)["deterministic"] is on
        assert device.environment(Runtime())["deterministic"] is True


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("name", USUAL)
def test_steps_are_the_same_but_for_rounding_and_themselves_to_the_bit(name):
    def steps(backend):
        backend.load_state(drawn_state(NETWORKS, OBJECTIVE))
        for seed in range(2):
            backend.train_step(batch(seed, **RATES))
        return backend.losses(), backend.state()["g_ab/stem/kernel"]

    usual = steps(built(name, deterministic=False))
    backend = built(name, deterministic=True)
    for once, again, plain in zip(steps(backend), steps(backend), usual, strict=True):
        assert np.array_equal(once, again)
        np.testing.assert_allclose(once, plain, rtol=1e-9, atol=1e-12)


def test_no_gradient_of_reflection_padding_is_asked_for(monkeypatch):
    """Of all that networks are made of it is the one that CUDA has no deterministic kernel for."""
    pad = F.pad

    def watched(x, sides, mode="constant", value=None):
        assert mode != "reflect"
        return pad(x, sides, mode, value)

    backend = built("torch", deterministic=True)
    backend.load_state(drawn_state(NETWORKS, OBJECTIVE))
    monkeypatch.setattr(F, "pad", watched)
    assert all(np.isfinite(each).all() for each in backend.gradients(batch()).values())
    of_torch.set_deterministic(False)
    with pytest.raises(AssertionError):
        backend.gradients(batch())


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("padding", [0, 1, 3])
def test_reflection_in_pieces_is_reflection(layout, padding):
    draw = np.random.default_rng(padding)
    images, weights = draw.normal(size=(2, 3, 7, 5)), draw.normal(size=(2, 3, 7, 5))
    weights = np.pad(weights, [(0, 0), (0, 0), (padding, padding), (padding, padding)], "wrap")

    def both(reflect):
        x = torch.tensor(images).contiguous(memory_format=layout).requires_grad_()
        y = reflect(x)
        (y * torch.tensor(weights)).sum().backward()
        return y.detach(), x.grad

    sides = (padding,) * 4
    expected, expected_gradient = both(lambda x: F.pad(x, sides, mode="reflect"))
    found, gradient = both(lambda x: reflect_in_pieces(x, padding))
    assert torch.equal(found, expected)
    assert found.is_contiguous(memory_format=layout) or not padding
    torch.testing.assert_close(gradient, expected_gradient, rtol=0, atol=1e-12)
    mirrored = np.pad(images, [(0, 0), (0, 0), (padding, padding), (padding, padding)], "reflect")
    assert np.array_equal(found.numpy(), mirrored)


def test_it_is_a_key_of_the_configuration():
    assert load_experiment("any", "smoke", []).runtime.deterministic is False
    asked = load_experiment("any", "smoke", ["runtime.deterministic=true"])
    assert Runtime(**asked.runtime.model_dump()).deterministic is True
