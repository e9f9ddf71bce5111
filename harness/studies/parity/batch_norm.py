"""Rung 8: batch norm in training and in evaluation, and its running statistics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backends.interface import State
from backends.model import NETWORKS, Model
from harness.studies.parity.backend_cache import BackendCache
from harness.studies.parity.facts import Facts

IMAGES = 2


@dataclass(frozen=True)
class _Passes:
    """Of one network: two passes in training mode, then one in evaluation mode."""

    training: list[dict[str, np.ndarray]]
    evaluation: dict[str, np.ndarray]
    before: State
    after: State


def measured(cache: BackendCache, name: str) -> Facts:
    """What norms put out, and the statistics after two batches."""
    facts: Facts = {}
    model = cache.case.with_batch_norm()
    for network, passes in cache.once(_passes, name).items():
        for norm in _norms(model, network):
            facts["training", f"{network}/{norm}"] = passes.training[1][norm]
            facts["evaluation", f"{network}/{norm}"] = passes.evaluation[norm]
            for statistic in ("mean", "variance"):
                key = f"{network}/{norm}/{statistic}"
                facts[f"running {statistic}", key] = passes.after[key]
    return facts


def written_out(cache: BackendCache, name: str) -> Facts:
    """The same from what the convolutions in front of the norms put out.

    The biased variance of a batch normalises it; running statistics, which normalise in evaluation,
    average the unbiased one (or the biased, if the experiment says so).
    """
    facts: Facts = {}
    model = cache.case.with_batch_norm()
    for network, passes in cache.once(_passes, name).items():
        spec = getattr(model, network).norm
        for norm in _norms(model, network):
            key, conv = f"{network}/{norm}", norm.removesuffix("_norm")
            mean, variance = passes.before[f"{key}/mean"], passes.before[f"{key}/variance"]
            for outputs in passes.training:
                x = outputs[conv]
                new_mean, new_variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
                counted = x.var((0, 1, 2), ddof=int(spec.unbiased))
                mean = (1 - spec.momentum) * mean + spec.momentum * new_mean
                variance = (1 - spec.momentum) * variance + spec.momentum * counted
            scale, offset = passes.before[f"{key}/scale"], passes.before[f"{key}/offset"]

            def normalised(x, mean, variance, scale=scale, offset=offset, spec=spec):
                return (x - mean) / np.sqrt(variance + spec.epsilon) * scale + offset

            facts["training", key] = normalised(x, new_mean, new_variance)
            facts["evaluation", key] = normalised(passes.evaluation[conv], mean, variance)
            facts["running mean", f"{key}/mean"] = mean
            facts["running variance", f"{key}/variance"] = variance
    return facts


def _passes(cache: BackendCache, name: str) -> dict[str, _Passes]:
    backend = cache.backend(name, "float64", cache.case.with_batch_norm())
    before = backend.state()
    passes = {}
    for network in NETWORKS:
        size = cache.case.size(network)
        cuts = [
            cache.case.cut(network, first, IMAGES, size, size)
            for first in range(0, 3 * IMAGES, IMAGES)
        ]
        training = [backend.activations(network, cut, training=True) for cut in cuts[:2]]
        evaluation = backend.activations(network, cuts[2])
        passes[network] = _Passes(training, evaluation, before, backend.state())
    return passes


def _norms(model: Model, network: str) -> list[str]:
    return [f"{layer.name}_norm" for layer in model.layers(network) if layer.norm]
