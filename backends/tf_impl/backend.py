"""The interface, TensorFlow. Read beside torch_impl/backend.py."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import numpy as np
import tensorflow as tf

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
from backends.model import Model, levels
from backends.objective import RECORDED, Objective
from backends.shards import check_replicas
from backends.tf_impl import device, networks, weights
from backends.tf_impl.image_pool import ImagePool
from backends.tf_impl.losses import Networks
from backends.tf_impl.networks import Discriminator, generator
from backends.tf_impl.replicas import Replicas
from backends.tf_impl.training import Average, Trainer, in_pieces


class Backend:
    """CycleGAN in TensorFlow, compiled with tf.function. See backends.interface.Backend."""

    def __init__(self, model: Model, objective: Objective, runtime: Runtime):
        check_replicas(model, runtime)
        if runtime.replicas > 1 and runtime.compile != "none":
            raise ValueError(
                f"runtime.compile: {runtime.compile}: XLA compiles the step of one device; with"
                f" runtime.replicas={runtime.replicas} take none"
            )
        self.model, self.objective, self.runtime = model, objective, runtime
        self.device = device.configure(runtime)
        self.replicas = Replicas(runtime.replicas, self.device)
        self.dtype = runtime.stored
        policy = "mixed_bfloat16" if runtime.precision == "bfloat16" else self.dtype
        twice = objective.adversarial == "wasserstein_gp"
        with self.replicas.scope(), tf.device(self.device):
            self.levels = tf.constant(levels(self.dtype))
            self.networks = Networks(
                generator(model.g_ab, name="g_ab", dtype=policy),
                generator(model.g_ba, name="g_ba", dtype=policy),
                Discriminator(model.d_a, twice, name="d_a", dtype=policy),
                Discriminator(model.d_b, twice, name="d_b", dtype=policy),
            )
            averaged = [
                generator(model.g_ab, name=f"{weights.PREFIX}g_ab", dtype=policy),
                generator(model.g_ba, name=f"{weights.PREFIX}g_ba", dtype=policy),
            ] if objective.average else []  # fmt: skip
            kernels = networks.Kernels(whole_batch=runtime.device == "cuda")
            shapes = (model.shape_a, model.shape_b) * (3 if averaged else 2)
            for network, shape in zip((*self.networks, *averaged), shapes, strict=True):
                # Keras makes variables at the first call.
                network(tf.zeros((1, *shape), self.dtype))
                networks.use_kernels(network, kernels)
            pool_a = ImagePool(objective.pool_size, model.shape_a, self.dtype)
            pool_b = ImagePool(objective.pool_size, model.shape_b, self.dtype)
            average = Average(self.networks, objective, *averaged) if averaged else None
            pools = (pool_a, pool_b)
            self.trainer = Trainer(self.networks, objective, pools, average, self.replicas)
        self.laps = Laps(self.synchronize)
        self.pending: list[tf.Tensor] = []
        # Without an answer TensorFlow decides by itself, which is not the same as no.
        self.xla = True if runtime.compile != "none" else None
        graph = tf.function if runtime.traced else lambda function, spec: function
        self._step: Callable = self._eager_step
        if runtime.traced or self.xla:
            self._step = tf.function(self._eager_step, jit_compile=self.xla)
        # One trace for any size. Were the channels left open, Keras would turn to XLA.
        spec_a, spec_b = (
            tf.TensorSpec((1, None, None, shape[-1]), tf.uint8)
            for shape in (model.shape_a, model.shape_b)
        )
        self._translate = {
            (direction, nets is average): graph(partial(self._eager_translate, network), (spec,))
            for nets in filter(None, (self.networks, average))
            for direction, network, spec in (("ab", nets.g_ab, spec_a), ("ba", nets.g_ba, spec_b))
        }
        self._judge = {
            "a": graph(lambda x: self._eager_scores(x, self.networks.d_a), (spec_a,)),
            "b": graph(lambda x: self._eager_scores(x, self.networks.d_b), (spec_b,)),
        }

    def environment(self) -> dict[str, Any]:
        return device.environment(self.runtime)

    def load_state(self, state: State) -> None:
        check_state(state, self.model.state_shapes(self.objective))
        weights.load_state(self.trainer, state)

    def state(self) -> dict[str, np.ndarray]:
        self.compare_state()
        return weights.read_state(self.trainer)

    def train_step(self, batch: Batch) -> None:
        self.pending.append(self._step(self._tensors(batch)))

    def timed_step(self, batch: Batch) -> dict[str, float]:
        self.laps.begin()
        tensors = self.replicas.run(self._cast, self._tensors(batch))
        self.laps.end("host")
        self.pending.append(self.in_pieces.step(tensors))
        self.laps.end("host")
        return self.laps.seconds

    def losses(self) -> np.ndarray:
        pending, self.pending = self.pending, []
        if not pending:
            return np.zeros((0, len(RECORDED)))
        return tf.stack(pending).numpy()

    def translate(
        self, images: np.ndarray, direction: Direction, averaged: bool = False
    ) -> np.ndarray:
        with tf.device(self.device):
            one_by_one = (
                self._translate[direction, averaged](tf.constant(images[i : i + 1]))
                for i in range(len(images))
            )
            return np.concatenate([translated.numpy() for translated in one_by_one])

    def patch_scores(self, images: np.ndarray, domain: Domain) -> np.ndarray:
        with tf.device(self.device):
            one_by_one = (
                self._judge[domain](tf.constant(images[i : i + 1])) for i in range(len(images))
            )
            return np.concatenate([scores.numpy() for scores in one_by_one])

    def gradients(self, batch: Batch) -> dict[str, np.ndarray]:
        gradients = self.replicas.run(self._eager_gradients, self._tensors(batch))
        pairs = zip(weights.parameters(self.networks), gradients, strict=True)
        first = self.replicas.first
        return {name: weights.to_canonical(first(gradient)) for name, gradient in pairs}

    def apply_gradients(
        self, gradients: State, learning_rate: float, discriminator_learning_rate: float
    ) -> None:
        names = weights.parameters(self.networks)
        given = [tf.constant(gradients[name], self.dtype) for name in names]
        rates = (learning_rate, discriminator_learning_rate)
        rate_g, rate_d = (tf.constant(rate, tf.float64) for rate in rates)
        generators = len(self.trainer.generators)
        self.replicas.run(self.trainer.adam_g.apply, given[:generators], rate_g)
        self.replicas.run(self.trainer.adam_d.apply, given[generators:], rate_d)

    def activations(
        self, network: str, images: np.ndarray, training: bool = False
    ) -> dict[str, np.ndarray]:
        with tf.device(self.device):
            images = self._images(tf.constant(images))
            outputs = networks.activations(getattr(self.networks, network), images, training)
        return {name: networks.full(tensor).numpy() for name, tensor in outputs.items()}

    def synchronize(self) -> None:
        device.synchronize(self.device)

    def reset_peak_memory(self) -> None:
        device.reset_peak_memory(self.device)

    def peak_memory(self) -> PeakMemory:
        return device.peak_memory(self.device)

    def peaks(self) -> Peaks:
        return device.peaks(self.device, self.runtime.precision)

    def compare_state(self) -> None:
        """Raises RuntimeError if replicas are not the same to the last bit."""
        self.replicas.check_same(weights.everything(self.trainer))

    @cached_property
    def in_pieces(self) -> Trainer:
        return in_pieces(self.trainer, self.laps.end, self.xla)

    def _eager_step(self, batch: Batch) -> tf.Tensor:
        return self.replicas.first(self.replicas.run(self._replica_step, batch))

    def _replica_step(self, batch: Batch) -> tf.Tensor:
        return self.trainer.step(self._cast(batch))

    def _eager_gradients(self, batch: Batch) -> list[tf.Tensor]:
        batch = self._cast(batch)
        pools = (self.trainer.pool_a.images, self.trainer.pool_b.images)
        kept = [*pools, *weights.statistics(self.networks).values()]
        before = [tf.identity(variable) for variable in kept]
        g_gradients, _, fake_a, fake_b = self.trainer.generator_backward(batch)
        d_gradients, _ = self.trainer.discriminators_on_pools(batch, fake_a, fake_b)
        for variable, value in zip(kept, before, strict=True):
            variable.assign(value)
        return g_gradients + d_gradients

    def _eager_translate(self, network: Callable, images: tf.Tensor) -> tf.Tensor:
        fakes = network(self._images(images), training=False)
        return device.to_images(fakes, self.model.rounding)

    def _eager_scores(self, images: tf.Tensor, network: Discriminator) -> tf.Tensor:
        return network(self._images(images), training=False)[..., 0]

    def _tensors(self, batch: Batch) -> Batch:
        """As they are. Python values would make tf.function trace anew every step.

        Mixing shares are left out, unless there is a gradient penalty.
        """

        def tensors(batch: Batch) -> Batch:
            if self.objective.adversarial != "wasserstein_gp":
                batch = batch._replace(mix_a=(), mix_b=())
            rates = (batch.learning_rate, batch.discriminator_learning_rate)
            rate_g, rate_d = (tf.constant(rate, tf.float64) for rate in rates)
            found = tf.nest.map_structure(tf.constant, batch)
            return found._replace(learning_rate=rate_g, discriminator_learning_rate=rate_d)

        return self.replicas.hand_out(tensors, batch)

    def _cast(self, batch: Batch) -> Batch:
        """Images in [-1, 1] and mixing shares in the precision of the runtime."""
        mix_a, mix_b = tf.nest.map_structure(
            lambda mix: tf.cast(mix, self.dtype), (batch.mix_a, batch.mix_b)
        )
        images_a, images_b = self._images(batch.a), self._images(batch.b)
        return batch._replace(a=images_a, b=images_b, mix_a=mix_a, mix_b=mix_b)

    def _images(self, images: tf.Tensor) -> tf.Tensor:
        return device.to_tensor(images, self.levels)
