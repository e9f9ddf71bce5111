"""Rung 13: what computing in fewer bits than float32 changes, against float64 on the same device.

Whole tensors count by their L2 norms: the rounding of single values is the precision's own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from backends.model import NETWORKS
from backends.objective import LOSS_TERMS
from harness.studies.parity.facts import Facts
from harness.studies.parity.lab import Lab, Precision
from harness.studies.parity.losses import beside_one
from harness.studies.parity.subject import passing, standing


def _measured(lab: Lab, name: str, precision: Precision) -> Facts:
    """What every network puts out, loss terms of a step, gradients of every network."""
    found: Facts = {}
    backend = lab.backend(name, precision)
    for network in NETWORKS:
        size = lab.subject.size(network)
        images = lab.subject.cut(network, 0, 4, size, size)
        output = backend.activations(network, images, training=True)["output"]
        found["outputs", network] = output
    batch = lab.subject.batches[0]
    backend.losses()
    backend.train_step(standing(batch))
    for term, value in zip(LOSS_TERMS, backend.losses()[0], strict=False):
        found["losses", term] = beside_one(lab, term, value)
    gradients = lab.backend(name, precision).gradients(passing(batch))
    for network in NETWORKS:
        own = [each.ravel() for key, each in gradients.items() if key.startswith(f"{network}/")]
        found["gradients", network] = np.concatenate(own)
    return found


# Once for every precision: what is measured of one is remembered under its function.
MEASURED = {
    precision: partial(_measured, precision=precision)
    for precision in ("float64", "bfloat16", "tf32")
}


def facts(precision: Precision, of: Precision, gradients: bool) -> Callable[[Lab, str], Facts]:
    """A measure of what `precision` computes, for the rows about `of`: the gradients, or the rest.

    With `of` itself what is checked, with float64 the truth for it.
    """

    def measure(lab: Lab, name: str) -> Facts:
        found = lab.once(MEASURED[precision], name)
        return {
            (f"{of}, {group}", detail): array
            for (group, detail), array in found.items()
            if (group == "gradients") == gradients
        }

    return measure
