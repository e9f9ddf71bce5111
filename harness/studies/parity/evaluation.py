"""Rung 14: translations and scores as users get them, in evaluation mode."""

from __future__ import annotations

import numpy as np

from backends.architecture import UNetSpec
from backends.interface import Domain
from harness.studies.parity.backend_cache import BackendCache, Facts
from harness.studies.parity.networks import DIRECTIONS, as_levels
from harness.studies.parity.parity_case import used_state

COUNT = 2  # images, each to be treated as if it were alone
DOMAINS: tuple[Domain, ...] = ("a", "b")


def evaluated(cache: BackendCache, name: str) -> Facts:
    """Translations and scores in float64; and the state behind them, which they leave as it is."""
    backend, facts = cache.backend(name, "float64", cache.case.normed), Facts()
    for direction in DIRECTIONS:
        images = _images(cache, f"g_{direction}")
        facts["translations", direction] = backend.translate(images, direction)
        if cache.case.objective.average:
            averaged = backend.translate(images, direction, averaged=True)
            facts["translations", f"{direction}, averaged"] = averaged
    for domain in DOMAINS:
        facts["scores", domain] = backend.patch_scores(_images(cache, f"d_{domain}"), domain)
    return facts | {("state left as it was", key): x for key, x in backend.state().items()}


def evaluated_written_out(cache: BackendCache, name: str) -> Facts:
    """The same from what the networks' layers put out in evaluation mode, image by image."""
    model, facts = cache.case.normed, Facts()
    state = used_state(model, cache.case.objective)
    backend = cache.backend(name, "float64", model)

    def run(network: str) -> np.ndarray:
        images = _images(cache, network)
        one_by_one = [images[i : i + 1] for i in range(COUNT)]
        return np.concatenate([backend.activations(network, x)["output"] for x in one_by_one])

    for domain in DOMAINS:
        facts["scores", domain] = run(f"d_{domain}")[..., 0]
    for direction in DIRECTIONS:
        facts["translations", direction] = as_levels(run(f"g_{direction}"), model.rounding)
    if cache.case.objective.average:
        own = {name.removeprefix("average/"): x for name, x in state.items() if "average/" in name}
        backend.load_state({**state, **own})
        for direction in DIRECTIONS:
            averaged = as_levels(run(f"g_{direction}"), model.rounding)
            facts["translations", f"{direction}, averaged"] = averaged
    return facts | {("state left as it was", key): x for key, x in state.items()}


def _images(cache: BackendCache, network: str) -> np.ndarray:
    """Not square, where the network takes such."""
    size, spec = cache.case.size(network), getattr(cache.case.model, network)
    height, width = (size, size) if isinstance(spec, UNetSpec) else (size + 4, size - 4)
    return cache.case.cut(network, COUNT, height, width)
