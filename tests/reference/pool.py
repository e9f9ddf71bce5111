"""What a discriminator is shown in place of new fakes."""

from __future__ import annotations

import torch
from torch import Tensor

from backends.interface import POOL_STORE, POOL_SWAP, PoolDecision


def shown(kind: str, pool: Tensor, fakes: Tensor, decision: PoolDecision) -> list[Tensor]:
    """Batches (N, C, H, W), each a term of the loss. `pool`: (slots, H, W, C), is changed.

    `kind`, of the configuration: reference shows one batch, in which old images may take the place
    of new ones; half_new the new ones, and a second batch out of the pool; none the new ones.
    """
    if kind == "none":
        return [fakes]
    first = []
    for fake, action, slot in zip(fakes, decision.action, decision.slot, strict=True):
        swapped = action == POOL_SWAP
        if swapped and kind == "half_new":
            raise ValueError("half_new: no old image takes the place of a new one")
        first.append(pool[slot].permute(2, 0, 1).clone() if swapped else fake)
        if swapped or action == POOL_STORE:
            pool[slot] = fake.permute(1, 2, 0)
    if kind == "reference":
        return [torch.stack(first)]
    drawn = [pool[slot].permute(2, 0, 1).clone() for slot in decision.drawn]
    return [torch.stack(first), torch.stack(drawn)]
