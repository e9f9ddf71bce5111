"""CycleGAN losses, TensorFlow. Read beside torch_impl/losses.py.

Every term is a mean over elements; backends.objective.Objective has the formulas and sources.
"""

from __future__ import annotations

from typing import NamedTuple

import keras
import tensorflow as tf
from tensorflow import Tensor

from backends.interface import Batch
from backends.objective import FAKE, REAL, Objective


class Networks(NamedTuple):
    g_ab: keras.Model
    g_ba: keras.Model
    d_a: keras.Model
    d_b: keras.Model


class Generated(NamedTuple):
    """What the generators make of a batch; no identity images where nothing is lost by them."""

    fake_a: Tensor
    fake_b: Tensor
    cycle_a: Tensor
    cycle_b: Tensor
    identity_a: Tensor | None = None
    identity_b: Tensor | None = None


class GeneratorLosses(NamedTuple):
    total: Tensor  # the weighted sum that both generators minimise
    terms: list[Tensor]  # in the order of LOSS_TERMS, discriminators left out
    fake_a: Tensor
    fake_b: Tensor


class DiscriminatorLosses(NamedTuple):
    total: Tensor  # real plus fake terms, before the factor 1/2
    penalty: Tensor  # before its weight; zero without
    accuracy_real: Tensor
    accuracy_fake: Tensor


def least_squares(scores: Tensor, target: float) -> Tensor:
    return tf.reduce_mean((scores - target) ** 2)


def l1(x: Tensor, y: Tensor) -> Tensor:
    return tf.reduce_mean(tf.abs(x - y))


def l2(x: Tensor, y: Tensor) -> Tensor:
    return tf.reduce_mean((x - y) ** 2)


def adversarial(kind: str, scores: Tensor, real: bool) -> Tensor:
    """What a discriminator loses by its scores of real images, or of fakes."""
    sign = -1.0 if real else 1.0
    if kind == "least_squares":
        return least_squares(scores, REAL if real else FAKE)
    if kind == "vanilla":
        return tf.reduce_mean(tf.nn.softplus(sign * scores))
    if kind == "hinge":
        return tf.reduce_mean(tf.nn.relu(1 + sign * scores))
    return tf.reduce_mean(sign * scores)


def adversarial_of_generator(kind: str, scores: Tensor) -> Tensor:
    """What a generator loses by scores of its fakes: as if real, hinge without its bend."""
    return adversarial("wasserstein" if kind == "hinge" else kind, scores, real=True)


def gradient_penalty(discriminator: keras.Model, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """Of the mixtures mix * real + (1 - mix) * fake; `mix` (N,) is an image's share."""
    mix = mix[:, None, None, None]
    mixed = mix * real + (1 - mix) * fake
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(mixed)
        scores = tf.reduce_sum(discriminator(mixed))
    gradient = tape.gradient(scores, mixed)
    # The square root has no derivative at zero.
    norms = tf.sqrt(tf.reduce_sum(gradient**2, (1, 2, 3)) + 1e-16)
    return tf.reduce_mean((norms - 1) ** 2)


def at_once(network: keras.Model, *batches: Tensor) -> list[Tensor]:
    """What a network whose images are `apart` makes of several batches, in one pass."""
    return tf.split(network(tf.concat(batches, 0)), [batch.shape[0] for batch in batches])


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
        identity_a = identity_b = tf.zeros_like(cycle_a)
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
    discriminator: keras.Model,
    objective: Objective,
    real: Tensor,
    fakes: list[Tensor],
    mix: Tensor,
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
        penalty = tf.zeros_like(total)
    middle, dtype = objective.middle, total.dtype
    accuracy_real = tf.reduce_mean(tf.cast(real_scores > middle, dtype))
    accuracy_fake = tf.reduce_mean(tf.cast(tf.concat(fake_scores, 0) < middle, dtype))
    return DiscriminatorLosses(total, penalty, accuracy_real, accuracy_fake)
