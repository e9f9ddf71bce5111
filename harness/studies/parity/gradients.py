"""Rung 4: gradients of every parameter for both losses."""

from __future__ import annotations

import numpy as np

from harness.studies.parity.backend_cache import BackendCache, Precision
from harness.studies.parity.facts import Facts, relative, worst
from harness.studies.parity.parity_case import passing

FLOAT64_BATCHES = 2


def float32(cache: BackendCache, name: str) -> Facts:
    """Under ReLU and L1 a gradient jumps where rounding carries a value over a kink.

    Weights moved by 1e-6 change it by up to 3% even in float64. So the best of several batches
    counts: a jump spoils a batch, a wrong constant spoils all.
    """
    return _nonzero(cache, cache.once(_float32, name), "float32")


def float32_noise(cache: BackendCache, name: str) -> float:
    """How far the same gradients are from float64's, in the best batch and by the worst parameter.

    Where layers of a few pixels amplify rounding, as in a deep U-Net, no batch is without a jump.
    """
    single, double = cache.once(float32, name), cache.once(float64, name)
    alike = {(group.replace("float64", "float32"), key): x for (group, key), x in double.items()}
    groups = worst(alike, {key: single[key] for key in alike}, relative)
    return min(distance for distance, _ in groups.values())


def float64(cache: BackendCache, name: str) -> Facts:
    """Every batch counts."""
    return _nonzero(cache, cache.once(_float64, name), "float64")


def float32_zeros(cache: BackendCache, name: str) -> Facts:
    """Gradients that are zero but for rounding, in the size of their kernel's."""
    return _zeros(cache, cache.once(_float32, name)[:1], "float32")


def float64_zeros(cache: BackendCache, name: str) -> Facts:
    """The same in float64."""
    return _zeros(cache, cache.once(_float64, name), "float64")


def float32_zero_truth(cache: BackendCache, name: str) -> Facts:
    return _nothing(cache.once(float32_zeros, name))


def float64_zero_truth(cache: BackendCache, name: str) -> Facts:
    return _nothing(cache.once(float64_zeros, name))


def _nothing(facts: Facts) -> Facts:
    return {key: np.zeros_like(array) for key, array in facts.items()}


def _float32(cache: BackendCache, name: str) -> list[dict[str, np.ndarray]]:
    return _gradients(cache, name, "float32", cache.case.gradient_batches)


def _float64(cache: BackendCache, name: str) -> list[dict[str, np.ndarray]]:
    return _gradients(cache, name, "float64", FLOAT64_BATCHES)


def _gradients(cache: BackendCache, name: str, precision: Precision, count: int):
    backend = cache.backend(name, precision)
    return [backend.gradients(passing(batch)) for batch in cache.case.batches[:count]]


def _nonzero(cache: BackendCache, batches: list[dict[str, np.ndarray]], precision: str) -> Facts:
    zero = cache.case.model.zero_gradients()
    return {
        (f"{precision}, batch {i}", name): gradient
        for i, gradients in enumerate(batches)
        for name, gradient in _joined(cache, gradients).items()
        if name not in zero
    }


def _joined(cache: BackendCache, gradients: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    joined = dict(gradients)
    for name, kernel in cache.case.nearly_cancelling().items():
        joined[kernel] = np.concatenate([joined[kernel].ravel(), joined.pop(name).ravel()])
    return joined


def _zeros(cache: BackendCache, batches: list[dict[str, np.ndarray]], precision: str) -> Facts:
    return {
        (f"{precision}, in front of a norm", f"{name}, batch {i}"): gradients[name]
        / (np.linalg.norm(gradients[kernel]) or 1)
        for i, gradients in enumerate(batches)
        for name, kernel in sorted(cache.case.model.zero_gradients().items())
    }
