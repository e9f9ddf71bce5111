"""CycleGAN losses, TensorFlow. Read beside torch_impl/losses.py.

Every term is a mean over elements (Zhu et al. 2017, least squares after Mao et al. 2017).
"""

from __future__ import annotations

from typing import NamedTuple

import keras
import tensorflow as tf
from tensorflow import Tensor

from backends.interface import Objective

REAL, FAKE = 1.0, 0.0


class Networks(NamedTuple):
    g_ab: keras.Model
    g_ba: keras.Model
    d_a: keras.Model
    d_b: keras.Model


class GeneratorLosses(NamedTuple):
    total: Tensor  # the weighted sum that both generators minimise
    terms: list[Tensor]  # in the order of LOSS_TERMS, discriminators left out
    fake_a: Tensor
    fake_b: Tensor


class DiscriminatorLosses(NamedTuple):
    total: Tensor  # real plus fake term, before the factor 1/2
    accuracy_real: Tensor
    accuracy_fake: Tensor


def least_squares(scores: Tensor, target: float) -> Tensor:
    return tf.reduce_mean((scores - target) ** 2)


def l1(x: Tensor, y: Tensor) -> Tensor:
    return tf.reduce_mean(tf.abs(x - y))


def generator_losses(
    networks: Networks, objective: Objective, real_a: Tensor, real_b: Tensor
) -> GeneratorLosses:
    fake_b = networks.g_ab(real_a)
    fake_a = networks.g_ba(real_b)
    adversarial_ab = least_squares(networks.d_b(fake_b), REAL)
    adversarial_ba = least_squares(networks.d_a(fake_a), REAL)
    cycle_a = l1(networks.g_ba(fake_b), real_a)
    cycle_b = l1(networks.g_ab(fake_a), real_b)
    if objective.identity > 0:
        identity_a = l1(networks.g_ba(real_a), real_a)
        identity_b = l1(networks.g_ab(real_b), real_b)
    else:
        identity_a = identity_b = tf.zeros_like(cycle_a)
    total = (
        adversarial_ab
        + adversarial_ba
        + objective.lambda_a * (cycle_a + objective.identity * identity_a)
        + objective.lambda_b * (cycle_b + objective.identity * identity_b)
    )
    terms = [adversarial_ab, adversarial_ba, cycle_a, cycle_b, identity_a, identity_b]
    return GeneratorLosses(total, terms, fake_a, fake_b)


def discriminator_losses(
    discriminator: keras.Model, real: Tensor, fake: Tensor
) -> DiscriminatorLosses:
    real_scores = discriminator(real)
    fake_scores = discriminator(fake)
    total = least_squares(real_scores, REAL) + least_squares(fake_scores, FAKE)
    middle = (REAL + FAKE) / 2
    accuracy_real = tf.reduce_mean(tf.cast(real_scores > middle, total.dtype))
    accuracy_fake = tf.reduce_mean(tf.cast(fake_scores < middle, total.dtype))
    return DiscriminatorLosses(total, accuracy_real, accuracy_fake)
