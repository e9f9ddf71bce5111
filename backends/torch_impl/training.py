"""Image pool, Adam and the training step, PyTorch. Read beside tf_impl/training.py."""

from __future__ import annotations

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
    """Kingma & Ba 2015; epsilon is added after bias correction. PyTorch's own."""

    def __init__(self, parameters: list[Parameter], objective: Objective):
        betas = (objective.beta1, objective.beta2)
        super().__init__(parameters, betas=betas, eps=objective.epsilon)
        for parameter in parameters:
            self.state[parameter] = {
                "step": torch.tensor(0.0),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }

    def apply(self, learning_rate: float) -> None:
        for group in self.param_groups:
            group["lr"] = learning_rate
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
        (0.5 * a.total).backward()
        (0.5 * b.total).backward()
        accuracies = [a.accuracy_real, a.accuracy_fake, b.accuracy_real, b.accuracy_fake]
        return [a.total.detach(), b.total.detach()], accuracies

    def step(
        self,
        real_a: Tensor,
        real_b: Tensor,
        pool_a: PoolDecision,
        pool_b: PoolDecision,
        learning_rate: float,
    ) -> Tensor:
        """One training step; returns the RECORDED values (12,), still on the device."""
        terms, fake_a, fake_b = self.generator_backward(real_a, real_b)
        self.adam_g.apply(learning_rate)
        shown_a = self.pool_a.exchange(fake_a, pool_a)
        shown_b = self.pool_b.exchange(fake_b, pool_b)
        d_terms, accuracies = self.discriminator_backward(real_a, real_b, shown_a, shown_b)
        self.adam_d.apply(learning_rate)
        return torch.stack([*terms, *d_terms, *accuracies])
