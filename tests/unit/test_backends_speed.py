"""What is done for speed changes nothing; bfloat16 changes as much as it must."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import torch
from tiny_networks import batch, build, drawn_state, model, recorded, shared

from backends import USUAL
from backends.architecture import DiscriminatorSpec, NormSpec, ResNetSpec, UNetSpec
from backends.objective import LOSS_TERMS, Objective
from backends.tf_impl import networks as of_tf
from backends.torch_impl import networks as of_torch
from harness.config.load import load_experiment
from harness.system.errors import UserError

pytestmark = pytest.mark.usefixtures("tensorflow", "eager")
IDENTITY = Objective(identity=0.5)
RATES = {"learning_rate": 1e-3, "discriminator_learning_rate": 1e-3}


@pytest.fixture(params=USUAL)
def name(request):
    return request.param


def started(name, networks, objective=IDENTITY, precision="float64"):
    backend = shared(name, networks, objective, precision)
    backend.load_state(drawn_state(networks, objective))
    return backend


# ------------------------------------------------------------------------------ passes at once


@pytest.mark.parametrize("identity", [0.5, 0.0])
def test_passes_at_once_are_the_same_as_one_by_one(name, identity, monkeypatch):
    backend = started(name, model(), Objective(identity=identity))
    together = backend.gradients(batch(count=2)), recorded(backend, batch(count=2))
    assert all(network.apart for network in backend.networks)
    for network in backend.networks:
        monkeypatch.setattr(network, "apart", False)
    alone = backend.gradients(batch(count=2)), recorded(backend, batch(count=2))
    for key, value in alone[0].items():
        assert together[0][key] == pytest.approx(value, rel=1e-9, abs=1e-12), key
    assert together[1] == pytest.approx(alone[1], rel=1e-12)


def test_a_network_of_which_images_meet_in_a_norm_is_never_given_several_batches_at_once(name):
    meeting = NormSpec("batch", affine=True)
    backend = build(
        name,
        model(
            ResNetSpec(filters=2, blocks=1, norm=meeting),
            DiscriminatorSpec(filters=2, layers=1, norm=meeting),
        ),
        IDENTITY,
    )
    assert [network.apart for network in backend.networks] == [False] * 4
    unet = UNetSpec(filters=2, depth=3, norm=meeting)
    assert not build(name, model(unet), IDENTITY).networks.g_ab.apart


# ------------------------------------------------------------------------------------- layers


@pytest.mark.parametrize("affine", [False, True])
def test_instance_norm_is_of_every_image_by_itself(affine):
    """In float32: float64 takes another way through TensorFlow."""
    draw = np.random.default_rng(1)
    x = draw.normal(3, 2, (3, 6, 5, 4)).astype(np.float32)
    scale, offset = (draw.normal(size=4) for _ in "so") if affine else (np.ones(4), np.zeros(4))
    mean, variance = x.mean((1, 2), keepdims=True), x.var((1, 2), keepdims=True)
    expected = (x - mean) / np.sqrt(variance + 1e-5) * scale + offset
    spec = NormSpec(affine=affine)
    mine, theirs = of_torch.Norm(4, spec), of_tf.Norm(spec)
    theirs.build(x.shape)
    if affine:
        mine.scale.data, mine.offset.data = (torch.tensor(each).float() for each in (scale, offset))
        theirs.set_weights([scale, offset])
    for layout in (torch.contiguous_format, torch.channels_last):
        given = torch.tensor(x).permute(0, 3, 1, 2).contiguous(memory_format=layout)
        found = mine(given).detach().permute(0, 2, 3, 1)
        np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(theirs(tf.constant(x)), expected, atol=1e-5)


# ----------------------------------------------------------------------------------- bfloat16


NETWORKS = {
    "ResNet": model(ResNetSpec(filters=4, blocks=1)),
    "U-Net, batch norm, dropout": model(
        UNetSpec(filters=4, depth=3, norm=NormSpec("batch", affine=True)),
        DiscriminatorSpec(filters=4, norm=NormSpec("batch", affine=True), layers=1),
    ),
    "turned the other way": model(ResNetSpec(filters=4, blocks=1, transposed_crop="last")),
}


@pytest.mark.parametrize("networks", NETWORKS.values(), ids=NETWORKS)
def test_bfloat16_computes_coarsely_and_stores_finely(name, networks):
    fine = started(name, networks, precision="float32")
    coarse = started(name, networks, precision="bfloat16")
    assert coarse.environment()["precision"] == "bfloat16"
    one = batch(count=2, **RATES)
    terms = {precision: recorded(backend, one) for precision, backend in
             (("fine", fine), ("coarse", coarse))}  # fmt: skip
    for term in LOSS_TERMS:
        assert terms["coarse"][term] == pytest.approx(terms["fine"][term], rel=0.15, abs=0.02)
    assert terms["coarse"] != terms["fine"]
    state = coarse.state()
    assert {array.dtype.name for key, array in state.items() if key != "step"} == {"float32"}
    # A weight of bfloat16 has the last 16 bits of its float32 zero.
    moved = state["g_ab/head/kernel"].view(np.uint32) & 0xFFFF
    assert (moved != 0).mean() > 0.9
    gradients = coarse.gradients(one)
    assert all(np.isfinite(each).all() for each in gradients.values())
    assert gradients["d_a/conv0/kernel"].dtype == np.float32


def test_bfloat16_translates_to_nearly_the_same_images(name):
    images = batch(count=2).a
    fine, coarse = (
        started(name, NETWORKS["ResNet"], precision=precision).translate(images, "ab").astype(float)
        for precision in ("float32", "bfloat16")
    )
    assert 0 < np.abs(fine - coarse).mean() < 4


def test_layers_in_bfloat16_are_handed_out_as_float32(name):
    backend = started(name, NETWORKS["ResNet"], precision="bfloat16")
    layers = backend.activations("g_ab", batch(count=1).a)
    assert {array.dtype.name for array in layers.values()} == {"float32"}


def test_a_penalty_in_bfloat16_is_refused():
    with pytest.raises(UserError, match=r"precision: bfloat16 is too coarse.*wasserstein_gp"):
        load_experiment(
            "any", "smoke", ["runtime.precision=bfloat16", "objective.adversarial=wasserstein_gp"]
        )
