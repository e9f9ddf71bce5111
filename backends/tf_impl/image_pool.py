"""The image pool, TensorFlow. Read beside torch_impl/image_pool.py."""

from __future__ import annotations

import tensorflow as tf
from tensorflow import Tensor, Variable

from backends.interface import POOL_PASS, POOL_SWAP, PoolDecision
from backends.tf_impl.replicas import own


class ImagePool:
    """Past fakes shown to a discriminator (Shrivastava et al. 2017). Draws nothing by itself."""

    def __init__(self, size: int, shape: tuple[int, int, int], dtype: str):
        self.images = Variable(tf.zeros((size, *shape), dtype), trainable=False)

    def exchange(self, fakes: Tensor, decision: PoolDecision) -> list[Tensor]:
        """Batches that the discriminator sees in place of `fakes` (N, H, W, C).

        One image after another, then those that are drawn.
        """
        if self.images.shape[0] == 0:
            return [fakes]
        shown, images = [], own(self.images)
        for i in range(fakes.shape[0]):
            action, slot = decision.action[i], decision.slot[i]
            fake, stored = fakes[i], images.sparse_read(slot)
            shown.append(tf.where(action == POOL_SWAP, stored, fake))
            written = tf.where(action == POOL_PASS, stored, fake)
            images.scatter_update(tf.IndexedSlices(written[None], slot[None]))
        drawn = images.sparse_read(decision.drawn)
        return [tf.stack(shown), drawn] if decision.drawn.shape[0] else [tf.stack(shown)]
