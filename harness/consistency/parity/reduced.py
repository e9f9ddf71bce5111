"""Rung 13: what computing in fewer bits than float32 changes, against float64 on the same device.

Whole tensors count by their L2 norms: the rounding of single values is the precision's own.
"""

from __future__ import annotations

import numpy as np

from backends.model import NETWORKS
from backends.objective import LOSS_TERMS
from harness.consistency.parity.facts import Facts
from harness.consistency.parity.lab import Lab, Precision
from harness.consistency.parity.losses import beside_one
from harness.consistency.parity.subject import passing, standing


def bfloat16(lab: Lab, name: str) -> Facts:
    return _named("bfloat16", _forward(lab.once(_bfloat16, name)))


def bfloat16_truth(lab: Lab, name: str) -> Facts:
    return _named("bfloat16", _forward(lab.once(_float64, name)))


def bfloat16_gradients(lab: Lab, name: str) -> Facts:
    return _named("bfloat16", _gradients(lab.once(_bfloat16, name)))


def bfloat16_gradients_truth(lab: Lab, name: str) -> Facts:
    return _named("bfloat16", _gradients(lab.once(_float64, name)))


def tf32(lab: Lab, name: str) -> Facts:
    return _named("TF32", _forward(lab.once(_tf32, name)))


def tf32_truth(lab: Lab, name: str) -> Facts:
    return _named("TF32", _forward(lab.once(_float64, name)))


def tf32_gradients(lab: Lab, name: str) -> Facts:
    return _named("TF32", _gradients(lab.once(_tf32, name)))


def tf32_gradients_truth(lab: Lab, name: str) -> Facts:
    return _named("TF32", _gradients(lab.once(_float64, name)))


def _forward(facts: Facts) -> Facts:
    return {key: array for key, array in facts.items() if key[0] != "gradients"}


def _gradients(facts: Facts) -> Facts:
    return {key: array for key, array in facts.items() if key[0] == "gradients"}


def _named(precision: str, facts: Facts) -> Facts:
    return {(f"{precision}, {group}", detail): array for (group, detail), array in facts.items()}


def _bfloat16(lab: Lab, name: str) -> Facts:
    return _measured(lab, name, "bfloat16")


def _tf32(lab: Lab, name: str) -> Facts:
    return _measured(lab, name, "tf32")


def _float64(lab: Lab, name: str) -> Facts:
    return _measured(lab, name, "float64")


def _measured(lab: Lab, name: str, precision: Precision) -> Facts:
    """What every network puts out, loss terms of a step, gradients of every network."""
    facts: Facts = {}
    backend = lab.backend(name, precision)
    for network in NETWORKS:
        size = lab.subject.size(network)
        images = lab.subject.cut(network, 0, 4, size, size)
        output = backend.activations(network, images, training=True)["output"]
        facts["outputs", network] = output
    batch = lab.subject.batches[0]
    backend.losses()
    backend.train_step(standing(batch))
    for term, value in zip(LOSS_TERMS, backend.losses()[0], strict=False):
        facts["losses", term] = beside_one(lab, term, value)
    gradients = lab.backend(name, precision).gradients(passing(batch))
    for network in NETWORKS:
        own = [each.ravel() for key, each in gradients.items() if key.startswith(f"{network}/")]
        facts["gradients", network] = np.concatenate(own)
    return facts
