"""Adam and the training step, PyTorch. Read beside tf_impl/training.py."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import Module, Parameter

from backends.interface import Batch
from backends.objective import Objective
from backends.torch_impl.image_pool import ImagePool
from backends.torch_impl.losses import (
    GeneratorLosses,
    Networks,
    discriminator_losses,
    generator_losses,
)
from backends.torch_impl.replicas import Replicas


class Adam(torch.optim.Adam):
    """Kingma & Ba 2015; epsilon is added after bias correction, unless it is asked for before.

    `clip`: the largest absolute value that a step leaves any parameter. `count`: steps taken, also
    kept here: to read the kernel's own count, on the device, would be to wait for the device.
    """

    def __init__(
        self, parameters: list[Parameter], objective: Objective, clip: float | None = None
    ):
        betas = (objective.beta1, objective.beta2)
        super().__init__(parameters, betas=betas, eps=objective.epsilon, fused=True)
        self.beta2, self.epsilon = objective.beta2, objective.epsilon
        self.epsilon_hat, self.clip = objective.epsilon_hat, clip
        self.count = 0
        for parameter in parameters:
            # As torch.optim makes it for the fused kernel, which takes no tensor of another device.
            self.state[parameter] = {
                "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }

    @torch.no_grad()
    def set_count(self, count: int) -> None:
        """As after `count` steps."""
        self.count = count
        for state in self.state.values():
            state["step"].fill_(count)

    def apply(self, learning_rate: float) -> None:
        self.count += 1
        epsilon = self.epsilon
        if self.epsilon_hat:
            epsilon /= math.sqrt(1 - self.beta2**self.count)
        for group in self.param_groups:
            group["lr"], group["eps"] = learning_rate, epsilon
        self.step()
        if self.clip is not None:
            self.clip_parameters(self.clip)

    @torch.no_grad()
    def clip_parameters(self, clip: float) -> None:
        for parameter in self.state:
            parameter.clamp_(-clip, clip)


class Average:
    """Moving average of the generators' weights and running statistics.

    `g_ab`, `g_ba`: networks like those that are trained, to hold it.
    """

    def __init__(self, networks: Networks, objective: Objective, g_ab: Module, g_ba: Module):
        self.objective = objective
        self.g_ab, self.g_ba = g_ab.requires_grad_(False), g_ba.requires_grad_(False)
        self.current = numbers(networks.g_ab) + numbers(networks.g_ba)
        self.averaged = numbers(self.g_ab) + numbers(self.g_ba)

    @torch.no_grad()
    def update(self, step: int) -> None:
        torch._foreach_lerp_(self.averaged, self.current, 1 - self.objective.decay(step))


def numbers(network: Module) -> list[Tensor]:
    """Weights and running statistics."""
    return [*network.parameters(), *network.buffers()]


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
        self.generators = [*networks.g_ab.parameters(), *networks.g_ba.parameters()]
        self.discriminators = [*networks.d_a.parameters(), *networks.d_b.parameters()]
        clip = objective.clip if objective.adversarial == "wasserstein" else None
        self.adam_g = Adam(self.generators, objective)
        self.adam_d = Adam(self.discriminators, objective, clip)

    @torch.no_grad()
    def fakes(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Of A and B."""
        fake_b = self.networks.g_ab(batch.a, batch.kept.get("fake_b", ()))
        return self.networks.g_ba(batch.b, batch.kept.get("fake_a", ())), fake_b

    def generator_losses(self, batch: Batch) -> GeneratorLosses:
        return generator_losses(self.networks, self.objective, batch)

    def generator_backward(self, batch: Batch) -> tuple[list[Tensor], Tensor, Tensor]:
        """Gradients of the generators; returns loss terms and detached fakes of A and B."""
        for parameter in self.discriminators:
            parameter.requires_grad_(False)
        self.adam_g.zero_grad()
        losses = self.generator_losses(batch)
        losses.total.backward()
        self.replicas.average([parameter.grad for parameter in self.generators])
        terms = [term.detach() for term in losses.terms]
        return terms, losses.fake_a.detach(), losses.fake_b.detach()

    def discriminator_backward(
        self, batch: Batch, fakes_a: list[Tensor], fakes_b: list[Tensor]
    ) -> list[Tensor]:
        """Gradients of the discriminators on what the pools show.

        Returns loss terms, accuracies and penalties, in the order of RECORDED.
        """
        objective = self.objective
        for parameter in self.discriminators:
            parameter.requires_grad_(True)
        self.adam_d.zero_grad()
        a = discriminator_losses(self.networks.d_a, objective, batch.a, fakes_a, batch.mix_a)
        b = discriminator_losses(self.networks.d_b, objective, batch.b, fakes_b, batch.mix_b)
        total = objective.discriminator_weight * (a.total + b.total)
        if objective.adversarial == "wasserstein_gp":
            total = total + objective.gradient_penalty * (a.penalty + b.penalty)
        total.backward()
        self.replicas.average([parameter.grad for parameter in self.discriminators])
        accuracies = [a.accuracy_real, a.accuracy_fake, b.accuracy_real, b.accuracy_fake]
        recorded = [a.total, b.total, *accuracies, a.penalty, b.penalty]
        return [value.detach() for value in recorded]

    def discriminators_on_pools(self, batch: Batch, fake_a: Tensor, fake_b: Tensor) -> list[Tensor]:
        """`discriminator_backward` on new fakes after they have met the pools.

        Those of all replicas meet them, as in a batch of one device; then each takes its share.
        """
        part, gather = self.replicas.part, self.replicas.gather
        shown_a = self.pool_a.exchange(gather(fake_a), batch.pool_a)
        shown_b = self.pool_b.exchange(gather(fake_b), batch.pool_b)
        return self.discriminator_backward(batch, *([*map(part, x)] for x in (shown_a, shown_b)))

    def update(self, adam: Adam, learning_rate: float) -> None:
        adam.apply(learning_rate)

    def update_average(self) -> None:
        if self.average is not None:
            self.average.update(self.adam_g.count)

    def recorded(self, terms: list[Tensor], judged: list[Tensor]) -> Tensor:
        """RECORDED values, means over all replicas."""
        values = torch.stack([*terms, *judged])
        self.replicas.average([values])
        return values

    def step(self, batch: Batch) -> Tensor:
        """One training step; images are (N, C, H, W) in [-1, 1], this replica's share.

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
            judged = self.discriminators_on_pools(batch, *self.fakes(batch))
            self.update(self.adam_d, rate_d)
            terms, *_ = self.generator_backward(batch)
            self.update(self.adam_g, rate_g)
            return self.recorded(terms, judged)
        terms, fake_a, fake_b = self.generator_backward(batch)
        if order == "generators_first":
            self.update(self.adam_g, rate_g)
        judged = self.discriminators_on_pools(batch, fake_a, fake_b)
        if order == "simultaneous":
            self.update(self.adam_g, rate_g)
        self.update(self.adam_d, rate_d)
        return self.recorded(terms, judged)


def in_pieces(trainer: Trainer, end: Callable[..., None]) -> Trainer:
    """The same trainer; after each of PHASES but the host's, its `step` calls `end` with it."""
    pieces = copy.copy(trainer)

    def ending(method: Callable, phase: str):
        def piece(*args):
            result = method(*args)
            end(phase)
            return result

        return piece

    pieces.generator_losses = ending(pieces.generator_losses, "generators_forward")
    pieces.generator_backward = ending(pieces.generator_backward, "generators_backward")
    pieces.discriminators_on_pools = ending(pieces.discriminators_on_pools, "discriminators")
    pieces.update = ending(pieces.update, "optimisers")
    pieces.update_average = ending(pieces.update_average, "optimisers")
    return pieces
