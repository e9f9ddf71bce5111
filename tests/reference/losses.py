"""Loss terms, written out; the formulas are in docs/conventions.md."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def distance(norm: str, x: Tensor, y: Tensor) -> Tensor:
    """Mean absolute (l1) or squared (l2) difference."""
    return (x - y).abs().mean() if norm == "l1" else ((x - y) ** 2).mean()


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x))."""
    return torch.logaddexp(x, torch.zeros_like(x))


def for_generator(kind: str, fake: Tensor) -> Tensor:
    """Of the scores of fakes that its discriminator gives."""
    if kind == "least_squares":
        return ((fake - 1) ** 2).mean()
    if kind == "vanilla":
        return softplus(-fake).mean()
    return -fake.mean()  # hinge and both Wassersteins


def of_real(kind: str, real: Tensor) -> Tensor:
    """What a discriminator loses by its scores of real images."""
    if kind == "least_squares":
        return ((real - 1) ** 2).mean()
    if kind == "vanilla":
        return softplus(-real).mean()
    if kind == "hinge":
        return torch.clamp(1 - real, min=0).mean()
    return -real.mean()


def of_fake(kind: str, fake: Tensor) -> Tensor:
    """What a discriminator loses by its scores of fakes."""
    if kind == "least_squares":
        return (fake**2).mean()
    if kind == "vanilla":
        return softplus(fake).mean()
    if kind == "hinge":
        return torch.clamp(1 + fake, min=0).mean()
    return fake.mean()


def middle(kind: str) -> float:
    """Above it a score says real, below it fake."""
    return 0.5 if kind == "least_squares" else 0.0


def gradient_penalty(
    judge: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, shares: list[float]
) -> Tensor:
    """Mean over images of (|g| - 1)^2; `shares`: of the real image in each mixture.

    Image by image, so that none can reach the gradient of another.
    """
    penalties = []
    for r, f, share in zip(real, fake, shares, strict=True):
        mixture = (share * r + (1 - share) * f).detach()[None].requires_grad_()
        (g,) = torch.autograd.grad(judge(mixture).sum(), mixture, create_graph=True)
        # What is added keeps the derivative of the root finite at zero.
        penalties.append((torch.sqrt((g**2).sum() + 1e-16) - 1) ** 2)
    return torch.stack(penalties).mean()
