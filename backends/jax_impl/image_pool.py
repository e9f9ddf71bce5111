"""The image pool, JAX. Read beside torch_impl/image_pool.py."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array, lax

from backends.interface import POOL_PASS, POOL_SWAP, PoolDecision
from backends.jax_impl.networks import Arrays


class ImagePool:
    """Past fakes shown to a discriminator (Shrivastava et al. 2017). Draws nothing by itself.

    `name`: of the array (size, H, W, C) that holds them.
    """

    def __init__(self, name: str, size: int, shape: tuple[int, int, int]):
        self.name, self.shape = name, (size, *shape)

    def exchange(self, arrays: Arrays, fakes: Array, decision: PoolDecision) -> list[Array]:
        """Batches that the discriminator sees in place of `fakes` (N, H, W, C).

        One image after another, then those that are drawn.
        """
        if self.shape[0] == 0:
            return [fakes]
        shown, images = [], arrays[self.name]
        for i in range(len(fakes)):
            action, slot = decision.action[i], decision.slot[i]
            fake, stored = fakes[i], lax.dynamic_index_in_dim(images, slot, keepdims=False)
            shown.append(jnp.where(action == POOL_SWAP, stored, fake))
            written = jnp.where(action == POOL_PASS, stored, fake)
            images = lax.dynamic_update_index_in_dim(images, written, slot, 0)
        arrays[self.name] = images
        drawn = images[decision.drawn]
        return [jnp.stack(shown), drawn] if len(decision.drawn) else [jnp.stack(shown)]
