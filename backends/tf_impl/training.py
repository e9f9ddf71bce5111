"""Adam and the training step, TensorFlow. Read beside torch_impl/training.py."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial

import tensorflow as tf
from keras import Model
from tensorflow import Tensor, Variable

from backends.interface import Batch
from backends.objective import Objective
from backends.tf_impl.image_pool import ImagePool
from backends.tf_impl.losses import (
    GeneratorLosses,
    Networks,
    discriminator_losses,
    generator_losses,
)
from backends.tf_impl.replicas import Replicas


class Adam:
    """Kingma & Ba 2015; epsilon is added after bias correction, unless it is asked for before.

    `clip`: the largest absolute value that a step leaves any parameter.
    """

    def __init__(self, parameters: list[Variable], objective: Objective, clip: float | None = None):
        self.parameters, self.clip = parameters, clip
        # As the kernel has them: a bias correction must be of the moments that are there.
        dtype = parameters[0].dtype
        self.beta1, self.beta2 = (
            tf.constant(beta, dtype) for beta in (objective.beta1, objective.beta2)
        )
        self.epsilon, self.epsilon_hat = objective.epsilon, objective.epsilon_hat
        self.step = Variable(0, dtype="int64", trainable=False)
        self.m = [Variable(tf.zeros_like(p), trainable=False) for p in parameters]
        self.v = [Variable(tf.zeros_like(p), trainable=False) for p in parameters]

    def apply(self, gradients: list[Tensor], learning_rate: Tensor) -> None:
        # Bias corrections here and in float64, as PyTorch computes them in Python. The kernel is
        # given powers of zero; it adds epsilon before the correction.
        count = tf.cast(self.step.assign_add(1), "float64")
        correction = tf.sqrt(1 - tf.cast(self.beta2, "float64") ** count)
        step_size = learning_rate * correction / (1 - tf.cast(self.beta1, "float64") ** count)
        epsilon = self.epsilon * (tf.ones_like(correction) if self.epsilon_hat else correction)
        dtype = self.beta1.dtype
        given = {
            "beta1": self.beta1,
            "beta2": self.beta2,
            "beta1_power": tf.zeros((), dtype),
            "beta2_power": tf.zeros((), dtype),
            "lr": tf.cast(step_size, dtype),
            "epsilon": tf.cast(epsilon, dtype),
        }
        for p, m, v, g in zip(self.parameters, self.m, self.v, gradients, strict=True):
            tf.raw_ops.ResourceApplyAdam(var=p.handle, m=m.handle, v=v.handle, grad=g, **given)
        if self.clip is not None:
            self.clip_parameters(self.clip)

    def clip_parameters(self, clip: float) -> None:
        for parameter in self.parameters:
            parameter.assign(tf.clip_by_value(parameter, -clip, clip))


def variables(network: Model) -> list[Variable]:
    """TensorFlow's variables inside Keras's: a gradient tape watches only those."""
    return [variable.value for variable in network.trainable_variables]


class Average:
    """Moving average of the generators' weights and running statistics.

    `g_ab`, `g_ba`: networks like those that are trained, to hold it.
    """

    def __init__(self, networks: Networks, objective: Objective, g_ab: Model, g_ba: Model):
        self.objective = objective
        self.g_ab, self.g_ba = g_ab, g_ba
        self.current = numbers(networks.g_ab) + numbers(networks.g_ba)
        self.averaged = numbers(self.g_ab) + numbers(self.g_ba)

    def update(self, step: Tensor) -> None:
        step = tf.cast(step, "float64")
        decay = tf.minimum(tf.constant(self.objective.average, "float64"), (1 + step) / (10 + step))
        share = tf.cast(1 - decay, self.averaged[0].dtype)
        for average, current in zip(self.averaged, self.current, strict=True):
            average.assign_add(share * (current - average))


def numbers(network: Model) -> list[Variable]:
    """Weights and running statistics."""
    weights = [*network.trainable_variables, *network.non_trainable_variables]
    return [variable.value for variable in weights]


class Trainer:
    """Gradients and updates of both generators and both discriminators."""

    def __init__(
        self,
        networks: Networks,
        objective: Objective,
        pools: tuple[ImagePool, ImagePool],
        average: Average | None,
        replicas: Replicas,
    ):
        self.networks, self.objective, self.average = networks, objective, average
        self.pool_a, self.pool_b = pools
        self.pools = {"pool_a": self.pool_a, "pool_b": self.pool_b}
        self.replicas = replicas
        self.generators = [*variables(networks.g_ab), *variables(networks.g_ba)]
        self.discriminators = [*variables(networks.d_a), *variables(networks.d_b)]
        clip = objective.clip if objective.adversarial == "wasserstein" else None
        self.adam_g = Adam(self.generators, objective)
        self.adam_d = Adam(self.discriminators, objective, clip)

    def fakes(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Of A and B."""
        fake_b = self.networks.g_ab(batch.a, batch.kept.get("fake_b", ()))
        return self.networks.g_ba(batch.b, batch.kept.get("fake_a", ())), fake_b

    def generator_losses(self, batch: Batch) -> GeneratorLosses:
        return generator_losses(self.networks, self.objective, batch)

    def generator_backward(self, batch: Batch) -> tuple[list[Tensor], list[Tensor], Tensor, Tensor]:
        """Returns gradients of the generators, loss terms and fakes of A and B."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.generators)
            losses = self.generator_losses(batch)
        gradients = self.replicas.average(tape.gradient(losses.total, self.generators))
        return gradients, losses.terms, losses.fake_a, losses.fake_b

    def discriminator_backward(
        self, batch: Batch, fakes_a: list[Tensor], fakes_b: list[Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Gradients of the discriminators on what the pools show.

        Returns them, and loss terms, accuracies and penalties, in the order of RECORDED.
        """
        objective = self.objective
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.discriminators)
            a = discriminator_losses(self.networks.d_a, objective, batch.a, fakes_a, batch.mix_a)
            b = discriminator_losses(self.networks.d_b, objective, batch.b, fakes_b, batch.mix_b)
            total = objective.discriminator_weight * (a.total + b.total)
            if objective.adversarial == "wasserstein_gp":
                total = total + objective.gradient_penalty * (a.penalty + b.penalty)
        gradients = self.replicas.average(tape.gradient(total, self.discriminators))
        accuracies = [a.accuracy_real, a.accuracy_fake, b.accuracy_real, b.accuracy_fake]
        return gradients, [a.total, b.total, *accuracies, a.penalty, b.penalty]

    def discriminators_on_pools(
        self, batch: Batch, fake_a: Tensor, fake_b: Tensor
    ) -> tuple[list[Tensor], list[Tensor]]:
        """`discriminator_backward` on new fakes after they have met the pools.

        Those of all replicas meet them, as in a batch of one device; then each takes its share.
        """
        part, gather = self.replicas.part, self.replicas.gather
        shown_a = self.pool_a.exchange(gather(fake_a), batch.pool_a)
        shown_b = self.pool_b.exchange(gather(fake_b), batch.pool_b)
        return self.discriminator_backward(batch, *([*map(part, x)] for x in (shown_a, shown_b)))

    def update(self, adam: Adam, gradients: list[Tensor], learning_rate: Tensor) -> None:
        adam.apply(gradients, learning_rate)

    def update_average(self) -> None:
        if self.average is not None:
            self.average.update(self.adam_g.step)

    def recorded(self, terms: list[Tensor], judged: list[Tensor]) -> Tensor:
        """RECORDED values, means over all replicas."""
        [values] = self.replicas.average([tf.stack([*terms, *judged])])
        return values

    def step(self, batch: Batch) -> Tensor:
        """One training step; images, this replica's share, are (N, H, W, C) in [-1, 1].

        Returns the RECORDED values, still on the device.
        """
        recorded = self.update_all(batch)
        self.update_average()
        return recorded

    def update_all(self, batch: Batch) -> Tensor:
        """A step of all four networks; returns as `step` does."""
        order = self.objective.update_order
        rate_g, rate_d = batch.learning_rate, batch.discriminator_learning_rate
        if order == "discriminators_first":
            gradients_d, judged = self.discriminators_on_pools(batch, *self.fakes(batch))
            self.update(self.adam_d, gradients_d, rate_d)
            gradients_g, terms, *_ = self.generator_backward(batch)
            self.update(self.adam_g, gradients_g, rate_g)
            return self.recorded(terms, judged)
        gradients_g, terms, fake_a, fake_b = self.generator_backward(batch)
        if order == "generators_first":
            self.update(self.adam_g, gradients_g, rate_g)
        gradients_d, judged = self.discriminators_on_pools(batch, fake_a, fake_b)
        if order == "simultaneous":
            self.update(self.adam_g, gradients_g, rate_g)
        self.update(self.adam_d, gradients_d, rate_d)
        return self.recorded(terms, judged)


def in_pieces(trainer: Trainer, end: Callable[..., None], xla: bool | None) -> Trainer:
    """The same trainer; after each of PHASES but the host's, its `step` calls `end` with it.

    Not inside a tf.function: what is compiled is every piece by itself. A forward pass is only
    compiled as in training together with the backward one, so it is timed by itself first.
    """
    pieces = copy.copy(trainer)
    averaged = [v.value for net in trainer.networks for v in net.non_trainable_variables]

    def compiled(piece: Callable) -> Callable:
        return tf.function(partial(trainer.replicas.run, piece), jit_compile=xla)

    forward, both = compiled(trainer.generator_losses), compiled(trainer.generator_backward)
    judge, update = compiled(trainer.discriminators_on_pools), compiled(trainer.update)
    update_average, recorded = compiled(trainer.update_average), compiled(trainer.recorded)
    pieces.fakes = compiled(trainer.fakes)
    pieces.recorded = lambda *values: trainer.replicas.first(recorded(*values))

    def generator_backward(batch: Batch):
        before = [tf.identity(value) for value in averaged]
        forward(batch)
        for variable, value in zip(averaged, before, strict=True):
            variable.assign(value)
        end("generators_forward")
        result = both(batch)
        end("generators_backward", again="generators_forward")
        return result

    def ending(piece: Callable, phase: str):
        def ended(*args):
            result = piece(*args)
            end(phase)
            return result

        return ended

    pieces.generator_backward = generator_backward
    pieces.discriminators_on_pools = ending(judge, "discriminators")
    pieces.update = ending(update, "optimisers")
    pieces.update_average = ending(update_average, "optimisers")
    return pieces
