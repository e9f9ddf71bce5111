"""Rungs 1 and 2: parameters, and what every layer of every network puts out."""

from __future__ import annotations

import numpy as np

from backends.architecture import UNetSpec
from backends.interface import state_shapes
from backends.model import NETWORKS
from harness.studies.parity.backend_cache import BackendCache, Precision
from harness.studies.parity.facts import Facts


def shapes(cache: BackendCache, name: str) -> Facts:
    """Names and shapes of all that a state holds, and parameters a network."""
    state = cache.backend(name, "float64").state()
    return _shape_facts({key: array.shape for key, array in state.items()})


def shapes_of_the_table(cache: BackendCache, name: str) -> Facts:
    """The same from backends/architecture.py."""
    return _shape_facts(state_shapes(cache.case.model, cache.case.objective))


def activations(cache: BackendCache, name: str) -> Facts:
    """Float64, from images of even and odd sizes, one and more than one at a time."""
    return {
        (f"{network}, {count} of {height}x{width}", layer): array
        for network in NETWORKS
        for height, width, count in _cases(cache, network)
        for layer, array in _outputs(cache, name, network, (count, height, width)).items()
    }


def float32_outputs(cache: BackendCache, name: str) -> Facts:
    """Translations before they become uint8, at the precision users train with."""
    return {
        ("float32 translations, of a range of 2", network): _outputs(
            cache, name, network, (4, cache.case.size(network), cache.case.size(network)), "float32"
        )["output"]
        for network in ("g_ab", "g_ba")
    }


def _cases(cache: BackendCache, network: str) -> tuple[tuple[int, int, int], ...]:
    """Height, width and number of images; a U-Net's skips take no sizes but its own."""
    size = cache.case.size(network)
    if isinstance(getattr(cache.case.model, network), UNetSpec):
        return ((size, size, 1), (size, size, 2))
    return ((size, size, 1), (size + 4, size - 4, 2), (size + 1, size + 3, 1))


def _outputs(
    cache: BackendCache,
    name: str,
    network: str,
    shape: tuple[int, ...],
    precision: Precision = "float64",
) -> dict[str, np.ndarray]:
    cut = cache.case.cut(network, 0, *shape)
    # Training mode: batch norms as in a step; running statistics are a rung of their own.
    return cache.backend(name, precision).activations(network, cut, training=True)


def _shape_facts(by_name: dict[str, tuple[int, ...]]) -> Facts:
    facts: Facts = {("names and shapes", name): np.array(shape) for name, shape in by_name.items()}
    for network in NETWORKS:
        own = [shape for name, shape in by_name.items() if name.startswith(f"{network}/")]
        facts["tensors", network] = np.array(len(own))
        facts["parameters", network] = np.array(sum(int(np.prod(shape)) for shape in own))
    return facts
