"""A GAN of dense layers, JAX. Read beside torch_impl/gan.py.

Images are rows of their values, NHWC, in [-1, 1]; attribute names are the canonical layer names.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from backends.gan import RECORDED, DenseLayer, GanBatch, GanModel, GanObjective, check_runtime
from backends.interface import PeakMemory, Peaks, Runtime, State, check_state
from backends.jax_impl import device, networks, weights
from backends.jax_impl.backend import configured
from backends.jax_impl.losses import adversarial, adversarial_of_generator, at_once
from backends.jax_impl.networks import Arrays, Bound, Layer, leaky_relu, parameters
from backends.jax_impl.training import Adam, StepSize, functional
from backends.model import levels


class Networks(NamedTuple):
    """Of layers; or, bound to arrays, of what turns noise into images, and these into scores."""

    g: Any
    d: Any

    def on(self, arrays: Arrays) -> Networks:
        """These layers bound to `arrays`."""
        return Networks(*(Bound(network, arrays) for network in self))


class Dense(Layer):
    def __init__(self, before: int, after: int):
        super().__init__()
        self.weights = {"kernel": (before, after), "bias": (after,)}

    def call(self, arrays: Arrays, x: Array) -> Array:
        return x @ self.own(arrays, "kernel") + self.own(arrays, "bias")


class Network(Layer):
    """Dense layers with LeakyReLU in between. `tanh`: behind the head, which a generator has."""

    def __init__(self, layers: tuple[DenseLayer, ...], slope: float, tanh: bool):
        super().__init__()
        # In float32 as TensorFlow's op holds it, so that float64 runs agree to float64.
        self.slope, self.tanh = float(np.float32(slope)), tanh
        self.hidden = [layer.name for layer in layers[:-1]]
        for layer in layers:
            setattr(self, layer.name, Dense(layer.inputs, layer.outputs))

    def call(self, arrays: Arrays, x: Array, training: bool = True) -> Array:
        """(N, inputs) to (N, outputs)."""
        for name in self.hidden:
            x = leaky_relu(getattr(self, name)(arrays, x), self.slope)
        x = self.head(arrays, x)
        return jnp.tanh(x) if self.tanh else x


class Trainer:
    """Gradients and updates of the generator and the discriminator."""

    average, pools = None, {}  # a GAN has none

    def __init__(self, networks: Networks, objective: GanObjective):
        self.networks, self.objective = networks, objective
        clip = objective.clip if objective.adversarial == "wasserstein" else None
        self.adam_g = Adam(parameters(networks.g), objective)
        self.adam_d = Adam(parameters(networks.d), objective, clip)
        self.arrays: Arrays = {}

    def begin(self, batch: GanBatch) -> GanBatch:
        """Counts a step. Returns its batch, with a StepSize in place of each learning rate."""
        rate_g = self.adam_g.begin(batch.learning_rate)
        rate_d = self.adam_d.begin(batch.discriminator_learning_rate)
        return batch._replace(learning_rate=rate_g, discriminator_learning_rate=rate_d)

    def discriminator_backward(
        self, arrays: Arrays, real: Array, noise: Array
    ) -> tuple[Arrays, list[Array]]:
        """Returns gradients of the discriminator, and RECORDED values but the generator's loss."""
        kind, middle = self.objective.adversarial, self.objective.middle
        fake = self.networks.on(arrays).g(noise)

        def total(given: Arrays) -> tuple[Array, list[Array]]:
            real_scores, fake_scores = at_once(self.networks.on(given).d, real, fake)
            total = adversarial(kind, real_scores, True) + adversarial(kind, fake_scores, False)
            accuracy_real = jnp.mean((real_scores > middle).astype(total.dtype))
            accuracy_fake = jnp.mean((fake_scores < middle).astype(total.dtype))
            means = [jnp.mean(real_scores), jnp.mean(fake_scores)]
            return total, [total, accuracy_real, accuracy_fake, *means]

        return jax.grad(total, has_aux=True)(
            {name: arrays[name] for name in self.adam_d.parameters}
        )

    def generator_backward(self, arrays: Arrays, noise: Array) -> tuple[Arrays, Array]:
        """Returns gradients of the generator, and its loss."""

        def loss(given: Arrays) -> Array:
            g, d = self.networks.on({**arrays, **given})
            return adversarial_of_generator(self.objective.adversarial, d(g(noise)))

        own = {name: arrays[name] for name in self.adam_g.parameters}
        value, gradients = jax.value_and_grad(loss)(own)
        return gradients, value

    def update(self, arrays: Arrays, adam: Adam, gradients: Arrays, step: StepSize) -> None:
        adam.apply(arrays, gradients, step)

    def step(self, arrays: Arrays, batch: GanBatch) -> Array:
        """The discriminator's update, then the generator's; images are (N, values) in [-1, 1].

        Returns the RECORDED values, still on the device.
        """
        gradients, recorded = self.discriminator_backward(arrays, batch.images, batch.noise_d)
        self.update(arrays, self.adam_d, gradients, batch.discriminator_learning_rate)
        gradients, loss = self.generator_backward(arrays, batch.noise_g)
        self.update(arrays, self.adam_g, gradients, batch.learning_rate)
        return jnp.stack([loss, *recorded])


class Backend:
    """A GAN in JAX, compiled with jax.jit. See backends.gan.GanBackend."""

    def __init__(self, model: GanModel, objective: GanObjective, runtime: Runtime):
        check_runtime(runtime)
        self.model, self.objective, self.runtime = model, objective, runtime
        self.device = device.configure(runtime)
        self.dtype = runtime.stored
        self.networks = Networks(
            Network(model.layers("g"), model.slope, tanh=True),
            Network(model.layers("d"), model.slope, tanh=False),
        )
        for name, network in self.networks._asdict().items():
            networks.use_names(network, name, self.dtype)
        self.trainer = Trainer(self.networks, objective)
        self.pending: list[Array] = []
        self._compile()

    @configured
    def _compile(self) -> None:
        """What is called again and again; compiled at its first call for arrays of these shapes."""
        self.levels = device.to_device(levels(self.dtype), self.device)
        graph = device.graph(self.runtime)
        # Donated: the new state is written where the old one was.
        self._step = graph(functional(self._eager_step), donate_argnums=0)
        self._gradients = graph(self._eager_gradients)
        self._apply = graph(functional(self._eager_apply), donate_argnums=0)
        self._samples, self._scores = graph(self._eager_samples), graph(self._eager_scores)

    def environment(self) -> dict[str, Any]:
        return device.environment(self.runtime, self.device)

    @configured
    def load_state(self, state: State) -> None:
        check_state(state, self.model.state_shapes(self.objective))
        weights.load_state(self.trainer, state, self.dtype, self.device)

    @configured
    def state(self) -> dict[str, np.ndarray]:
        return weights.read_state(self.trainer)

    @configured
    def train_step(self, batch: GanBatch) -> None:
        given = device.copied(self.trainer.begin(batch))
        self.trainer.arrays, recorded = self._step(self.trainer.arrays, given)
        self.pending.append(recorded)

    def losses(self) -> np.ndarray:
        pending, self.pending = self.pending, []
        if not pending:
            return np.zeros((0, len(RECORDED)))
        return np.stack(jax.device_get(pending))

    @configured
    def samples(self, noise: np.ndarray) -> np.ndarray:
        return jax.device_get(self._samples(self.trainer.arrays, device.copied(noise)))

    @configured
    def scores(self, images: np.ndarray) -> np.ndarray:
        return jax.device_get(self._scores(self.trainer.arrays, device.copied(images)))

    @configured
    def gradients(self, batch: GanBatch) -> dict[str, np.ndarray]:
        found = self._gradients(self.trainer.arrays, device.to_device(batch, self.device))
        return {name: weights.to_canonical(gradient) for name, gradient in found.items()}

    @configured
    def apply_gradients(
        self, gradients: State, learning_rate: float, discriminator_learning_rate: float
    ) -> None:
        rates = (learning_rate, discriminator_learning_rate)
        adams = (self.trainer.adam_g, self.trainer.adam_d)
        found = {
            name: weights.from_canonical(gradients[name], shape, self.dtype)
            for name, shape in weights.parameters(self.networks).items()
        }
        sizes = tuple(adam.begin(rate) for adam, rate in zip(adams, rates, strict=True))
        given = device.to_device((found, sizes), self.device)
        self.trainer.arrays, _ = self._apply(self.trainer.arrays, *given)

    @configured
    def activations(self, network: str, inputs: np.ndarray) -> dict[str, np.ndarray]:
        given = device.to_device(inputs, self.device)
        given = self._noise(given) if network == "g" else self._images(given)
        layers = getattr(self.networks, network)
        outputs = networks.activations(layers, self.trainer.arrays, given, False, kinds=(Dense,))
        return {name: np.array(output) for name, output in outputs.items()}

    def synchronize(self) -> None:
        # Of one device: what was asked of it last is done last.
        jax.block_until_ready((self.trainer.arrays, self.pending[-1:]))

    def reset_peak_memory(self) -> None:
        device.reset_peak_memory()

    def peak_memory(self) -> PeakMemory:
        return device.peak_memory(self.device)

    @configured
    def peaks(self) -> Peaks:
        return device.peaks(self.device, self.runtime.precision)

    def _eager_step(self, arrays: Arrays, batch: GanBatch) -> Array:
        return self.trainer.step(arrays, self._cast(batch))

    def _eager_gradients(self, arrays: Arrays, batch: GanBatch) -> Arrays:
        batch = self._cast(batch)
        of_d, _ = self.trainer.discriminator_backward(arrays, batch.images, batch.noise_d)
        of_g, _ = self.trainer.generator_backward(arrays, batch.noise_g)
        return {**of_g, **of_d}

    def _eager_apply(self, arrays: Arrays, gradients: Arrays, sizes: tuple) -> None:
        for adam, size in zip((self.trainer.adam_g, self.trainer.adam_d), sizes, strict=True):
            self.trainer.update(arrays, adam, gradients, size)

    def _eager_samples(self, arrays: Arrays, noise: Array) -> Array:
        images = self.networks.on(arrays).g(self._noise(noise)).reshape(-1, *self.model.shape)
        return device.to_images(images, self.model.rounding)

    def _eager_scores(self, arrays: Arrays, images: Array) -> Array:
        return self.networks.on(arrays).d(self._images(images))[:, 0]

    def _cast(self, batch: GanBatch) -> GanBatch:
        noise_d, noise_g = self._noise(batch.noise_d), self._noise(batch.noise_g)
        return batch._replace(images=self._images(batch.images), noise_d=noise_d, noise_g=noise_g)

    def _noise(self, noise: Array) -> Array:
        return noise.astype(self.dtype)

    def _images(self, images: Array) -> Array:
        return device.to_tensor(images, self.levels).reshape(len(images), -1)
