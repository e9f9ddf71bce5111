"""Image pool, Adam and the training step, PyTorch. Read beside tf_impl/training.py."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import Parameter

from backends.interface import POOL_PASS, POOL_SWAP, Objective, PoolDecision
from backends.torch_impl.losses import Networks, discriminator_losses, generator_losses


class ImagePool:
    """Past fakes shown to a discriminator (Shrivastava et al. 2017). Draws nothing by itself."""

    def __init__(self, size: int, shape: tuple[int, int, int], like: Tensor):
        height, width, channels = shape
        self.images = like.new_zeros((size, channels, height, width))

    def exchange(self, fakes: Tensor, decision: PoolDecision) -> Tensor:
        """What the discriminator sees in place of `fakes` (N, C, H, W); one image after another."""
        shown = []
        pairs = zip(decision.action.tolist(), decision.slot.tolist(), strict=True)
        for i, (action, slot) in enumerate(pairs):
            fake = fakes[i]
            shown.append(self.images[slot].clone() if action == POOL_SWAP else fake)
            if action != POOL_PASS:
                self.images[slot] = fake
        return torch.stack(shown)


class Adam(torch.optim.Adam):
    """Kingma & Ba 2015; epsilon is added after bias correction, unless it is asked for before."""

    def __init__(self, parameters: list[Parameter], objective: Objective):
        betas = (objective.beta1, objective.beta2)
        super().__init__(parameters, betas=betas, eps=objective.epsilon)
        self.beta2, self.epsilon = objective.beta2, objective.epsilon
        self.epsilon_hat = objective.epsilon_hat
        for parameter in parameters:
            self.state[parameter] = {
                "step": torch.tensor(0.0),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }

    def apply(self, learning_rate: float) -> None:
        epsilon = self.epsilon
        if self.epsilon_hat:
            count = int(next(iter(self.state.values()))["step"]) + 1
            epsilon /= math.sqrt(1 - self.beta2**count)
        for group in self.param_groups:
            group["lr"], group["eps"] = learning_rate, epsilon
        self.step()


class Trainer:
    """The reference's update order: both generators, then both discriminators on pooled fakes."""

    def __init__(
        self, networks: Networks, objective: Objective, pools: tuple[ImagePool, ImagePool]
    ):
        self.networks, self.objective = networks, objective
        self.pool_a, self.pool_b = pools
        self.generators = [*networks.g_ab.parameters(), *networks.g_ba.parameters()]
        self.discriminators = [*networks.d_a.parameters(), *networks.d_b.parameters()]
        self.adam_g = Adam(self.generators, objective)
        self.adam_d = Adam(self.discriminators, objective)

    def generator_backward(
        self, real_a: Tensor, real_b: Tensor
    ) -> tuple[list[Tensor], Tensor, Tensor]:
        """Gradients of the generators; returns loss terms and detached fakes of A and B."""
        for parameter in self.discriminators:
            parameter.requires_grad_(False)
        self.adam_g.zero_grad()
        losses = generator_losses(self.networks, self.objective, real_a, real_b)
        losses.total.backward()
        terms = [term.detach() for term in losses.terms]
        return terms, losses.fake_a.detach(), losses.fake_b.detach()

    def discriminator_backward(
        self, real_a: Tensor, real_b: Tensor, fake_a: Tensor, fake_b: Tensor
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Gradients of the discriminators on pooled fakes; returns loss terms and accuracies."""
        for parameter in self.discriminators:
            parameter.requires_grad_(True)
        self.adam_d.zero_grad()
        a = discriminator_losses(self.networks.d_a, real_a, fake_a)
        b = discriminator_losses(self.networks.d_b, real_b, fake_b)
        (self.objective.discriminator_weight * (a.total + b.total)).backward()
        accuracies = [a.accuracy_real, a.accuracy_fake, b.accuracy_real, b.accuracy_fake]
        return [a.total.detach(), b.total.detach()], accuracies

    def update_generators(
        self, real_a: Tensor, real_b: Tensor, learning_rate: float
    ) -> tuple[list[Tensor], Tensor, Tensor]:
        """Returns loss terms and detached fakes of A and B, made before the update."""
        terms, fake_a, fake_b = self.generator_backward(real_a, real_b)
        self.adam_g.apply(learning_rate)
        return terms, fake_a, fake_b

    def update_discriminators(
        self,
        reals: tuple[Tensor, Tensor],
        fakes: tuple[Tensor, Tensor],
        pools: tuple[PoolDecision, PoolDecision],
        learning_rate: float,
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Returns loss terms and accuracies; everything in the order A, B."""
        shown_a = self.pool_a.exchange(fakes[0], pools[0])
        shown_b = self.pool_b.exchange(fakes[1], pools[1])
        terms, accuracies = self.discriminator_backward(*reals, shown_a, shown_b)
        self.adam_d.apply(learning_rate)
        return terms, accuracies

    def step(
        self,
        real_a: Tensor,
        real_b: Tensor,
        pool_a: PoolDecision,
        pool_b: PoolDecision,
        learning_rate: float,
    ) -> Tensor:
        """One training step; returns the RECORDED values (12,), still on the device."""
        reals, pools = (real_a, real_b), (pool_a, pool_b)
        if self.objective.update_order == "discriminators_first":
            with torch.no_grad():
                fakes = (self.networks.g_ba(real_b), self.networks.g_ab(real_a))
            d_terms, accuracies = self.update_discriminators(reals, fakes, pools, learning_rate)
            terms, *_ = self.update_generators(real_a, real_b, learning_rate)
        else:
            terms, *fakes = self.update_generators(real_a, real_b, learning_rate)
            d_terms, accuracies = self.update_discriminators(reals, fakes, pools, learning_rate)
        return torch.stack([*terms, *d_terms, *accuracies])
