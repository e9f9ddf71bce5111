"""Rungs 4 and 10: gradients of every parameter, and what each loss moves by them."""

from __future__ import annotations

import numpy as np

from backends.interface import POOL_PASS, POOL_SWAP, Backend, Batch, PoolDecision
from backends.objective import RECORDED
from harness.studies.parity.adam import adam
from harness.studies.parity.backend_cache import BackendCache, Facts, Precision, relative, worst
from harness.studies.parity.parity_case import passing, standing, used_state

FLOAT64_BATCHES = 2
# Small enough that few values cross a kink of ReLU and L1, large enough for the losses' digits.
STEP = 1e-7
LATE = 9_999  # steps taken before a late one: bias correction of the second moment still counts
SIDES = {"generators": ("g_ab/", "g_ba/"), "discriminators": ("d_a/", "d_b/")}

# ---------------------------------------------------------------------------------- gradients


def float64(cache: BackendCache, name: str) -> Facts:
    count = min(FLOAT64_BATCHES, cache.case.gradient_batches)
    return _gradients(cache, name, "float64", count, count)


def float32(cache: BackendCache, name: str) -> Facts:
    """Under ReLU and L1 a gradient jumps where rounding carries a value over a kink.

    Weights moved by 1e-6 change it by up to 3% even in float64. So the best of several batches
    counts: a jump spoils a batch, a wrong constant spoils all.
    """
    return _gradients(cache, name, "float32", cache.case.gradient_batches, 1)


def float64_zeros(cache: BackendCache, name: str) -> Facts:
    return {key: np.zeros_like(array) for key, array in cache.once(float64, name).items()}


def float32_zeros(cache: BackendCache, name: str) -> Facts:
    return {key: np.zeros_like(array) for key, array in cache.once(float32, name).items()}


def float32_zero_noise(cache: BackendCache, name: str) -> float:
    """The largest of the float32 gradients that are zero but for rounding, beside their kernel's.

    Where a discriminator has few layers, rounding leaves more of them than in any preset.
    """
    zeros = [x for (group, _), x in cache.once(float32, name).items() if "in front" in group]
    return max((float(np.linalg.norm(x)) for x in zeros), default=0.0)


def float32_noise(cache: BackendCache, name: str) -> float:
    """Distance of the float32 gradients from float64's, in the best batch and by the worst
    parameter.

    Where layers of a few pixels amplify rounding, as in a deep U-Net, every batch has a jump.
    """
    single = cache.once(float32, name)
    double = {
        (group.replace("float64", "float32"), key): gradient
        for (group, key), gradient in cache.once(float64, name).items()
        if "batch" in group
    }
    groups = worst(double, {key: single[key] for key in double}, relative)
    return min(distance for distance, _ in groups.values())


def _gradients(
    cache: BackendCache, name: str, precision: Precision, count: int, with_zeros: int
) -> Facts:
    """Gradients of `count` batches, each batch a group.

    One more group, of the first `with_zeros` batches: gradients that are zero but for rounding,
    divided by the norm of the gradient of the kernel in front.
    """
    backend, facts = cache.backend(name, precision), Facts()
    zero = cache.case.model.zero_gradients()
    for i, batch in enumerate(cache.case.batches[:count]):
        gradients = dict(backend.gradients(passing(batch)))
        if i < with_zeros:
            group = f"{precision}, in front of a norm"
            for key, kernel in sorted(zero.items()):
                size = np.linalg.norm(gradients[kernel]) or 1
                facts[group, f"{key}, batch {i}"] = gradients[key] / size
        # Differences that leave next to nothing are measured together with the kernel beside them.
        for key, kernel in cache.case.nearly_cancelling().items():
            both = gradients[kernel].ravel(), gradients.pop(key).ravel()
            gradients[kernel] = np.concatenate(both)
        for key, gradient in gradients.items():
            if key not in zero:
                facts[f"{precision}, batch {i}", key] = gradient
    return facts


# ----------------------------------------------------------------------- slopes of the losses


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


# ------------------------------------------------------------------------------- whole steps


def steps(cache: BackendCache, name: str) -> Facts:
    """What two training steps, an early and a late one, add to weights, moments and averages; and
    the states after gradients were computed without a step."""
    return cache.once(_two_steps, name)[0]


def steps_by_gradients(cache: BackendCache, name: str) -> Facts:
    """The same from `gradients` at the state before and Adam in NumPy; and the states before."""
    return cache.once(_two_steps, name)[1]


def _two_steps(cache: BackendCache, name: str) -> tuple[Facts, Facts]:
    backend, objective = cache.backend(name, "float64"), cache.case.objective
    measured, expected = Facts(), Facts()
    optimiser = cache.case.experiment.optimiser
    rate = optimiser.learning_rate
    rates = (rate, optimiser.discriminator_learning_rate or rate)
    # Where discriminators go first, generators' gradients are of a state between: left out.
    # Gradients that are nothing but rounding are left out, too.
    compared: tuple[str, ...] = SIDES["discriminators"]
    if objective.update_order != "discriminators_first":
        compared += SIDES["generators"]
    zero = cache.case.model.zero_gradients()
    weights = [
        key
        for key in cache.case.model.parameter_shapes()
        if key.startswith(compared) and key not in zero
    ]
    first, second = cache.case.batches[:2]
    # Discriminators are shown old fakes, then new ones.
    for step, planned in enumerate((_swapping(first, objective.pool_size), passing(second))):
        batch = planned._replace(learning_rate=rates[0], discriminator_learning_rate=rates[1])
        if step == 1:
            backend.load_state({**backend.state(), "step": np.array(LATE, np.int64)})
        before = backend.state()
        gradients = backend.gradients(batch)
        untouched = backend.state()
        backend.train_step(batch)
        after, computed = backend.state(), adam(before, gradients, rates, objective)
        for key in (f"{part}{weight}" for weight in weights for part in ("", "adam_m/", "adam_v/")):
            measured["training step", f"{key}, step {step}"] = after[key] - before[key]
            expected["training step", f"{key}, step {step}"] = computed[key] - before[key]
        decay = objective.decay(int(before["step"]) + 1)
        for key in (key for key in before if key.startswith("average/")):
            moved = (1 - decay) * (after[key.removeprefix("average/")] - before[key])
            measured["training step", f"{key}, step {step}"] = after[key] - before[key]
            expected["training step", f"{key}, step {step}"] = moved
        for key in before:
            measured["gradients alone", f"{key}, step {step}"] = untouched[key]
            expected["gradients alone", f"{key}, step {step}"] = before[key]
    backend.losses()
    return measured, expected


def _swapping(batch: Batch, pool_size: int) -> Batch:
    """The same step with pools that give back an old fake for every new one, where they can."""
    if batch.pool_a.drawn.size:
        return batch
    count = len(batch.a)
    action = np.full(count, POOL_SWAP if pool_size else POOL_PASS, np.int32)
    decision = PoolDecision(action, np.arange(count, dtype=np.int32) % max(pool_size, 1))
    return batch._replace(pool_a=decision, pool_b=decision)
