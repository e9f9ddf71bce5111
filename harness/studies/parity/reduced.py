"""Rung 13: what computing in fewer bits than float32 changes, against float64 on the same device.

Whole tensors count by their L2 norms: the rounding of single values is the precision's own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from backends.model import NETWORKS
from backends.objective import LOSS_TERMS
from harness.studies.parity.backend_cache import BackendCache, Precision
from harness.studies.parity.facts import Facts
from harness.studies.parity.losses import beside_one
from harness.studies.parity.parity_case import passing, standing


def _measured(cache: BackendCache, name: str, precision: Precision) -> Facts:
    """What every network puts out, loss terms of a step, gradients of every network."""
    facts: Facts = {}
    backend = cache.backend(name, precision)
    for network in NETWORKS:
        size = cache.case.size(network)
        images = cache.case.cut(network, 0, 4, size, size)
        output = backend.activations(network, images, training=True)["output"]
        facts["outputs", network] = output
    batch = cache.case.batches[0]
    backend.losses()
    backend.train_step(standing(batch))
    for term, value in zip(LOSS_TERMS, backend.losses()[0], strict=False):
        facts["losses", term] = beside_one(cache, term, value)
    gradients = cache.backend(name, precision).gradients(passing(batch))
    for network in NETWORKS:
        own = [
            gradient.ravel() for key, gradient in gradients.items() if key.startswith(f"{network}/")
        ]
        facts["gradients", network] = np.concatenate(own)
    return facts


# Once for every precision: what is measured of one is remembered under its function.
MEASURED = {
    precision: partial(_measured, precision=precision)
    for precision in ("float64", "bfloat16", "tf32")
}


def facts(
    precision: Precision, of: Precision, gradients: bool
) -> Callable[[BackendCache, str], Facts]:
    """A measure of what `precision` computes, for the rows about `of`: the gradients, or the rest.

    With `of` itself what is checked, with float64 the truth for it.
    """

    def measure(cache: BackendCache, name: str) -> Facts:
        measured = cache.once(MEASURED[precision], name)
        return {
            (f"{of}, {group}", detail): array
            for (group, detail), array in measured.items()
            if (group == "gradients") == gradients
        }

    return measure
