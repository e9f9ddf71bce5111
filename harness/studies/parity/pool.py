"""Rung 6: the image pool, after many more fakes than it holds and for each of them."""

from __future__ import annotations

import numpy as np

from backends.interface import Batch
from harness.plan.random_streams import stream
from harness.studies.parity.backend_cache import BackendCache
from harness.studies.parity.facts import Facts
from harness.studies.parity.losses import beside_one, of_discriminator
from harness.studies.parity.parity_case import BATCH, standing

STEPS = 5
TERMS = {"discriminator_a": 6, "discriminator_b": 7}


def contents(cache: BackendCache, name: str) -> Facts:
    """What the pools hold in the end, and the discriminators' losses on what they were shown."""
    backend = cache.backend(name, "float32")
    backend.losses()
    for batch in _batches(cache):
        backend.train_step(batch)
    state, losses = backend.state(), backend.losses()
    facts: Facts = {("contents", pool): state[pool] for pool in ("pool_a", "pool_b")}
    for term, column in TERMS.items():
        for step in range(STEPS):
            facts["shown", f"{term}, step {step}"] = beside_one(cache, term, losses[step, column])
    return facts


def written_out(cache: BackendCache, name: str) -> Facts:
    """The pools on the backend's own translations, as they come."""
    backend = cache.backend(name, "float32")

    def run(network: str, images: np.ndarray) -> np.ndarray:
        return backend.activations(network, images, training=True)["output"]

    facts: Facts = {}
    for domain, generator in (("a", "g_ba"), ("b", "g_ab")):
        history = cache.case.experiment.objective.pool == "half_new"
        pool = (_History if history else _Pool)(
            cache.case.objective.pool_size, domain, _batch_size(cache)
        )
        kind = cache.case.objective.adversarial
        for step, batch in enumerate(_batches(cache)):
            real, source = (batch.a, batch.b) if domain == "a" else (batch.b, batch.a)
            term = of_discriminator(kind, run(f"d_{domain}", real), True)
            for fakes in pool.shown(run(generator, source)):
                term = term + of_discriminator(kind, run(f"d_{domain}", fakes), False)
            name_of_term = f"discriminator_{domain}"
            facts["shown", f"{name_of_term}, step {step}"] = beside_one(cache, name_of_term, term)
        height, width, channels = real.shape[1:]
        empty = backend.state()[f"pool_{domain}"][len(pool.images) :]
        held = np.array(pool.images).reshape(-1, height, width, channels)
        facts["contents", f"pool_{domain}"] = np.concatenate([held, empty])
    return facts


class _Pool:
    """util/image_pool.py of the authors' code, fed from the plan's streams of random numbers."""

    def __init__(self, size: int, domain: str, batch: int):
        self.size = size
        self.images: list[np.ndarray] = []
        self.chances = iter(stream(0, f"pool_swap_{domain}").random(batch * STEPS))
        slots = stream(0, f"pool_slot_{domain}").integers(max(size, 1), size=batch * STEPS)
        self.slots = iter(slots)

    def shown(self, fakes: np.ndarray) -> list[np.ndarray]:
        return [np.stack([self.query(fake) for fake in fakes])]

    def query(self, image: np.ndarray) -> np.ndarray:
        chance, slot = next(self.chances), next(self.slots)
        if self.size == 0:
            return image
        if len(self.images) < self.size:
            self.images.append(image)
            return image
        if chance > 0.5:
            stored, self.images[slot] = self.images[slot], image
            return stored
        return image


class _History:
    """The last mini-batches' buffer: all new fakes, and as many out of it."""

    def __init__(self, size: int, domain: str, batch: int):
        self.size = size
        self.images: list[np.ndarray] = []
        self.chosen = iter(stream(0, f"pool_chosen_{domain}").integers(batch, size=STEPS))
        self.shares = iter(stream(0, f"pool_drawn_{domain}").random((STEPS, batch)))
        self.step = 0

    def shown(self, fakes: np.ndarray) -> list[np.ndarray]:
        image, oldest = fakes[next(self.chosen)], self.step % self.size
        self.images[oldest : oldest + 1] = [image]
        self.step += 1
        count = len(self.images)
        drawn = [self.images[int(share * count)] for share in next(self.shares)]
        return [fakes, np.stack(drawn)]


def _batches(cache: BackendCache) -> list[Batch]:
    # At learning rate zero the weights stand still, so every fake can be made anew.
    return [standing(batch) for batch in cache.case.plan_batches(_batch_size(cache), 0, STEPS)]


def _batch_size(cache: BackendCache) -> int:
    """For the pool to be filled in the first steps, and then used."""
    return max(BATCH, cache.case.objective.pool_size * 4 // STEPS)
