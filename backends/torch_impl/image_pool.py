"""The image pool, PyTorch. Read beside tf_impl/image_pool.py."""

from __future__ import annotations

import torch
from torch import Tensor

from backends.interface import POOL_PASS, POOL_SWAP, PoolDecision


class ImagePool:
    """Past fakes shown to a discriminator (Shrivastava et al. 2017). Draws nothing by itself."""

    def __init__(self, size: int, shape: tuple[int, int, int], like: Tensor):
        height, width, channels = shape
        self.images = like.new_zeros((size, channels, height, width))

    def exchange(self, fakes: Tensor, decision: PoolDecision) -> list[Tensor]:
        """Batches that the discriminator sees in place of `fakes` (N, C, H, W).

        One image after another, then those that are drawn.
        """
        shown = []
        pairs = zip(decision.action.tolist(), decision.slot.tolist(), strict=True)
        for i, (action, slot) in enumerate(pairs):
            fake = fakes[i]
            shown.append(self.images[slot].clone() if action == POOL_SWAP else fake)
            if action != POOL_PASS:
                self.images[slot] = fake
        # One by one: a list of places would go to the device first, and be waited for.
        drawn = [self.images[slot] for slot in decision.drawn.tolist()]
        return [torch.stack(shown), torch.stack(drawn)] if drawn else [torch.stack(shown)]
