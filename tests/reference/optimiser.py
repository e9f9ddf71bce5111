"""Adam and the moving average of weights, for one array."""

from __future__ import annotations

import math

from torch import Tensor

from harness.config.sections import OptimiserSection


def adam(
    optimiser: OptimiserSection,
    held: tuple[Tensor, Tensor, Tensor],
    gradient: Tensor,
    rate: float,
    t: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Weight, first and second moment after step `t`, counted from 1, of those `held` before it.

    Kingma & Ba 2015, algorithm 1; with `epsilon_hat` as at the end of their section 2.
    """
    weight, m, v = held
    b1, b2, epsilon = optimiser.beta1, optimiser.beta2, optimiser.epsilon
    m = b1 * m + (1 - b1) * gradient
    v = b2 * v + (1 - b2) * gradient**2
    if optimiser.epsilon_hat:
        corrected = rate * math.sqrt(1 - b2**t) / (1 - b1**t)
        return weight - corrected * m / (v.sqrt() + epsilon), m, v
    m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)
    return weight - rate * m_hat / (v_hat.sqrt() + epsilon), m, v


def averaged(average: Tensor, current: Tensor, decay: float, t: int) -> Tensor:
    """The moving average after step `t`, counted from 1."""
    decay = min(decay, (1 + t) / (10 + t))
    return decay * average + (1 - decay) * current
