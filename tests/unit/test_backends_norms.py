"""Norms of a whole batch by one kernel, as on a GPU, and of every image by itself."""

from __future__ import annotations

import importlib
from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from tiny_networks import (
    RESNET,
    batch,
    build,
    drawn_state,
    model,
)

import backends
from backends import USUAL
from backends.architecture import NormSpec
from backends.objective import Objective
from backends.tf_impl import networks as tf_networks
from backends.tf_impl.networks import image_by_image, whole_batch
from backends.torch_impl import networks as torch_networks


def normalised(function, x, scale, offset, weights, compiled):
    """What comes out, and the gradients of a weighted sum of it."""

    def both(x, scale, offset):
        given = [each for each in (x, scale, offset) if each is not None]
        with tf.GradientTape() as tape:
            tape.watch(given)
            y = function(x, scale, offset, 1e-5)
            total = tf.reduce_sum(tf.cast(y, "float32") * weights)
        return [y, *tape.gradient(total, given)]

    both = tf.function(both, jit_compile=True) if compiled else both
    return [tf.cast(each, "float32").numpy() for each in both(x, scale, offset)]


@pytest.mark.usefixtures("tensorflow")
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_instance_norm_of_a_whole_batch_is_that_of_every_image(count, affine, precision):
    """Through XLA, since only there TensorFlow has a kernel on the CPU for channels first."""
    draw = np.random.default_rng(count)
    x = tf.cast(draw.normal(3, 2, (count, 6, 5, 4)), precision)
    weights = tf.constant(draw.normal(size=x.shape), "float32")
    scale, offset = (tf.constant(draw.normal(size=4), "float32") for _ in "so")
    parameters = (scale, offset) if affine else (None, None)
    expected = normalised(image_by_image, x, *parameters, weights, compiled=False)
    found = normalised(whole_batch, x, *parameters, weights, compiled=True)
    if not affine and precision == "float32":
        with_zeros = partial(whole_batch, zeros=tf.zeros(4))
        again = normalised(with_zeros, x, *parameters, weights, compiled=True)
        np.testing.assert_array_equal(again[0], found[0])
    tolerance = 2e-5 if precision == "float32" else 0.04
    assert len(found) == len(expected) == (4 if affine else 2)
    for one, two in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, two, rtol=tolerance, atol=tolerance * np.abs(two).max())
    if precision == "bfloat16" or count == 1:  # what the CPU has kernels for
        eager = normalised(whole_batch, x, *parameters, weights, compiled=False)
        for one, two in zip(eager, expected, strict=True):
            np.testing.assert_allclose(one, two, rtol=tolerance, atol=tolerance * np.abs(two).max())


@pytest.mark.usefixtures("tensorflow")
@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("unbiased", [False, True])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_batch_norm_by_one_kernel_is_that_by_several_operations(count, unbiased, precision):
    draw = np.random.default_rng(count)
    x = tf.cast(draw.normal(3, 2, (count, 6, 5, 4)), precision)
    weights = tf.constant(draw.normal(size=x.shape), "float32")
    spec, found = NormSpec(kind="batch", affine=True, momentum=0.1, unbiased=unbiased), []
    for whole in (False, True):
        norm = tf_networks.Norm(spec, dtype="mixed_bfloat16" if precision == "bfloat16" else None)
        norm.build(x.shape)
        norm.kernels = tf_networks.Kernels(whole_batch=whole)
        norm.scale.assign([1.0, 2.0, -1.0, 0.5])
        norm.offset.assign([0.0, 1.0, 2.0, 3.0])
        inside = [norm.scale.value, norm.offset.value]
        with tf.GradientTape() as tape:
            tape.watch([x, *inside])
            y = norm(x, training=True)
            total = tf.reduce_sum(tf.cast(y, "float32") * weights)
        assert y.dtype == precision
        kept = (norm.mean.value, norm.variance.value)
        found.append(
            [tf.cast(each, "float64") for each in (y, *kept, *tape.gradient(total, [x, *inside]))]
        )
    # In bfloat16 the one kernel rounds what it puts out, and so did the last of the operations.
    tolerance = 2e-5 if precision == "float32" else 0.03
    for several, one in zip(*found, strict=True):
        size = np.abs(several).max()
        np.testing.assert_allclose(one, several, rtol=tolerance, atol=tolerance * size)
    moved = np.abs(found[0][2].numpy() - 1).max()  # of the variance, at the first step
    assert moved > 0.1


@pytest.mark.usefixtures("tensorflow")
@pytest.mark.parametrize("count", [1, 4])
def test_it_is_one_kernel_whatever_the_batch(count):
    spec = tf.TensorSpec((count, 6, 5, 4), "float32")
    traced = tf.function(lambda x: whole_batch(x, None, None, 1e-5)).get_concrete_function(spec)
    kinds = [operation.type for operation in traced.graph.get_operations()]
    assert kinds.count("FusedBatchNormV3") == 1
    assert ("Transpose" in kinds) is (count > 1)


@pytest.mark.parametrize("name", USUAL)
def test_a_networks_norms_are_told_how(name):
    """By default, on the CPU, image by image."""
    backend = build(name, model(RESNET), Objective(identity=0), "float32")
    backend.load_state(drawn_state(model(RESNET), Objective(identity=0)))
    network = backend.networks.g_ab
    weights = importlib.import_module(f"backends.{name}_impl.weights")
    module = torch_networks if name == "torch" else backends.tf_impl.networks
    layers = network.modules() if name == "torch" else network._flatten_layers()
    norms = [layer for layer in layers if isinstance(layer, module.Norm)]
    assert len(norms) == 5 and {norm.kernels for norm in norms} == {module.Kernels()}
    statistics, parameters = (
        len(each(backend.networks)) for each in (weights.statistics, weights.parameters)
    )
    module.use_kernels(network, module.Kernels(whole_batch=True))
    assert {norm.kernels for norm in norms} == {module.Kernels(whole_batch=True)}
    assert len(weights.statistics(backend.networks)) == statistics
    assert len(weights.parameters(backend.networks)) == parameters
    images = batch(count=1).a
    found = backend.activations("g_ab", images)["output"]
    module.use_kernels(network, module.Kernels())
    np.testing.assert_allclose(found, backend.activations("g_ab", images)["output"], atol=1e-5)


@pytest.mark.usefixtures("tensorflow")
def test_behind_a_norm_of_a_whole_batch_comes_an_operation_that_turns_the_layout():
    """Also where there is no offset to add; else there would be four times as many transposes."""
    network = build("tf", model(RESNET), Objective(identity=0), "float32").networks.g_ab
    networks = backends.tf_impl.networks
    networks.use_kernels(network, networks.Kernels(whole_batch=True))
    spec = tf.TensorSpec((4, 16, 16, network.stem_norm.channels), "float32")
    traced = tf.function(network.stem_norm).get_concrete_function(spec)
    kinds = [operation.type for operation in traced.graph.get_operations()]
    assert kinds.count("FusedBatchNormV3") == kinds.count("BiasAdd") == 1
    assert "ReadVariableOp" in kinds, "what is constantly zero is left out"
