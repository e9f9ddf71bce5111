"""A GAN of dense layers, TensorFlow. Read beside torch_impl/gan.py.

Images are rows of their values, NHWC, in [-1, 1]; attribute names are the canonical layer names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from keras import Model, layers
from tensorflow import Tensor

from backends.gan import RECORDED, DenseLayer, GanBatch, GanModel, GanObjective, check_runtime
from backends.interface import PeakMemory, Peaks, Runtime, State, check_state
from backends.model import levels
from backends.tf_impl import device, networks, weights
from backends.tf_impl.losses import adversarial, adversarial_of_generator, at_once
from backends.tf_impl.networks import leaky_relu, nothing_to_build
from backends.tf_impl.training import Adam, variables


class Networks(NamedTuple):
    g: Model
    d: Model


class Network(Model):
    """Dense layers with LeakyReLU in between. `tanh`: behind the head, which a generator has."""

    build = nothing_to_build

    def __init__(self, table: tuple[DenseLayer, ...], slope: float, tanh: bool, **rest):
        super().__init__(**rest)
        self.slope, self.tanh, dtype = slope, tanh, self.dtype_policy
        self.hidden = [layer.name for layer in table[:-1]]
        for layer in table:
            setattr(self, layer.name, layers.Dense(layer.outputs, name=layer.name, dtype=dtype))

    def call(self, x: Tensor, training: bool = True) -> Tensor:
        """(N, inputs) to (N, outputs)."""
        for name in self.hidden:
            x = leaky_relu(getattr(self, name)(x), self.slope)
        x = self.head(x)
        return tf.tanh(x) if self.tanh else x


class Trainer:
    """Gradients and updates of the generator and the discriminator."""

    average, pools = None, {}  # a GAN has none

    def __init__(self, networks: Networks, objective: GanObjective):
        self.networks, self.objective = networks, objective
        clip = objective.clip if objective.adversarial == "wasserstein" else None
        self.adam_g = Adam(variables(networks.g), objective)
        self.adam_d = Adam(variables(networks.d), objective, clip)

    def discriminator_backward(self, real: Tensor, noise: Tensor) -> tuple[list[Tensor], list]:
        """Returns gradients of the discriminator, and RECORDED values but the generator's loss."""
        kind, middle, (g, d) = self.objective.adversarial, self.objective.middle, self.networks
        fake = g(noise)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.adam_d.parameters)
            real_scores, fake_scores = at_once(d, real, fake)
            total = adversarial(kind, real_scores, True) + adversarial(kind, fake_scores, False)
        gradients = tape.gradient(total, self.adam_d.parameters)
        accuracy_real = tf.reduce_mean(tf.cast(real_scores > middle, total.dtype))
        accuracy_fake = tf.reduce_mean(tf.cast(fake_scores < middle, total.dtype))
        means = [tf.reduce_mean(real_scores), tf.reduce_mean(fake_scores)]
        return gradients, [total, accuracy_real, accuracy_fake, *means]

    def generator_backward(self, noise: Tensor) -> tuple[list[Tensor], Tensor]:
        """Returns gradients of the generator, and its loss."""
        g, d = self.networks
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.adam_g.parameters)
            loss = adversarial_of_generator(self.objective.adversarial, d(g(noise)))
        return tape.gradient(loss, self.adam_g.parameters), loss

    def update(self, adam: Adam, gradients: list[Tensor], learning_rate: Tensor) -> None:
        adam.apply(gradients, learning_rate)

    def step(self, batch: GanBatch) -> Tensor:
        """The discriminator's update, then the generator's; images are (N, values) in [-1, 1].

        Returns the RECORDED values, still on the device.
        """
        gradients, recorded = self.discriminator_backward(batch.images, batch.noise_d)
        self.update(self.adam_d, gradients, batch.discriminator_learning_rate)
        gradients, loss = self.generator_backward(batch.noise_g)
        self.update(self.adam_g, gradients, batch.learning_rate)
        return tf.stack([loss, *recorded])


class Backend:
    """A GAN in TensorFlow, compiled with tf.function. See backends.gan.GanBackend."""

    def __init__(self, model: GanModel, objective: GanObjective, runtime: Runtime):
        check_runtime(runtime)
        self.model, self.objective, self.runtime = model, objective, runtime
        self.device = device.configure(runtime)
        self.dtype = runtime.stored
        with tf.device(self.device):
            self.levels = tf.constant(levels(self.dtype))
            self.networks = Networks(
                Network(model.layers("g"), model.slope, tanh=True, name="g", dtype=self.dtype),
                Network(model.layers("d"), model.slope, tanh=False, name="d", dtype=self.dtype),
            )
            for network, inputs in zip(self.networks, (model.noise, model.values), strict=True):
                # Keras makes variables at the first call.
                network(tf.zeros((1, inputs), self.dtype))
            self.trainer = Trainer(self.networks, objective)
        self.pending: list[Tensor] = []
        # Without an answer TensorFlow decides by itself, which is not the same as no.
        xla = True if runtime.compile != "none" else None
        self._step: Callable = self._eager_step
        if runtime.traced or xla:
            self._step = tf.function(self._eager_step, jit_compile=xla)

    def environment(self) -> dict[str, Any]:
        return device.environment(self.runtime)

    def load_state(self, state: State) -> None:
        check_state(state, self.model.state_shapes(self.objective))
        weights.load_state(self.trainer, state)

    def state(self) -> dict[str, np.ndarray]:
        return weights.read_state(self.trainer)

    def train_step(self, batch: GanBatch) -> None:
        with tf.device(self.device):
            self.pending.append(self._step(self._tensors(batch)))

    def losses(self) -> np.ndarray:
        pending, self.pending = self.pending, []
        if not pending:
            return np.zeros((0, len(RECORDED)))
        return tf.stack(pending).numpy()

    def samples(self, noise: np.ndarray) -> np.ndarray:
        with tf.device(self.device):
            images = tf.reshape(self.networks.g(self._noise(noise)), (-1, *self.model.shape))
            return device.to_images(images, self.model.rounding).numpy()

    def scores(self, images: np.ndarray) -> np.ndarray:
        with tf.device(self.device):
            return self.networks.d(self._images(tf.constant(images)))[:, 0].numpy()

    def gradients(self, batch: GanBatch) -> dict[str, np.ndarray]:
        with tf.device(self.device):
            batch = self._cast(self._tensors(batch))
            of_d, _ = self.trainer.discriminator_backward(batch.images, batch.noise_d)
            of_g, _ = self.trainer.generator_backward(batch.noise_g)
        names = weights.parameters(self.networks)
        return {
            name: gradient.numpy() for name, gradient in zip(names, (*of_g, *of_d), strict=True)
        }

    def apply_gradients(
        self, gradients: State, learning_rate: float, discriminator_learning_rate: float
    ) -> None:
        rates = (learning_rate, discriminator_learning_rate)
        adams = (self.trainer.adam_g, self.trainer.adam_d)
        for network, adam, rate in zip(("g/", "d/"), adams, rates, strict=True):
            names = (name for name in weights.parameters(self.networks) if name.startswith(network))
            given = [tf.constant(gradients[name], self.dtype) for name in names]
            adam.apply(given, tf.constant(rate, tf.float64))

    def activations(self, network: str, inputs: np.ndarray) -> dict[str, np.ndarray]:
        with tf.device(self.device):
            given = self._noise(inputs) if network == "g" else self._images(tf.constant(inputs))
            model = getattr(self.networks, network)
            outputs = networks.activations(model, given, training=False, kinds=(layers.Dense,))
        return {name: tensor.numpy() for name, tensor in outputs.items()}

    def synchronize(self) -> None:
        device.synchronize(self.device)

    def reset_peak_memory(self) -> None:
        device.reset_peak_memory(self.device)

    def peak_memory(self) -> PeakMemory:
        return device.peak_memory(self.device)

    def peaks(self) -> Peaks:
        return device.peaks(self.device, self.runtime.precision)

    def _eager_step(self, batch: GanBatch) -> Tensor:
        return self.trainer.step(self._cast(batch))

    def _tensors(self, batch: GanBatch) -> GanBatch:
        """As they are. Python values would make tf.function trace anew every step."""
        rates = (batch.learning_rate, batch.discriminator_learning_rate)
        arrays = (tf.constant(array) for array in batch[:3])
        return GanBatch(*arrays, *(tf.constant(rate, tf.float64) for rate in rates))

    def _cast(self, batch: GanBatch) -> GanBatch:
        noise_d, noise_g = self._noise(batch.noise_d), self._noise(batch.noise_g)
        return batch._replace(images=self._images(batch.images), noise_d=noise_d, noise_g=noise_g)

    def _noise(self, noise: Tensor) -> Tensor:
        return tf.cast(noise, self.dtype)

    def _images(self, images: Tensor) -> Tensor:
        return tf.reshape(device.to_tensor(images, self.levels), (-1, self.model.values))
