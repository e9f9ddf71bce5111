"""Rung 6: the image pool, after 200 fakes and for each of them."""

from __future__ import annotations

import numpy as np

from backends.interface import Batch
from harness.consistency.parity.facts import Facts
from harness.consistency.parity.lab import Lab
from harness.consistency.parity.subject import standing
from harness.plan import stream

BATCH, STEPS = 40, 5
TERMS = {"discriminator_a": 6, "discriminator_b": 7}


def contents(lab: Lab, name: str) -> Facts:
    """What the pools hold in the end, and the discriminators' losses on what they were shown."""
    backend = lab.backend(name, "float32")
    backend.losses()
    for batch in _batches(lab):
        backend.train_step(batch)
    state, losses = backend.state(), backend.losses()
    facts: Facts = {("contents", pool): state[pool] for pool in ("pool_a", "pool_b")}
    for term, column in TERMS.items():
        for step in range(STEPS):
            facts["shown", f"{term}, step {step}"] = losses[step, column]
    return facts


def written_out(lab: Lab, name: str) -> Facts:
    """The authors' ImagePool on the backend's own translations, as they come."""
    backend = lab.backend(name, "float32")

    def run(network: str, images: np.ndarray) -> np.ndarray:
        return backend.activations(network, images, training=True)["output"]

    facts: Facts = {}
    for domain, generator in (("a", "g_ba"), ("b", "g_ab")):
        pool = _Pool(lab.subject.objective.pool_size, domain)
        for step, batch in enumerate(_batches(lab)):
            real, source = (batch.a, batch.b) if domain == "a" else (batch.b, batch.a)
            shown = np.stack([pool.query(fake) for fake in run(generator, source)])
            on_real, on_fake = run(f"d_{domain}", real), run(f"d_{domain}", shown)
            term = np.mean((on_real - 1) ** 2) + np.mean(on_fake**2)
            facts["shown", f"discriminator_{domain}, step {step}"] = term
        height, width, channels = batch.a.shape[1:]
        empty = backend.state()[f"pool_{domain}"][len(pool.images) :]
        held = np.array(pool.images).reshape(-1, height, width, channels)
        facts["contents", f"pool_{domain}"] = np.concatenate([held, empty])
    return facts


class _Pool:
    """util/image_pool.py of the authors' code, fed from the plan's streams of random numbers."""

    def __init__(self, size: int, domain: str):
        self.size = size
        self.images: list[np.ndarray] = []
        self.chances = iter(stream(0, f"pool_swap_{domain}").random(BATCH * STEPS))
        slots = stream(0, f"pool_slot_{domain}").integers(max(size, 1), size=BATCH * STEPS)
        self.slots = iter(slots)

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


def _batches(lab: Lab) -> list[Batch]:
    # At learning rate zero the weights stand still, so every fake can be made anew.
    return [standing(batch) for batch in lab.subject.plan_batches(BATCH, 0, STEPS)]
