"""CycleGAN losses, JAX. Read beside torch_impl/losses.py.

Every term is a mean over elements; backends.objective.Objective has the formulas and sources.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.nn import relu, softplus

from backends.interface import Batch
from backends.jax_impl.networks import Arrays, Bound
from backends.objective import FAKE, REAL, Objective


class Networks(NamedTuple):
    """Of layers; or, bound to arrays, of what turns images into others."""

    g_ab: Any
    g_ba: Any
    d_a: Any
    d_b: Any

    def on(self, arrays: Arrays) -> Networks:
        """These layers bound to `arrays`."""
        return Networks(*(Bound(network, arrays) for network in self))


class Generated(NamedTuple):
    """What the generators make of a batch; no identity images where nothing is lost by them."""

    fake_a: Array
    fake_b: Array
    cycle_a: Array
    cycle_b: Array
    identity_a: Array | None = None
    identity_b: Array | None = None


class GeneratorLosses(NamedTuple):
    total: Array  # the weighted sum that both generators minimise
    terms: list[Array]  # in the order of LOSS_TERMS, discriminators left out
    fake_a: Array
    fake_b: Array


class DiscriminatorLosses(NamedTuple):
    total: Array  # real plus fake terms, before the factor 1/2
    penalty: Array  # before its weight; zero without
    accuracy_real: Array
    accuracy_fake: Array


def least_squares(scores: Array, target: float) -> Array:
    return jnp.mean((scores - target) ** 2)


def l1(x: Array, y: Array) -> Array:
    return jnp.mean(jnp.abs(x - y))


def l2(x: Array, y: Array) -> Array:
    return jnp.mean((x - y) ** 2)


def adversarial(kind: str, scores: Array, real: bool) -> Array:
    """What a discriminator loses by its scores of real images, or of fakes."""
    sign = -1.0 if real else 1.0
    if kind == "least_squares":
        return least_squares(scores, REAL if real else FAKE)
    if kind == "vanilla":
        return jnp.mean(softplus(sign * scores))
    if kind == "hinge":
        return jnp.mean(relu(1 + sign * scores))
    return jnp.mean(sign * scores)


def adversarial_of_generator(kind: str, scores: Array) -> Array:
    """What a generator loses by scores of its fakes: as if real, hinge without its bend."""
    return adversarial("wasserstein" if kind == "hinge" else kind, scores, real=True)


def gradient_penalty(discriminator: Bound, real: Array, fake: Array, mix: Array) -> Array:
    """Of the mixtures mix * real + (1 - mix) * fake; `mix` (N,) is an image's share."""
    mix = mix[:, None, None, None]
    mixed = mix * real + (1 - mix) * fake

    def scores(mixed: Array) -> tuple[Array, Arrays]:
        aside = discriminator._replace(arrays=dict(discriminator.arrays))
        return jnp.sum(aside(mixed)), aside.arrays

    gradient, arrays = jax.grad(scores, has_aux=True)(mixed)
    discriminator.arrays.update(arrays)  # what norms have put in, if any
    # The square root has no derivative at zero.
    norms = jnp.sqrt(jnp.sum(gradient**2, (1, 2, 3)) + 1e-16)
    return jnp.mean((norms - 1) ** 2)


def at_once(network: Bound, *batches: Array) -> list[Array]:
    """What a network whose images are `apart` makes of several batches, in one pass."""
    ends = np.cumsum([len(batch) for batch in batches])
    return jnp.split(network(jnp.concatenate(batches)), ends[:-1])


def generated(networks: Networks, objective: Objective, batch: Batch) -> Generated:
    """All passes of a step through the generators, with what dropout keeps in each.

    Where images of a batch never meet, those that wait for nothing are made in one pass.
    """
    g_ab, g_ba, a, b, kept = networks.g_ab, networks.g_ba, batch.a, batch.b, batch.kept
    identity = objective.identity > 0
    if g_ab.apart and g_ba.apart and not kept:
        # B to A goes first, so that what comes of it goes back with the next batch.
        fake_a, *identity_a = at_once(g_ba, b, *([a] if identity else []))
        fake_b, cycle_b, *identity_b = at_once(g_ab, a, fake_a, *([b] if identity else []))
        cycle_a = g_ba(fake_b)
        return Generated(fake_a, fake_b, cycle_a, cycle_b, *identity_a, *identity_b)
    fake_b, fake_a = g_ab(a, kept.get("fake_b", ())), g_ba(b, kept.get("fake_a", ()))
    cycle_a = g_ba(fake_b, kept.get("cycle_a", ()))
    cycle_b = g_ab(fake_a, kept.get("cycle_b", ()))
    if not identity:
        return Generated(fake_a, fake_b, cycle_a, cycle_b)
    identity_a = g_ba(a, kept.get("identity_a", ()))
    identity_b = g_ab(b, kept.get("identity_b", ()))
    return Generated(fake_a, fake_b, cycle_a, cycle_b, identity_a, identity_b)


def generator_losses(networks: Networks, objective: Objective, batch: Batch) -> GeneratorLosses:
    kind, passes = objective.adversarial, generated(networks, objective, batch)
    cycle = l1 if objective.cycle_norm == "l1" else l2
    identity = l1 if objective.identity_norm == "l1" else l2
    adversarial_ab = adversarial_of_generator(kind, networks.d_b(passes.fake_b))
    adversarial_ba = adversarial_of_generator(kind, networks.d_a(passes.fake_a))
    cycle_a, cycle_b = cycle(passes.cycle_a, batch.a), cycle(passes.cycle_b, batch.b)
    if objective.identity > 0:
        identity_a = identity(passes.identity_a, batch.a)
        identity_b = identity(passes.identity_b, batch.b)
    else:
        identity_a = identity_b = jnp.zeros_like(cycle_a)
    total = (
        adversarial_ab
        + adversarial_ba
        + objective.lambda_a * cycle_a
        + objective.lambda_b * cycle_b
        + objective.identity_weight("a") * identity_a
        + objective.identity_weight("b") * identity_b
    )
    terms = [adversarial_ab, adversarial_ba, cycle_a, cycle_b, identity_a, identity_b]
    return GeneratorLosses(total, terms, passes.fake_a, passes.fake_b)


def discriminator_losses(
    discriminator: Bound,
    objective: Objective,
    real: Array,
    fakes: list[Array],
    mix: Array,
) -> DiscriminatorLosses:
    """`fakes`: the batches that the pool shows; a penalty is between `real` and the first."""
    kind = objective.adversarial
    if discriminator.apart:
        real_scores, *fake_scores = at_once(discriminator, real, *fakes)
    else:
        real_scores, *fake_scores = (discriminator(images) for images in (real, *fakes))
    total = adversarial(kind, real_scores, real=True)
    for scores in fake_scores:
        total = total + adversarial(kind, scores, real=False)
    if kind == "wasserstein_gp":
        penalty = gradient_penalty(discriminator, real, fakes[0], mix)
    else:
        penalty = jnp.zeros_like(total)
    middle, dtype = objective.middle, total.dtype
    accuracy_real = jnp.mean((real_scores > middle).astype(dtype))
    accuracy_fake = jnp.mean((jnp.concatenate(fake_scores) < middle).astype(dtype))
    return DiscriminatorLosses(total, penalty, accuracy_real, accuracy_fake)
