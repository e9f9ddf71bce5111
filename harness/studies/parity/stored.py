"""Rung 13: what stays in float32 where a backend computes in bfloat16."""

from __future__ import annotations

import numpy as np

from backends.interface import State
from backends.objective import LOSS_TERMS
from harness.studies.parity.adam import adam
from harness.studies.parity.backend_cache import BackendCache, Facts
from harness.studies.parity.parity_case import standing, used_state

# Adam's update is some 1e-5 by it: hundreds of units in the last place of a float32 weight, and
# less than half of one of a bfloat16 weight.
RATES = (5e-4, 5e-4)
# Means of single scores, which are bfloat16 behind the last convolution, may be bfloat16 as well.
ROUNDED = ("adversarial", "discriminator")


def stored(cache: BackendCache, name: str) -> Facts:
    """A state as it is loaded, and what a small step adds to it; and how much of the losses, and of
    translations, is no more than bfloat16."""
    backend, facts = cache.backend(name, "bfloat16"), Facts()
    before = backend.state()
    facts |= {("stored", key): x for key, x in before.items()}
    backend.apply_gradients(_gradients(cache), *RATES)
    facts |= _step(cache, before, backend.state())
    backend = cache.backend(name, "bfloat16")
    backend.losses()
    backend.train_step(standing(cache.case.batches[0]))
    for term, value in zip(LOSS_TERMS, backend.losses()[0], strict=False):
        if _counts(cache, term):
            facts["no more than bfloat16", term] = _is_bfloat16(value)
    for network in ("g_ab", "g_ba"):
        output = backend.activations(network, cache.case.cut(network, 2), training=True)["output"]
        facts["no more than bfloat16", f"{network}, most values"] = _is_bfloat16(output) > 0.5
    return facts


def stored_written_out(cache: BackendCache, name: str) -> Facts:
    """The state itself, Adam in NumPy, and nothing that is rounded."""
    state = used_state(cache.case.model, cache.case.objective)
    facts: Facts = {("stored", key): x for key, x in state.items()}
    after = adam(state, _gradients(cache), RATES, cache.case.objective)
    facts |= _step(cache, state, after)
    details = [term for term in LOSS_TERMS if _counts(cache, term)]
    details += [f"{network}, most values" for network in ("g_ab", "g_ba")]
    return facts | {("no more than bfloat16", detail): np.zeros(()) for detail in details}


def _gradients(cache: BackendCache) -> dict[str, np.ndarray]:
    draw = np.random.Generator(np.random.Philox(13))
    shapes = cache.case.model.parameter_shapes().items()
    return {key: draw.normal(0, 1e-3, shape).astype(np.float32) for key, shape in shapes}


def _step(cache: BackendCache, before: State, after: State) -> Facts:
    facts: Facts = {}
    for key in cache.case.model.parameter_shapes():
        facts["small step", key] = after[key].astype(np.float64) - before[key]
        for part in ("adam_m", "adam_v"):
            facts["moments", f"{part}/{key}"] = after[f"{part}/{key}"]
    return facts


def _counts(cache: BackendCache, term: str) -> bool:
    """Whether the arithmetic of a loss leaves more digits than bfloat16 has."""
    objective = cache.case.objective
    if term.startswith("identity") and not objective.identity:
        return False
    return objective.adversarial in ("least_squares", "vanilla") or not term.startswith(ROUNDED)


def _is_bfloat16(values: np.ndarray) -> np.ndarray:
    """Share of values that lose nothing when they are cut to bfloat16's eight digits."""
    bits = np.asarray(values, np.float32).reshape(-1).view(np.uint32)
    return np.asarray(np.mean(bits % 2**16 == 0))
