"""Image pool, Adam and the training step, TensorFlow. Read beside torch_impl/training.py."""

from __future__ import annotations

import tensorflow as tf
from keras import Model
from tensorflow import Tensor, Variable

from backends.interface import POOL_PASS, POOL_SWAP, Objective
from backends.tf_impl.losses import Networks, discriminator_losses, generator_losses


class ImagePool:
    """Past fakes shown to a discriminator (Shrivastava et al. 2017). Draws nothing by itself."""

    def __init__(self, size: int, shape: tuple[int, int, int], dtype: str):
        self.images = Variable(tf.zeros((size, *shape), dtype), trainable=False)

    def exchange(self, fakes: Tensor, action: Tensor, slot: Tensor) -> Tensor:
        """What the discriminator sees in place of `fakes` (N, H, W, C); one image after another."""
        if self.images.shape[0] == 0:
            return fakes
        shown = []
        for i in range(fakes.shape[0]):
            fake, stored = fakes[i], self.images.sparse_read(slot[i])
            shown.append(tf.where(action[i] == POOL_SWAP, stored, fake))
            written = tf.where(action[i] == POOL_PASS, stored, fake)
            self.images.scatter_update(tf.IndexedSlices(written[None], slot[i][None]))
        return tf.stack(shown)


class Adam:
    """Kingma & Ba 2015; epsilon is added after bias correction, unless it is asked for before."""

    def __init__(self, parameters: list[Variable], objective: Objective):
        self.parameters = parameters
        self.beta1, self.beta2 = objective.beta1, objective.beta2
        self.epsilon, self.epsilon_hat = objective.epsilon, objective.epsilon_hat
        self.step = Variable(0, dtype="int64", trainable=False)
        self.m = [Variable(tf.zeros_like(p), trainable=False) for p in parameters]
        self.v = [Variable(tf.zeros_like(p), trainable=False) for p in parameters]

    def apply(self, gradients: list[Tensor], learning_rate: Tensor) -> None:
        # Bias corrections in float64, as PyTorch computes them in Python.
        count = tf.cast(self.step.assign_add(1), "float64")
        step_size = learning_rate / (1 - self.beta1**count)
        correction = tf.sqrt(1 - self.beta2**count)
        # In float64 until it meets the weights: a Python number by itself would become float32.
        epsilon = self.epsilon / (correction if self.epsilon_hat else tf.ones_like(correction))
        for p, m, v, g in zip(self.parameters, self.m, self.v, gradients, strict=True):
            m.assign_add((g - m) * (1 - self.beta1))
            v.assign(v * self.beta2 + g * g * (1 - self.beta2))
            denominator = tf.sqrt(v) / tf.cast(correction, p.dtype) + tf.cast(epsilon, p.dtype)
            p.assign_sub(tf.cast(step_size, p.dtype) * (m / denominator))


def variables(network: Model) -> list[Variable]:
    """TensorFlow's variables inside Keras's: a gradient tape watches only those."""
    return [variable.value for variable in network.trainable_variables]


class Trainer:
    """The reference's update order: both generators, then both discriminators on pooled fakes."""

    def __init__(
        self, networks: Networks, objective: Objective, pools: tuple[ImagePool, ImagePool]
    ):
        self.networks, self.objective = networks, objective
        self.pool_a, self.pool_b = pools
        self.generators = [*variables(networks.g_ab), *variables(networks.g_ba)]
        self.discriminators = [*variables(networks.d_a), *variables(networks.d_b)]
        self.adam_g = Adam(self.generators, objective)
        self.adam_d = Adam(self.discriminators, objective)

    def generator_backward(
        self, real_a: Tensor, real_b: Tensor
    ) -> tuple[list[Tensor], list[Tensor], Tensor, Tensor]:
        """Returns gradients of the generators, loss terms and fakes of A and B."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.generators)
            losses = generator_losses(self.networks, self.objective, real_a, real_b)
        gradients = tape.gradient(losses.total, self.generators)
        return gradients, losses.terms, losses.fake_a, losses.fake_b

    def discriminator_backward(
        self, real_a: Tensor, real_b: Tensor, fake_a: Tensor, fake_b: Tensor
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Returns gradients of the discriminators on pooled fakes, loss terms and accuracies."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.discriminators)
            a = discriminator_losses(self.networks.d_a, real_a, fake_a)
            b = discriminator_losses(self.networks.d_b, real_b, fake_b)
            total = self.objective.discriminator_weight * (a.total + b.total)
        gradients = tape.gradient(total, self.discriminators)
        accuracies = [a.accuracy_real, a.accuracy_fake, b.accuracy_real, b.accuracy_fake]
        return gradients, [a.total, b.total], accuracies

    def update_generators(
        self, real_a: Tensor, real_b: Tensor, learning_rate: Tensor
    ) -> tuple[list[Tensor], Tensor, Tensor]:
        """Returns loss terms and fakes of A and B, made before the update."""
        gradients, terms, fake_a, fake_b = self.generator_backward(real_a, real_b)
        self.adam_g.apply(gradients, learning_rate)
        return terms, fake_a, fake_b

    def update_discriminators(
        self,
        reals: tuple[Tensor, Tensor],
        fakes: tuple[Tensor, Tensor],
        pools: tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]],
        learning_rate: Tensor,
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Returns loss terms and accuracies; everything in the order A, B."""
        shown_a = self.pool_a.exchange(fakes[0], *pools[0])
        shown_b = self.pool_b.exchange(fakes[1], *pools[1])
        gradients, terms, accuracies = self.discriminator_backward(*reals, shown_a, shown_b)
        self.adam_d.apply(gradients, learning_rate)
        return terms, accuracies

    def step(
        self,
        real_a: Tensor,
        real_b: Tensor,
        pool_a: tuple[Tensor, Tensor],
        pool_b: tuple[Tensor, Tensor],
        learning_rate: Tensor,
    ) -> Tensor:
        """One training step; returns the RECORDED values (12,), still on the device."""
        reals, pools = (real_a, real_b), (pool_a, pool_b)
        if self.objective.update_order == "discriminators_first":
            fakes = (self.networks.g_ba(real_b), self.networks.g_ab(real_a))
            d_terms, accuracies = self.update_discriminators(reals, fakes, pools, learning_rate)
            terms, *_ = self.update_generators(real_a, real_b, learning_rate)
        else:
            terms, *fakes = self.update_generators(real_a, real_b, learning_rate)
            d_terms, accuracies = self.update_discriminators(reals, fakes, pools, learning_rate)
        return tf.stack([*terms, *d_terms, *accuracies])
