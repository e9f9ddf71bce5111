"""Rungs 11 and 12: a state goes from one backend to another; twenty steps of training."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from backends.interface import Backend, Batch, State
from backends.model import NETWORKS
from backends.objective import LOSS_TERMS
from harness.studies.parity.backend_cache import BackendCache
from harness.studies.parity.facts import Facts
from harness.studies.parity.losses import beside_one
from harness.studies.parity.parity_case import used_state

GIVEN_AFTER, CONTINUED = 2, 3


@dataclass(frozen=True)
class _Source:
    """A state after some steps, and how training went on from there without a load."""

    state: State
    losses: np.ndarray
    end: State


# ----------------------------------------------------------------------------------- exchange


def taken(cache: BackendCache, name: str) -> Facts:
    """States of every backend, loaded and read again: by this one."""
    facts: Facts = {}
    backend = cache.backend(name, "float64")
    for giver in cache.names:
        backend.load_state(cache.once(_source, giver).state)
        facts |= {(f"loaded from {giver}", key): x for key, x in backend.state().items()}
    # The networks with batch norm have statistics, which others may lack.
    normed = cache.backend(name, "float64", cache.case.with_batch_norm()).state()
    return facts | {("loaded, with batch norm", key): x for key, x in normed.items()}


def given(cache: BackendCache, name: str) -> Facts:
    """The states themselves."""
    facts: Facts = {}
    for giver in cache.names:
        state = cache.once(_source, giver).state
        facts |= {(f"loaded from {giver}", key): array for key, array in state.items()}
    normed = used_state(cache.case.with_batch_norm(), cache.case.objective)
    return facts | {("loaded, with batch norm", key): array for key, array in normed.items()}


def continued(cache: BackendCache, name: str) -> Facts:
    """Training goes on from the states of every backend."""
    facts: Facts = {}
    backend = cache.backend(name, "float64")
    for giver in cache.names:
        backend.load_state(cache.once(_source, giver).state)
        losses = _train(backend, _rest(cache))
        facts |= _continuation(cache, giver, losses, backend.state())
    return facts


def uninterrupted(cache: BackendCache, name: str) -> Facts:
    """As it went on in the backend that the state is from."""
    facts: Facts = {}
    for giver in cache.names:
        source = cache.once(_source, giver)
        facts |= _continuation(cache, giver, source.losses, source.end)
    return facts


def _source(cache: BackendCache, name: str) -> _Source:
    backend = cache.backend(name, "float64")
    _train(backend, cache.case.batches[:GIVEN_AFTER])
    state = backend.state()
    losses = _train(backend, _rest(cache))
    return _Source(state, losses, backend.state())


def _rest(cache: BackendCache) -> Sequence[Batch]:
    return cache.case.batches[GIVEN_AFTER : GIVEN_AFTER + CONTINUED]


def _continuation(cache: BackendCache, giver: str, losses: np.ndarray, state: State) -> Facts:
    group = f"{CONTINUED} steps from {giver}"
    facts: Facts = {
        (group, f"{term}, step {step}"): beside_one(cache, term, row[i])
        for step, row in enumerate(losses)
        for i, term in enumerate(LOSS_TERMS)
    }
    ends = _with_zero_gradients_joined(cache, state)
    return facts | {(f"{group}, end", key): array for key, array in ends.items()}


# --------------------------------------------------------------------------------- trajectory


def losses(cache: BackendCache, name: str) -> Facts:
    """Every term of every step."""
    trajectory, _ = cache.once(_trajectory, name)
    return {
        (f"losses of {len(trajectory)} steps", f"{term}, step {step}"): beside_one(
            cache, term, row[i]
        )
        for step, row in enumerate(trajectory)
        for i, term in enumerate(LOSS_TERMS)
    }


def end_weights(cache: BackendCache, name: str) -> Facts:
    """What training leaves behind, network by network."""
    weights = cache.case.model.parameter_shapes()
    return _end(cache, name, {network: (f"{network}/",) for network in NETWORKS}, weights)


def end_moments(cache: BackendCache, name: str) -> Facts:
    """Adam's part of it."""
    return _end(cache, name, {"first moments": ("adam_m/",), "second moments": ("adam_v/",)})


def end_images(cache: BackendCache, name: str) -> Facts:
    """Both image pools, and the running statistics of batch norms."""
    statistics = tuple(cache.case.model.statistic_shapes())
    return _end(cache, name, {"pools": ("pool_",), "statistics": statistics})


def _end(
    cache: BackendCache,
    name: str,
    groups: Mapping[str, tuple[str, ...]],
    among: Collection[str] | None = None,
) -> Facts:
    """Entries that begin as a group has it; `among`: only these names."""
    _, state = cache.once(_trajectory, name)
    joined = _with_zero_gradients_joined(cache, state)
    return {
        (f"end: {group}", key): array
        for group, beginnings in groups.items()
        for key, array in joined.items()
        if key.startswith(beginnings) and (among is None or key in among)
    }


def _trajectory(cache: BackendCache, name: str) -> tuple[np.ndarray, State]:
    backend = cache.backend(name, "float64")
    return _train(backend, cache.case.batches), backend.state()


def _train(backend: Backend, batches: Sequence[Batch]) -> np.ndarray:
    backend.losses()
    for batch in batches:
        backend.train_step(batch)
    return backend.losses()


def _with_zero_gradients_joined(cache: BackendCache, state: State) -> dict[str, np.ndarray]:
    """What only rounding moves is measured together with the kernel in front of it."""
    joined = dict(state)
    beside = {**cache.case.model.zero_gradients(), **cache.case.nearly_cancelling()}
    for name, kernel in beside.items():
        for part in ("", "adam_m/", "adam_v/"):
            rounded = joined.pop(f"{part}{name}")
            joined[f"{part}{kernel}"] = np.concatenate([joined[f"{part}{kernel}"].ravel(), rounded])
    return joined
