"""Adam and the training step, JAX. Read beside torch_impl/training.py.

What is called from within a step is given the arrays of the state, and puts new ones in. What a
step takes of its number, in float64, the host computes and hands over with the batch.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from backends.interface import Batch
from backends.jax_impl.image_pool import ImagePool
from backends.jax_impl.losses import (
    GeneratorLosses,
    Networks,
    discriminator_losses,
    generator_losses,
)
from backends.jax_impl.networks import Arrays, Layer, Shapes, parameters, statistics
from backends.objective import Objective


class StepSize(NamedTuple):
    """A learning rate and epsilon behind the bias corrections, float64 ()."""

    size: np.ndarray
    epsilon: np.ndarray


class Adam:
    """Kingma & Ba 2015; epsilon is added after bias correction, unless it is asked for before.

    `parameters`: canonical name -> shape. `clip`: the largest absolute value that a step leaves any
    of them. `count`: steps taken.
    """

    def __init__(self, parameters: Shapes, objective: Objective, clip: float | None = None):
        self.parameters, self.clip = parameters, clip
        self.beta1, self.beta2 = objective.beta1, objective.beta2
        self.epsilon, self.epsilon_hat = objective.epsilon, objective.epsilon_hat
        self.count = 0

    def begin(self, learning_rate: float) -> StepSize:
        """Counts a step; returns what the device needs to know of its number."""
        self.count += 1
        # m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon), both corrections taken out.
        correction = math.sqrt(1 - self.beta2**self.count)
        size = learning_rate * correction / (1 - self.beta1**self.count)
        epsilon = self.epsilon * (1 if self.epsilon_hat else correction)
        return StepSize(np.asarray(size), np.asarray(epsilon))

    def apply(self, arrays: Arrays, gradients: Arrays, step: StepSize) -> None:
        for name in self.parameters:
            p, m, v = arrays[name], arrays[f"adam_m/{name}"], arrays[f"adam_v/{name}"]
            g, size, epsilon = gradients[name], *(number.astype(p.dtype) for number in step)
            m = self.beta1 * m + (1 - self.beta1) * g
            v = self.beta2 * v + (1 - self.beta2) * g**2
            p = p - size * m / (jnp.sqrt(v) + epsilon)
            arrays |= {name: p, f"adam_m/{name}": m, f"adam_v/{name}": v}
        if self.clip is not None:
            self.clip_parameters(arrays, self.clip)

    def clip_parameters(self, arrays: Arrays, clip: float) -> None:
        for name in self.parameters:
            arrays[name] = jnp.clip(arrays[name], -clip, clip)


class Average:
    """Moving average of the generators' weights and running statistics."""

    def __init__(self, networks: Networks, objective: Objective):
        self.objective = objective
        self.current = {**numbers(networks.g_ab), **numbers(networks.g_ba)}

    def begin(self, step: int) -> np.ndarray:
        """The share of the new weights in the average after `step` steps, float64 ()."""
        return np.asarray(1 - self.objective.decay(step))

    def update(self, arrays: Arrays, share: Array) -> None:
        for name in self.current:
            average = arrays[f"average/{name}"]
            share = share.astype(average.dtype)
            arrays[f"average/{name}"] = average + share * (arrays[name] - average)


def numbers(network: Layer) -> Shapes:
    """Weights and running statistics."""
    return parameters(network) | statistics(network)


class Trainer:
    """Gradients and updates of both generators and both discriminators.

    `arrays`: where they are between steps, by canonical name.
    """

    def __init__(
        self,
        networks: Networks,
        objective: Objective,
        pools: tuple[ImagePool, ImagePool],
        average: Average | None,
    ):
        self.networks, self.objective, self.average = networks, objective, average
        self.pool_a, self.pool_b = pools
        self.pools = {"pool_a": self.pool_a, "pool_b": self.pool_b}
        self.generators = {**parameters(networks.g_ab), **parameters(networks.g_ba)}
        self.discriminators = {**parameters(networks.d_a), **parameters(networks.d_b)}
        self.statistics = [name for network in networks for name in statistics(network)]
        clip = objective.clip if objective.adversarial == "wasserstein" else None
        self.adam_g = Adam(self.generators, objective)
        self.adam_d = Adam(self.discriminators, objective, clip)
        self.arrays: Arrays = {}

    def begin(self, batch: Batch) -> tuple[Batch, np.ndarray | None]:
        """Counts a step. Returns its batch, with a StepSize in place of each learning rate, and the
        share that `Average.update` takes; None without an average."""
        rate_g = self.adam_g.begin(batch.learning_rate)
        rate_d = self.adam_d.begin(batch.discriminator_learning_rate)
        share = self.average.begin(self.adam_g.count) if self.average else None
        return batch._replace(learning_rate=rate_g, discriminator_learning_rate=rate_d), share

    def fakes(self, arrays: Arrays, batch: Batch) -> tuple[Array, Array]:
        """Of A and B."""
        networks = self.networks.on(arrays)
        fake_b = networks.g_ab(batch.a, batch.kept.get("fake_b", ()))
        return networks.g_ba(batch.b, batch.kept.get("fake_a", ())), fake_b

    def generator_losses(self, arrays: Arrays, batch: Batch) -> GeneratorLosses:
        return generator_losses(self.networks.on(arrays), self.objective, batch)

    def generator_backward(
        self, arrays: Arrays, batch: Batch
    ) -> tuple[Arrays, list[Array], Array, Array]:
        """Returns gradients of the generators, loss terms and fakes of A and B."""

        def total(arrays: Arrays) -> tuple[Array, GeneratorLosses]:
            losses = self.generator_losses(arrays, batch)
            return losses.total, losses

        gradients, losses = self.gradients(total, self.generators, arrays)
        return gradients, losses.terms, losses.fake_a, losses.fake_b

    def discriminator_backward(
        self, arrays: Arrays, batch: Batch, fakes_a: list[Array], fakes_b: list[Array]
    ) -> tuple[Arrays, list[Array]]:
        """Gradients of the discriminators on what the pools show.

        Returns them, and loss terms, accuracies and penalties, in the order of RECORDED.
        """
        objective = self.objective

        def total(arrays: Arrays) -> tuple[Array, list[Array]]:
            networks = self.networks.on(arrays)
            a = discriminator_losses(networks.d_a, objective, batch.a, fakes_a, batch.mix_a)
            b = discriminator_losses(networks.d_b, objective, batch.b, fakes_b, batch.mix_b)
            total = objective.discriminator_weight * (a.total + b.total)
            if objective.adversarial == "wasserstein_gp":
                total = total + objective.gradient_penalty * (a.penalty + b.penalty)
            accuracies = [a.accuracy_real, a.accuracy_fake, b.accuracy_real, b.accuracy_fake]
            return total, [a.total, b.total, *accuracies, a.penalty, b.penalty]

        return self.gradients(total, self.discriminators, arrays)

    def gradients(
        self, total: Callable[[Arrays], tuple[Array, Any]], names: Shapes, arrays: Arrays
    ) -> tuple[Arrays, Any]:
        """By the arrays `names`, of what `total` returns first; and what it returns second.

        Afterwards `arrays` has the running statistics of its passes.
        """

        def of_some(given: Arrays) -> tuple[Array, tuple[Any, Arrays]]:
            within = {**arrays, **given}
            value, rest = total(within)
            return value, (rest, {name: within[name] for name in self.statistics})

        given = {name: arrays[name] for name in names}
        gradients, (rest, averaged) = jax.grad(of_some, has_aux=True)(given)
        arrays |= averaged
        return gradients, rest

    def discriminators_on_pools(
        self, arrays: Arrays, batch: Batch, fake_a: Array, fake_b: Array
    ) -> tuple[Arrays, list[Array]]:
        """`discriminator_backward` on new fakes after they have met the pools."""
        shown_a = self.pool_a.exchange(arrays, fake_a, batch.pool_a)
        shown_b = self.pool_b.exchange(arrays, fake_b, batch.pool_b)
        return self.discriminator_backward(arrays, batch, shown_a, shown_b)

    def update(self, arrays: Arrays, adam: Adam, gradients: Arrays, step: StepSize) -> None:
        adam.apply(arrays, gradients, step)

    def update_average(self, arrays: Arrays, share: Array | None) -> None:
        if self.average is not None:
            self.average.update(arrays, share)

    def recorded(self, terms: list[Array], judged: list[Array]) -> Array:
        """RECORDED values."""
        return jnp.stack([*terms, *judged])

    def step(self, arrays: Arrays, batch: Batch, share: Array | None) -> Array:
        """One training step; images are (N, H, W, C) in [-1, 1], the rest is what `begin` returns.

        Returns the RECORDED values, still on the device.
        """
        recorded = self.update_all(arrays, batch)
        self.update_average(arrays, share)
        return recorded

    def update_all(self, arrays: Arrays, batch: Batch) -> Array:
        """A step of all four networks; returns as `step` does."""
        order = self.objective.update_order
        rate_g, rate_d = batch.learning_rate, batch.discriminator_learning_rate
        if order == "discriminators_first":
            fakes = self.fakes(arrays, batch)
            gradients_d, judged = self.discriminators_on_pools(arrays, batch, *fakes)
            self.update(arrays, self.adam_d, gradients_d, rate_d)
            gradients_g, terms, *_ = self.generator_backward(arrays, batch)
            self.update(arrays, self.adam_g, gradients_g, rate_g)
            return self.recorded(terms, judged)
        gradients_g, terms, fake_a, fake_b = self.generator_backward(arrays, batch)
        if order == "generators_first":
            self.update(arrays, self.adam_g, gradients_g, rate_g)
        gradients_d, judged = self.discriminators_on_pools(arrays, batch, fake_a, fake_b)
        if order == "simultaneous":
            self.update(arrays, self.adam_g, gradients_g, rate_g)
        self.update(arrays, self.adam_d, gradients_d, rate_d)
        return self.recorded(terms, judged)


def in_pieces(trainer: Trainer, end: Callable[..., None], graph: Callable) -> Trainer:
    """The same trainer; after each of PHASES but the host's, its `step` calls `end` with it.

    Not inside a jax.jit: what `graph` compiles is every piece by itself. A forward pass is only
    compiled as in training together with the backward one, so it is timed by itself first.
    """
    pieces = copy.copy(trainer)

    def compiled(piece: Callable) -> Callable:
        # Donated, as in a whole step: else all that a piece leaves as it is would be copied.
        run = graph(functional(piece), donate_argnums=0)

        def ran(arrays: Arrays, *args: Any) -> Any:
            new, result = jax.block_until_ready(run(arrays, *args))
            arrays |= new
            return result

        return ran

    def update_by(adam: Adam) -> Callable:
        return compiled(lambda arrays, *args: trainer.update(arrays, adam, *args))

    forward = graph(lambda arrays, batch: trainer.generator_losses(dict(arrays), batch))
    both, judge = compiled(trainer.generator_backward), compiled(trainer.discriminators_on_pools)
    updates = {adam: update_by(adam) for adam in (trainer.adam_g, trainer.adam_d)}
    pieces.fakes, pieces.recorded = compiled(trainer.fakes), graph(trainer.recorded)

    def generator_backward(arrays: Arrays, batch: Batch):
        jax.block_until_ready(forward(arrays, batch))  # running statistics stay as they are
        end("generators_forward")
        result = both(arrays, batch)
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
    pieces.update = ending(lambda arrays, adam, *args: updates[adam](arrays, *args), "optimisers")
    pieces.update_average = ending(compiled(trainer.update_average), "optimisers")
    return pieces


def functional(function: Callable[..., Any]) -> Callable[..., tuple[Arrays, Any]]:
    """The same function, but it leaves its first argument as it is and returns a new one first.

    jax.jit wants that: `function(arrays, ...)` puts new arrays into the dictionary it is given.
    """

    def called(arrays: Arrays, *args: Any) -> tuple[Arrays, Any]:
        new = dict(arrays)
        result = function(new, *args)
        return new, result

    return called
