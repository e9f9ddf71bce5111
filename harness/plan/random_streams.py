"""Streams of random numbers, and the decisions of image pools.

Each stream of choices has a Philox generator of its own, keyed by (seed, stream name): no stream
depends on how many numbers another drew, and a longer run begins with the choices of a shorter one.
"""

from __future__ import annotations

import hashlib

import numpy as np

from backends.interface import POOL_PASS, POOL_STORE, POOL_SWAP


def stream(seed: int, name: str) -> np.random.Generator:
    """Generator of the stream `name` of run `seed`."""
    key = hashlib.sha256(f"{seed}/{name}".encode()).digest()[:16]
    return np.random.Generator(np.random.Philox(key=np.frombuffer(key, np.uint64)))


def pool_decisions(
    swap: np.ndarray, slot: np.ndarray, pool_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Actions and slots (images,) of the authors' image pool, in the order images are made.

    Until it is full a new image is stored and shown; then, where `swap` (bool, probability 1/2),
    the one in `slot` (uniform) is shown and the new one takes its place.
    """
    action = np.where(swap, POOL_SWAP, POOL_PASS).astype(np.int32)
    slot = slot.astype(np.int32)
    filling = min(pool_size, len(action))
    action[:filling], slot[:filling] = POOL_STORE, np.arange(filling)
    if pool_size == 0:
        action[:] = POOL_PASS
    return action, slot


def history_decisions(
    chosen: np.ndarray, share: np.ndarray, pool_size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Actions, slots and drawn slots, int32 (steps, batch), of a buffer of the last mini-batches.

    Of every batch the image `chosen` (int (steps,)) takes the place of the oldest. Then, besides
    the new images, as many are shown from anywhere in the buffer (`share` float64 (steps, batch) in
    [0, 1), uniform). Shrivastava et al. 2017, with one image a batch.
    """
    steps, batch = share.shape
    step = np.arange(steps)[:, None]
    action = np.where(np.arange(batch) == chosen[:, None], POOL_STORE, POOL_PASS)
    slot = np.broadcast_to(step % pool_size, share.shape)
    drawn = share * np.minimum(step + 1, pool_size)
    return action.astype(np.int32), slot.astype(np.int32), drawn.astype(np.int32)
