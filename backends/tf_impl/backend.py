"""The interface, TensorFlow. Read beside torch_impl/backend.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from backends.interface import (
    RECORDED,
    Batch,
    Direction,
    Model,
    Objective,
    PeakMemory,
    Runtime,
    State,
    check_state,
    state_shapes,
)
from backends.tf_impl import device, networks, weights
from backends.tf_impl.losses import Networks
from backends.tf_impl.networks import Discriminator, Generator
from backends.tf_impl.training import ImagePool, Trainer


class Backend:
    """CycleGAN in TensorFlow, compiled with tf.function. See backends.interface.Backend."""

    def __init__(self, model: Model, objective: Objective, runtime: Runtime):
        self.model, self.objective, self.runtime = model, objective, runtime
        self.device = device.configure(runtime)
        self.dtype = runtime.precision
        with tf.device(self.device):
            self.networks = Networks(
                Generator(model.g_ab, name="g_ab", dtype=self.dtype),
                Generator(model.g_ba, name="g_ba", dtype=self.dtype),
                Discriminator(model.d_a, name="d_a", dtype=self.dtype),
                Discriminator(model.d_b, name="d_b", dtype=self.dtype),
            )
            shapes = (model.shape_a, model.shape_b) * 2
            for network, shape in zip(self.networks, shapes, strict=True):
                # Keras makes variables at the first call.
                network(tf.zeros((1, *shape), self.dtype))
            pool_a = ImagePool(objective.pool_size, model.shape_a, self.dtype)
            pool_b = ImagePool(objective.pool_size, model.shape_b, self.dtype)
            self.trainer = Trainer(self.networks, objective, (pool_a, pool_b))
        self.pending: list[tf.Tensor] = []
        self._step = tf.function(self._eager_step)
        # One trace for any size. Were the channels left open, Keras would turn to XLA.
        spec_a, spec_b = (
            tf.TensorSpec((1, None, None, shape[-1]), tf.uint8)
            for shape in (model.shape_a, model.shape_b)
        )
        self._translate = {
            "ab": tf.function(lambda x: self._eager_translate(x, "ab"), (spec_a,)),
            "ba": tf.function(lambda x: self._eager_translate(x, "ba"), (spec_b,)),
        }

    def environment(self) -> dict[str, Any]:
        return device.environment(self.runtime)

    def load_state(self, state: State) -> None:
        check_state(state, state_shapes(self.model, self.objective))
        weights.load_state(self.trainer, state)

    def state(self) -> dict[str, np.ndarray]:
        return weights.read_state(self.trainer)

    def train_step(self, batch: Batch) -> None:
        self.pending.append(self._step(*self._tensors(batch)))

    def losses(self) -> np.ndarray:
        pending, self.pending = self.pending, []
        if not pending:
            return np.zeros((0, len(RECORDED)))
        return tf.stack(pending).numpy()

    def translate(self, images: np.ndarray, direction: Direction) -> np.ndarray:
        with tf.device(self.device):
            one_by_one = (
                self._translate[direction](tf.constant(images[i : i + 1]))
                for i in range(len(images))
            )
            return np.concatenate([translated.numpy() for translated in one_by_one])

    def gradients(self, batch: Batch) -> dict[str, np.ndarray]:
        real_a, real_b, decision_a, decision_b, _ = self._tensors(batch)
        real_a, real_b = self._images(real_a), self._images(real_b)
        pools = (self.trainer.pool_a.images, self.trainer.pool_b.images)
        kept = [*pools, *weights.statistics(self.networks).values()]
        before = [tf.identity(variable) for variable in kept]
        g_gradients, _, fake_a, fake_b = self.trainer.generator_backward(real_a, real_b)
        shown_a = self.trainer.pool_a.exchange(fake_a, *decision_a)
        shown_b = self.trainer.pool_b.exchange(fake_b, *decision_b)
        d_gradients, _, _ = self.trainer.discriminator_backward(real_a, real_b, shown_a, shown_b)
        for variable, value in zip(kept, before, strict=True):
            variable.assign(value)
        pairs = zip(weights.parameters(self.networks), g_gradients + d_gradients, strict=True)
        return {name: weights.to_canonical(gradient) for name, gradient in pairs}

    def activations(
        self, network: str, images: np.ndarray, training: bool = False
    ) -> dict[str, np.ndarray]:
        with tf.device(self.device):
            images = self._images(tf.constant(images))
            found = networks.activations(getattr(self.networks, network), images, training)
        return {name: tensor.numpy() for name, tensor in found.items()}

    def apply_gradients(self, gradients: State, learning_rate: float) -> None:
        names = weights.parameters(self.networks)
        given = [tf.constant(gradients[name], self.dtype) for name in names]
        rate, generators = tf.constant(learning_rate, tf.float64), len(self.trainer.generators)
        self.trainer.adam_g.apply(given[:generators], rate)
        self.trainer.adam_d.apply(given[generators:], rate)

    def synchronize(self) -> None:
        device.synchronize(self.device)

    def peak_memory(self) -> PeakMemory:
        return device.peak_memory(self.device)

    def _eager_step(self, real_a, real_b, pool_a, pool_b, learning_rate):
        real_a, real_b = self._images(real_a), self._images(real_b)
        return self.trainer.step(real_a, real_b, pool_a, pool_b, learning_rate)

    def _eager_translate(self, images: tf.Tensor, direction: Direction) -> tf.Tensor:
        network = self.networks.g_ab if direction == "ab" else self.networks.g_ba
        fakes = network(self._images(images), training=False)
        return device.to_images(fakes, self.model.rounding)

    def _tensors(self, batch: Batch):
        # Tensors, not Python values: those would make tf.function trace anew every step.
        with tf.device(self.device):
            pools = tuple(
                (tf.constant(pool.action), tf.constant(pool.slot))
                for pool in (batch.pool_a, batch.pool_b)
            )
            learning_rate = tf.constant(batch.learning_rate, tf.float64)
            return tf.constant(batch.a), tf.constant(batch.b), *pools, learning_rate

    def _images(self, images: tf.Tensor) -> tf.Tensor:
        return device.to_tensor(images, self.dtype)
