"""Rung 4: gradients of every parameter for both losses."""

from __future__ import annotations

import numpy as np

from harness.studies.parity.facts import Facts, relative, worst
from harness.studies.parity.lab import Lab, Precision
from harness.studies.parity.subject import passing

FLOAT64_BATCHES = 2


def float32(lab: Lab, name: str) -> Facts:
    """Under ReLU and L1 a gradient jumps where rounding carries a value over a kink.

    Weights moved by 1e-6 change it by up to 3% even in float64. So the best of several batches
    counts: a jump spoils a batch, a wrong constant spoils all.
    """
    return _nonzero(lab, lab.once(_float32, name), "float32")


def float32_noise(lab: Lab, name: str) -> float:
    """How far the same gradients are from float64's, in the best batch and by the worst parameter.

    Where layers of a few pixels amplify rounding, as in a deep U-Net, no batch is without a jump.
    """
    single, double = lab.once(float32, name), lab.once(float64, name)
    alike = {(group.replace("float64", "float32"), key): x for (group, key), x in double.items()}
    groups = worst(alike, {key: single[key] for key in alike}, relative)
    return min(distance for distance, _ in groups.values())


def float64(lab: Lab, name: str) -> Facts:
    """Every batch counts."""
    return _nonzero(lab, lab.once(_float64, name), "float64")


def float32_zeros(lab: Lab, name: str) -> Facts:
    """Gradients that are zero but for rounding, in the size of their kernel's."""
    return _zeros(lab, lab.once(_float32, name)[:1], "float32")


def float64_zeros(lab: Lab, name: str) -> Facts:
    """The same in float64."""
    return _zeros(lab, lab.once(_float64, name), "float64")


def float32_zero_truth(lab: Lab, name: str) -> Facts:
    return _nothing(lab.once(float32_zeros, name))


def float64_zero_truth(lab: Lab, name: str) -> Facts:
    return _nothing(lab.once(float64_zeros, name))


def _nothing(facts: Facts) -> Facts:
    return {key: np.zeros_like(array) for key, array in facts.items()}


def _float32(lab: Lab, name: str) -> list[dict[str, np.ndarray]]:
    return _gradients(lab, name, "float32", lab.subject.gradient_batches)


def _float64(lab: Lab, name: str) -> list[dict[str, np.ndarray]]:
    return _gradients(lab, name, "float64", FLOAT64_BATCHES)


def _gradients(lab: Lab, name: str, precision: Precision, count: int):
    backend = lab.backend(name, precision)
    return [backend.gradients(passing(batch)) for batch in lab.subject.batches[:count]]


def _nonzero(lab: Lab, batches: list[dict[str, np.ndarray]], precision: str) -> Facts:
    zero = lab.subject.model.zero_gradients()
    return {
        (f"{precision}, batch {i}", name): gradient
        for i, gradients in enumerate(batches)
        for name, gradient in _joined(lab, gradients).items()
        if name not in zero
    }


def _joined(lab: Lab, gradients: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    joined = dict(gradients)
    for name, kernel in lab.subject.nearly_cancelling().items():
        joined[kernel] = np.concatenate([joined[kernel].ravel(), joined.pop(name).ravel()])
    return joined


def _zeros(lab: Lab, batches: list[dict[str, np.ndarray]], precision: str) -> Facts:
    return {
        (f"{precision}, in front of a norm", f"{name}, batch {i}"): gradients[name]
        / (np.linalg.norm(gradients[kernel]) or 1)
        for i, gradients in enumerate(batches)
        for name, kernel in sorted(lab.subject.model.zero_gradients().items())
    }
