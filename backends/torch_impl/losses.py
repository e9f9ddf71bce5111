"""CycleGAN losses, PyTorch. Read beside tf_impl/losses.py.

Every term is a mean over elements; backends.objective.Objective has the formulas and sources.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from backends.interface import Batch
from backends.objective import FAKE, REAL, Objective


class Networks(NamedTuple):
    g_ab: nn.Module
    g_ba: nn.Module
    d_a: nn.Module
    d_b: nn.Module


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
    return torch.mean((scores - target) ** 2)


def l1(x: Tensor, y: Tensor) -> Tensor:
    return torch.mean(torch.abs(x - y))


def l2(x: Tensor, y: Tensor) -> Tensor:
    return torch.mean((x - y) ** 2)


def adversarial(kind: str, scores: Tensor, real: bool) -> Tensor:
    """What a discriminator loses by its scores of real images, or of fakes."""
    sign = -1.0 if real else 1.0
    if kind == "least_squares":
        return least_squares(scores, REAL if real else FAKE)
    if kind == "vanilla":
        return torch.mean(F.softplus(sign * scores, threshold=40))
    if kind == "hinge":
        return torch.mean(F.relu(1 + sign * scores))
    return torch.mean(sign * scores)


def adversarial_of_generator(kind: str, scores: Tensor) -> Tensor:
    """What a generator loses by scores of its fakes: as if real, hinge without its bend."""
    return adversarial("wasserstein" if kind == "hinge" else kind, scores, real=True)


def gradient_penalty(discriminator: nn.Module, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """Of the mixtures mix * real + (1 - mix) * fake; `mix` (N,) is an image's share."""
    mix = mix[:, None, None, None]
    mixed = (mix * real + (1 - mix) * fake).requires_grad_(True)
    (gradient,) = torch.autograd.grad(discriminator(mixed).sum(), mixed, create_graph=True)
    # The square root has no derivative at zero.
    norms = torch.sqrt(torch.sum(gradient**2, (1, 2, 3)) + 1e-16)
    return torch.mean((norms - 1) ** 2)


def generator_losses(networks: Networks, objective: Objective, batch: Batch) -> GeneratorLosses:
    real_a, real_b, kept, kind = batch.a, batch.b, batch.kept, objective.adversarial
    cycle = l1 if objective.cycle_norm == "l1" else l2
    identity = l1 if objective.identity_norm == "l1" else l2
    fake_b = networks.g_ab(real_a, kept.get("fake_b", ()))
    fake_a = networks.g_ba(real_b, kept.get("fake_a", ()))
    adversarial_ab = adversarial_of_generator(kind, networks.d_b(fake_b))
    adversarial_ba = adversarial_of_generator(kind, networks.d_a(fake_a))
    cycle_a = cycle(networks.g_ba(fake_b, kept.get("cycle_a", ())), real_a)
    cycle_b = cycle(networks.g_ab(fake_a, kept.get("cycle_b", ())), real_b)
    if objective.identity > 0:
        identity_a = identity(networks.g_ba(real_a, kept.get("identity_a", ())), real_a)
        identity_b = identity(networks.g_ab(real_b, kept.get("identity_b", ())), real_b)
    else:
        identity_a = identity_b = torch.zeros_like(cycle_a)
    total = (
        adversarial_ab
        + adversarial_ba
        + objective.lambda_a * cycle_a
        + objective.lambda_b * cycle_b
        + objective.identity_weight("a") * identity_a
        + objective.identity_weight("b") * identity_b
    )
    terms = [adversarial_ab, adversarial_ba, cycle_a, cycle_b, identity_a, identity_b]
    return GeneratorLosses(total, terms, fake_a, fake_b)


def discriminator_losses(
    discriminator: nn.Module,
    objective: Objective,
    real: Tensor,
    fakes: list[Tensor],
    mix: Tensor,
) -> DiscriminatorLosses:
    """`fakes`: the batches that the pool shows; a penalty is between `real` and the first."""
    kind = objective.adversarial
    real_scores = discriminator(real)
    fake_scores = [discriminator(fake) for fake in fakes]
    total = adversarial(kind, real_scores, real=True)
    for scores in fake_scores:
        total = total + adversarial(kind, scores, real=False)
    if kind == "wasserstein_gp":
        penalty = gradient_penalty(discriminator, real, fakes[0], mix)
    else:
        penalty = torch.zeros_like(total)
    middle, dtype = objective.middle, total.dtype
    accuracy_real = torch.mean((real_scores > middle).to(dtype))
    accuracy_fake = torch.mean((torch.cat(fake_scores) < middle).to(dtype))
    return DiscriminatorLosses(total, penalty, accuracy_real, accuracy_fake)
