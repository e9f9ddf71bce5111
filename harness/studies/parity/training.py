"""Rungs 11 to 13: a state that goes to another backend, twenty steps, and a step in fewer bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backends.interface import Backend, Batch, State
from backends.model import NETWORKS
from backends.objective import LOSS_TERMS
from harness.studies.parity.backend_cache import BackendCache, Facts, Precision
from harness.studies.parity.losses import beside_one
from harness.studies.parity.parity_case import passing, standing, used_state

GIVEN_AFTER, CONTINUED = 2, 3  # steps
# Steps taken: up to a thousand; and as many as float32 can count, after which averages have the
# decay that is asked for.
LATE = (999, 2**24)

# ----------------------------------------------------------------------------------- exchange


@dataclass(frozen=True)
class _Continuation:
    """A state, the losses of the steps after it, and the state at their end."""

    start: State
    losses: np.ndarray
    end: State


def received(cache: BackendCache, name: str) -> Facts:
    """States of every backend, loaded by this one and read again; training goes on from them."""
    backend, continuations = cache.backend(name, "float64"), {}
    for giver in cache.names:
        backend.load_state(cache.once(source, giver).start)
        continuations[giver] = _continue(cache, backend)
    # The networks with batch norm have statistics, which others may lack.
    normed = cache.backend(name, "float64", cache.case.with_batch_norm()).state()
    return _exchange_facts(cache, continuations, normed)


def given(cache: BackendCache, name: str) -> Facts:
    """The states themselves; training went on from them in the backend that they are from."""
    sources = {giver: cache.once(source, giver) for giver in cache.names}
    normed = used_state(cache.case.with_batch_norm(), cache.case.objective)
    return _exchange_facts(cache, sources, normed)


def source(cache: BackendCache, name: str) -> _Continuation:
    """A state after some steps, for other backends. Training goes on without a load."""
    backend = cache.backend(name, "float64")
    _train(backend, cache.case.batches[:GIVEN_AFTER])
    return _continue(cache, backend)


def _continue(cache: BackendCache, backend: Backend) -> _Continuation:
    start = backend.state()
    losses = _train(backend, cache.case.batches[GIVEN_AFTER : GIVEN_AFTER + CONTINUED])
    return _Continuation(start, losses, backend.state())


def _exchange_facts(
    cache: BackendCache, continuations: dict[str, _Continuation], normed: State
) -> Facts:
    facts: Facts = {}
    for giver, continuation in continuations.items():
        group = f"{CONTINUED} steps from {giver}"
        facts |= {(f"loaded from {giver}", key): x for key, x in continuation.start.items()}
        facts |= _loss_facts(cache, group, continuation.losses)
        end = with_zero_gradients_joined(cache, continuation.end)
        facts |= {(f"{group}, end", key): array for key, array in end.items()}
    return facts | {("loaded, with batch norm", key): array for key, array in normed.items()}


# --------------------------------------------------------------------------------- trajectory


def trajectory(cache: BackendCache, name: str) -> Facts:
    """Losses of every step, and the state after the last one.

    The state in groups: weights by network, the generators' moving averages, Adam's moments, both
    image pools, and the running statistics of batch norms.
    """
    backend, model = cache.backend(name, "float64"), cache.case.model
    losses = _train(backend, cache.case.batches)
    facts = _loss_facts(cache, f"losses of {len(losses)} steps", losses)
    end = with_zero_gradients_joined(cache, backend.state())
    weights, statistics = model.parameter_shapes(), model.statistic_shapes()
    groups = {
        network: [key for key in weights if key.startswith(f"{network}/")] for network in NETWORKS
    }
    groups["averages"] = [f"average/{key}" for key in weights]
    groups["first moments"] = [f"adam_m/{key}" for key in weights]
    groups["second moments"] = [f"adam_v/{key}" for key in weights]
    of_averages = [f"average/{key}" for key in statistics]
    groups |= {"pools": ["pool_a", "pool_b"], "statistics": [*statistics, *of_averages]}
    for group, keys in groups.items():
        facts |= {(f"end: {group}", key): end[key] for key in keys if key in end}
    # Steps as they come late in a training: a state at any of them can be written down.
    for taken in LATE:
        backend.load_state({**backend.state(), "step": np.array(taken, np.int64)})
        _train(backend, cache.case.batches[-1:])
        late = with_zero_gradients_joined(cache, backend.state())
        for group in ("averages", "first moments", "second moments"):
            name_of_group = "late averages" if group == "averages" else "late moments"
            keys = [key for key in groups[group] if key in late]
            facts |= {(name_of_group, f"{key}, after {taken} steps"): late[key] for key in keys}
        facts["late moments", f"steps, after {taken}"] = late["step"]
    return facts


def _train(backend: Backend, batches: Sequence[Batch]) -> np.ndarray:
    backend.losses()
    for batch in batches:
        backend.train_step(batch)
    return backend.losses()


def _loss_facts(cache: BackendCache, group: str, losses: np.ndarray) -> Facts:
    return {
        (group, f"{term}, step {step}"): beside_one(cache, term, row[i])
        for step, row in enumerate(losses)
        for i, term in enumerate(LOSS_TERMS)
    }


def with_zero_gradients_joined(cache: BackendCache, state: State) -> dict[str, np.ndarray]:
    """What only rounding moves is measured together with the kernel in front of it."""
    joined = dict(state)
    beside = {**cache.case.model.zero_gradients(), **cache.case.nearly_cancelling()}
    for name, kernel in beside.items():
        for part in ("", "adam_m/", "adam_v/", "average/"):
            if f"{part}{name}" not in joined:  # discriminators have no average
                continue
            rounded = joined.pop(f"{part}{name}")
            joined[f"{part}{kernel}"] = np.concatenate([joined[f"{part}{kernel}"].ravel(), rounded])
    return joined


# --------------------------------------------------------------------------------- fewer bits


def float64(cache: BackendCache, name: str) -> Facts:
    return _step(cache, name, "float64")


def bfloat16(cache: BackendCache, name: str) -> Facts:
    return _step(cache, name, "bfloat16")


def tf32(cache: BackendCache, name: str) -> Facts:
    return _step(cache, name, "tf32")


def _step(cache: BackendCache, name: str, precision: Precision) -> Facts:
    """What every network puts out, the losses of a step, and the gradients of every network.

    Whole tensors, to be compared by their L2 norms: the rounding of single values is the
    precision's own. Sizes of gradients as powers of two.
    """
    facts: Facts = {}
    backend = cache.backend(name, precision)
    for network in NETWORKS:
        images = cache.case.cut(network, 4)
        output = backend.activations(network, images, training=True)["output"]
        facts["outputs", network] = output
    batch = cache.case.batches[0]
    backend.losses()
    backend.train_step(standing(batch))
    for term, value in zip(LOSS_TERMS, backend.losses()[0], strict=False):
        facts["losses", term] = beside_one(cache, term, value)
    gradients = cache.backend(name, precision).gradients(passing(batch))
    for network in NETWORKS:
        own = [array.ravel() for key, array in gradients.items() if key.startswith(f"{network}/")]
        facts["gradients", network] = np.concatenate(own)
        facts["sizes of gradients", network] = np.log2(np.linalg.norm(facts["gradients", network]))
    return facts
