"""Rung 10: each loss moves its own networks, and nothing else moves them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backends.interface import POOL_PASS, POOL_SWAP, Backend, Batch, PoolDecision
from backends.objective import RECORDED
from harness.studies.parity.adam import adam
from harness.studies.parity.backend_cache import BackendCache
from harness.studies.parity.facts import Facts
from harness.studies.parity.parity_case import passing, standing, used_state

# Small enough that few values cross a kink of ReLU and L1, large enough for the losses' digits.
STEP = 1e-7
SIDES = {"generators": ("g_ab/", "g_ba/"), "discriminators": ("d_a/", "d_b/")}


@dataclass(frozen=True)
class _Steps:
    updates: Facts
    expected: Facts
    left: Facts
    before: Facts


def slopes(cache: BackendCache, name: str) -> Facts:
    """Gradients along a direction of each side's weights."""
    backend = cache.backend(name, "float64")
    gradients = backend.gradients(standing(passing(cache.case.batches[0])))
    return {
        ("slope of the loss", side): np.array(
            sum(float((gradients[key] * d).sum()) for key, d in _direction(cache, side).items())
        )
        for side in SIDES
    }


def slopes_of_losses(cache: BackendCache, name: str) -> Facts:
    """How the recorded losses change along that direction: central differences."""
    backend = cache.backend(name, "float64")
    facts: Facts = {}
    for side in SIDES:
        above, below = (_loss(cache, backend, side, step) for step in (STEP, -STEP))
        facts["slope of the loss", side] = np.array((above - below) / (2 * STEP))
    return facts


def updates(cache: BackendCache, name: str) -> Facts:
    """What each of two training steps adds to weights and moments."""
    return cache.once(_two_steps, name).updates


def updates_by_gradients(cache: BackendCache, name: str) -> Facts:
    """The same from `gradients` at the state before and Adam in NumPy.

    Where discriminators go first, generators' gradients are of a state between: left out.
    """
    return cache.once(_two_steps, name).expected


def left_by_gradients(cache: BackendCache, name: str) -> Facts:
    """The state after gradients were asked for, without a step."""
    return cache.once(_two_steps, name).left


def as_before(cache: BackendCache, name: str) -> Facts:
    """The state before."""
    return cache.once(_two_steps, name).before


def _two_steps(cache: BackendCache, name: str) -> _Steps:
    backend, objective = cache.backend(name, "float64"), cache.case.objective
    steps = _Steps({}, {}, {}, {})
    optimiser = cache.case.experiment.optimiser
    rate = optimiser.learning_rate
    rates = (rate, optimiser.discriminator_learning_rate or rate)
    first, second = cache.case.batches[:2]
    # Discriminators are shown old fakes, then new ones.
    for step, one in enumerate((_swapping(first, objective.pool_size), passing(second))):
        batch = one._replace(learning_rate=rates[0], discriminator_learning_rate=rates[1])
        before = backend.state()
        gradients = backend.gradients(batch)
        left = backend.state()
        backend.train_step(batch)
        after = backend.state()
        computed = adam(before, gradients, rates, objective)
        for key in _compared(cache):
            steps.updates["training step", f"{key}, step {step}"] = after[key] - before[key]
            steps.expected["training step", f"{key}, step {step}"] = computed[key] - before[key]
        for key in before:
            steps.left["gradients alone", f"{key}, step {step}"] = left[key]
            steps.before["gradients alone", f"{key}, step {step}"] = before[key]
    backend.losses()
    return steps


def _compared(cache: BackendCache) -> list[str]:
    """Weights and moments whose gradient is more than rounding."""
    zero = cache.case.model.zero_gradients()
    moved_on = cache.case.objective.update_order == "discriminators_first"
    networks = (*SIDES["discriminators"], *(() if moved_on else SIDES["generators"]))
    weights = [
        name
        for name in cache.case.model.parameter_shapes()
        if name.startswith(networks) and name not in zero
    ]
    return [f"{part}{name}" for name in weights for part in ("", "adam_m/", "adam_v/")]


def _swapping(batch: Batch, pool_size: int) -> Batch:
    if batch.pool_a.drawn.size:
        return batch
    action = POOL_SWAP if pool_size else POOL_PASS
    count = len(batch.a)
    slots = np.arange(count, dtype=np.int32) % max(pool_size, 1)
    decision = PoolDecision(np.full(count, action, np.int32), slots.astype(np.int32))
    return batch._replace(pool_a=decision, pool_b=decision)


def _direction(cache: BackendCache, side: str) -> dict[str, np.ndarray]:
    """Unit length, over all weights of both networks of a side."""
    draw = np.random.Generator(np.random.Philox(11))
    shapes = cache.case.model.parameter_shapes().items()
    drawn = {key: draw.normal(size=shape) for key, shape in shapes if key.startswith(SIDES[side])}
    length = np.sqrt(sum(float((d**2).sum()) for d in drawn.values()))
    return {key: d / length for key, d in drawn.items()}


def _loss(cache: BackendCache, backend: Backend, side: str, step: float) -> float:
    """What a side minimises, after its weights moved by `step` along its direction."""
    objective = cache.case.objective
    state = used_state(cache.case.model, objective)
    for key, direction in _direction(cache, side).items():
        state[key] = state[key] + step * direction
    backend.load_state(state)
    backend.losses()
    backend.train_step(standing(passing(cache.case.batches[0])))
    recorded = backend.losses()[0].astype(np.float64)
    term = dict(zip(RECORDED, recorded, strict=True))
    if side == "discriminators":
        penalty = objective.gradient_penalty * (term["penalty_a"] + term["penalty_b"])
        total = term["discriminator_a"] + term["discriminator_b"]
        return objective.discriminator_weight * total + penalty
    return (
        term["adversarial_ab"]
        + term["adversarial_ba"]
        + objective.lambda_a * term["cycle_a"]
        + objective.lambda_b * term["cycle_b"]
        + objective.identity_weight("a") * term["identity_a"]
        + objective.identity_weight("b") * term["identity_b"]
    )
