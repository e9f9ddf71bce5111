"""Rung 15: gradients that are not finite reach the weights, and the losses say so.

A run whose losses are not finite is called diverged. A backend that leaves such steps out, or takes
zero for them, would go on where the other one ends.
"""

from __future__ import annotations

import numpy as np

from backends.interface import State
from backends.model import NETWORKS
from backends.objective import LOSS_TERMS
from harness.studies.parity.adam import adam
from harness.studies.parity.backend_cache import BackendCache, Facts
from harness.studies.parity.parity_case import passing, used_state

RATES = (1e-4, 1e-4)
# What the translation from A to B is part of.
LOST = ("adversarial_ab", "cycle_a", "cycle_b", "identity_b", "discriminator_b")


def not_finite(cache: BackendCache, name: str) -> Facts:
    """Which losses and weights are finite behind a generator that puts out no numbers, and after
    given gradients of which some are none."""
    backend = cache.backend(name, "float64")
    backend.load_state(_broken(cache))
    backend.losses()
    backend.train_step(passing(cache.case.batches[0]))
    [losses] = backend.losses()
    state, facts = backend.state(), Facts()
    for term, value in zip(LOSS_TERMS, losses, strict=False):
        facts["finite losses", term] = np.isfinite(value)
    for key in _lost_or_kept(cache):
        facts["finite weights after a step", key] = np.isfinite(state[key]).all()
    backend.load_state(used_state(cache.case.model, cache.case.objective))
    backend.apply_gradients(_gradients(cache), *RATES)
    return facts | _finite(cache, backend.state())


def not_finite_written_out(cache: BackendCache, name: str) -> Facts:
    """By which networks a loss goes through; and Adam in NumPy."""
    objective, facts = cache.case.objective, Facts()
    for term in LOSS_TERMS:
        unused = term == "identity_b" and not objective.identity
        facts["finite losses", term] = np.array(term not in LOST or unused)
    for key in _lost_or_kept(cache):
        facts["finite weights after a step", key] = np.array(key.startswith("d_a/"))
    with np.errstate(invalid="ignore"):
        state = used_state(cache.case.model, objective)
        return facts | _finite(cache, adam(state, _gradients(cache), RATES, objective))


def _lost_or_kept(cache: BackendCache) -> list[str]:
    """Weights of which it is clear whether they are finite after that step.

    Of networks with values that are no numbers only the last kernel: on which side of a kink those
    are, every framework decides by itself. Hinge has a kink behind that kernel as well.
    """
    kept = [key for key in cache.case.model.parameter_shapes() if key.startswith("d_a/")]
    lost = ["g_ab/head/kernel", "d_b/head/kernel"]
    return kept + (lost[:1] if cache.case.objective.adversarial == "hinge" else lost)


def _broken(cache: BackendCache) -> State:
    state = used_state(cache.case.model, cache.case.objective)
    state["g_ab/head/bias"][:] = np.nan
    return state


def _gradients(cache: BackendCache) -> dict[str, np.ndarray]:
    """Of every network's last kernel one entry is not a number, and another one is infinite."""
    shapes = cache.case.model.parameter_shapes()
    gradients = {key: np.full(shape, 1e-3, np.float32) for key, shape in shapes.items()}
    for network in NETWORKS:
        entries = gradients[f"{network}/head/kernel"].reshape(-1)
        entries[0], entries[-1] = np.nan, np.inf
    return gradients


def _finite(cache: BackendCache, state: State) -> Facts:
    return {
        ("finite after given gradients", f"{part}{key}"): np.isfinite(state[f"{part}{key}"])
        for key in cache.case.model.parameter_shapes()
        for part in ("", "adam_m/", "adam_v/")
    }
