"""The interface, JAX. Read beside torch_impl/backend.py."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial, wraps
from typing import Any

import jax
import numpy as np
from jax import Array

from backends.interface import (
    Batch,
    Direction,
    Domain,
    Laps,
    PeakMemory,
    Peaks,
    Runtime,
    State,
    check_state,
)
from backends.jax_impl import device, networks, weights
from backends.jax_impl.image_pool import ImagePool
from backends.jax_impl.losses import Networks
from backends.jax_impl.networks import Arrays, Discriminator, generator
from backends.jax_impl.training import Average, Trainer, functional, in_pieces
from backends.model import NETWORKS, Model, levels
from backends.objective import RECORDED, Objective


def configured(method: Callable) -> Callable:
    """Called with JAX's settings as the runtime asks for them; afterwards they are as before."""

    @wraps(method)
    def called(self: Backend, *args: Any, **rest: Any) -> Any:
        with device.settings(self.runtime, self.device):
            return method(self, *args, **rest)

    return called


class Backend:
    """CycleGAN in JAX, compiled with jax.jit. See backends.interface.Backend."""

    def __init__(self, model: Model, objective: Objective, runtime: Runtime):
        self.model, self.objective, self.runtime = model, objective, runtime
        self.device = device.configure(runtime)
        self.dtype = runtime.stored
        computed = "bfloat16" if runtime.precision == "bfloat16" else self.dtype
        self.networks = Networks(
            generator(model.g_ab), generator(model.g_ba),
            Discriminator(model.d_a), Discriminator(model.d_b),
        )  # fmt: skip
        for name, network in self.networks._asdict().items():
            networks.use_names(network, name, computed)
        pool_a = ImagePool("pool_a", objective.pool_size, model.shape_a)
        pool_b = ImagePool("pool_b", objective.pool_size, model.shape_b)
        average = Average(self.networks, objective) if objective.average else None
        self.trainer = Trainer(self.networks, objective, (pool_a, pool_b), average)
        self.pending: list[Array] = []
        self.laps = Laps(self.synchronize)
        self._compile()

    @configured
    def _compile(self) -> None:
        """What is called again and again; compiled at its first call for arrays of these shapes."""
        self.levels = device.to_device(levels(self.dtype), self.device)
        self.graph = device.graph(self.runtime)
        # Donated: the new state is written where the old one was.
        self._step = self.graph(functional(self._eager_step), donate_argnums=0)
        self._gradients = self.graph(self._eager_gradients)
        self._translate = {
            "ab": self.graph(partial(self._eager_translate, self.networks.g_ab)),
            "ba": self.graph(partial(self._eager_translate, self.networks.g_ba)),
        }
        self._judge = {
            "a": self.graph(partial(self._eager_scores, self.networks.d_a)),
            "b": self.graph(partial(self._eager_scores, self.networks.d_b)),
        }
        self._activations = {
            (name, training): self.graph(
                functional(partial(self._eager_activations, name, training))
            )
            for name in NETWORKS
            for training in (False, True)
        }
        self._apply = self.graph(functional(self._eager_apply), donate_argnums=0)

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
    def train_step(self, batch: Batch) -> None:
        arrays, recorded = self._step(self.trainer.arrays, *self._begin(batch))
        self.trainer.arrays = arrays
        self.pending.append(recorded)

    @configured
    def timed_step(self, batch: Batch) -> dict[str, float]:
        self.laps.begin()
        given, share = self._begin(batch)
        given = jax.block_until_ready(self._cast_alone(given))
        self.laps.end("host")
        self.pending.append(self.in_pieces.step(self.trainer.arrays, given, share))
        self.laps.end("host")
        return self.laps.seconds

    def losses(self) -> np.ndarray:
        pending, self.pending = self.pending, []
        if not pending:
            return np.zeros((0, len(RECORDED)))
        return np.stack(jax.device_get(pending))

    @configured
    def translate(
        self, images: np.ndarray, direction: Direction, averaged: bool = False
    ) -> np.ndarray:
        arrays = weights.averaged(self.trainer.arrays) if averaged else self.trainer.arrays
        own = {name: arrays[name] for name in self._own(f"g_{direction}")}
        return self._one_by_one(self._translate[direction], own, images)

    @configured
    def patch_scores(self, images: np.ndarray, domain: Domain) -> np.ndarray:
        return self._one_by_one(self._judge[domain], self._own(f"d_{domain}"), images)

    @configured
    def gradients(self, batch: Batch) -> dict[str, np.ndarray]:
        found = self._gradients(self.trainer.arrays, self._on_device(batch))
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
    def activations(
        self, network: str, images: np.ndarray, training: bool = False
    ) -> dict[str, np.ndarray]:
        given = device.to_device(images, self.device)
        arrays, outputs = self._activations[network, training](self._own(network), given)
        self.trainer.arrays |= arrays
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

    @cached_property
    def in_pieces(self) -> Trainer:
        return in_pieces(self.trainer, self.laps.end, self.graph)

    @cached_property
    def _cast_alone(self) -> Callable[[Batch], Batch]:
        return self.graph(self._cast)

    def _eager_step(self, arrays: Arrays, batch: Batch, share: Array | None) -> Array:
        return self.trainer.step(arrays, self._cast(batch), share)

    def _eager_gradients(self, arrays: Arrays, batch: Batch) -> Arrays:
        arrays, batch = dict(arrays), self._cast(batch)  # the state stays as it is
        g_gradients, _, fake_a, fake_b = self.trainer.generator_backward(arrays, batch)
        d_gradients, _ = self.trainer.discriminators_on_pools(arrays, batch, fake_a, fake_b)
        return g_gradients | d_gradients

    def _eager_translate(self, network: networks.Layer, arrays: Arrays, images: Array) -> Array:
        fakes = network(arrays, self._images(images), training=False)
        return device.to_images(fakes, self.model.rounding)

    def _eager_scores(self, network: Discriminator, arrays: Arrays, images: Array) -> Array:
        return network(arrays, self._images(images), training=False)[..., 0]

    def _eager_activations(
        self, network: str, training: bool, arrays: Arrays, images: Array
    ) -> Arrays:
        layers, given = getattr(self.networks, network), self._images(images)
        outputs = networks.activations(layers, arrays, given, training)
        return {name: networks.full(output) for name, output in outputs.items()}

    def _eager_apply(self, arrays: Arrays, gradients: Arrays, sizes: tuple) -> None:
        for adam, size in zip((self.trainer.adam_g, self.trainer.adam_d), sizes, strict=True):
            self.trainer.update(arrays, adam, gradients, size)

    def _own(self, network: str) -> Arrays:
        """The weights and running statistics of one network."""
        layers = getattr(self.networks, network)
        names = {**networks.parameters(layers), **networks.statistics(layers)}
        return {name: self.trainer.arrays[name] for name in names}

    def _one_by_one(self, made: Callable, own: Arrays, images: np.ndarray) -> np.ndarray:
        """`made(own, image)` of every image, put together."""
        return np.concatenate(
            jax.device_get([made(own, images[i : i + 1]) for i in range(len(images))])
        )

    def _begin(self, batch: Batch) -> tuple[Batch, Any]:
        """What a step is given, still on the host.

        Compiled functions take it from there in next to no time. To put so many small arrays on a
        device one by one takes Python a quarter of a millisecond.
        """
        return device.copied(self.trainer.begin(self._used(batch)))

    def _on_device(self, batch: Batch) -> Batch:
        """For what is no step, and counts none."""
        return device.to_device(self._used(batch), self.device)

    def _used(self, batch: Batch) -> Batch:
        """Without mixing shares, unless there is a gradient penalty."""
        penalised = self.objective.adversarial == "wasserstein_gp"
        return batch if penalised else batch._replace(mix_a=(), mix_b=())

    def _cast(self, batch: Batch) -> Batch:
        """Images in [-1, 1] and mixing shares in the precision of the runtime."""
        mix_a, mix_b = jax.tree.map(lambda mix: mix.astype(self.dtype), (batch.mix_a, batch.mix_b))
        images_a, images_b = self._images(batch.a), self._images(batch.b)
        return batch._replace(a=images_a, b=images_b, mix_a=mix_a, mix_b=mix_b)

    def _images(self, images: Array) -> Array:
        return device.to_tensor(images, self.levels)
