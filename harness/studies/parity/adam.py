"""Rungs 5 and 7: Adam on given gradients, and the learning rate that it is given."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from backends.interface import State
from backends.model import NETWORKS
from backends.objective import Objective
from harness.config.sections import TrainingSection
from harness.plan.plan import Plan, make_plan
from harness.studies.parity.backend_cache import BackendCache, Precision
from harness.studies.parity.facts import Facts
from harness.studies.parity.parity_case import fresh_optimiser, used_state

Rates = tuple[float, float]  # of generators, of discriminators

RATES = (2e-4, 3e-4)
# Gradients of that size; Adam's epsilon counts where they are small, and nowhere else.
SMALLEST, LARGEST = -12, 1
SHOWN_EPOCHS = 12
PER_EPOCH = 2  # steps


def adam(
    state: State, gradients: State, rates: Rates, objective: Objective
) -> dict[str, np.ndarray]:
    """`state` after one step of Kingma & Ba 2015, algorithm 1, in float64.

    With `epsilon_hat` the form at the end of their section 2. What is no weight stays as it is.
    Wasserstein: then every weight of the discriminators is clipped.
    """
    after = {name: np.array(array) for name, array in state.items()}
    step = int(state["step"]) + 1
    correction1, correction2 = 1 - objective.beta1**step, 1 - objective.beta2**step
    after["step"] = np.array(step)
    for name, gradient in gradients.items():
        learning_rate = rates[name.startswith("d_")]
        g = gradient.astype(np.float64)
        m = objective.beta1 * state[f"adam_m/{name}"] + (1 - objective.beta1) * g
        v = objective.beta2 * state[f"adam_v/{name}"] + (1 - objective.beta2) * g**2
        if objective.epsilon_hat:
            rate = learning_rate * np.sqrt(correction2) / correction1
            update = rate * m / (np.sqrt(v) + objective.epsilon)
        else:
            update = (m / correction1) / (np.sqrt(v / correction2) + objective.epsilon)
            update = learning_rate * update
        after[name] = state[name] - update
        if objective.adversarial == "wasserstein" and name.startswith("d_"):
            after[name] = np.clip(after[name], -objective.clip, objective.clip)
        after[f"adam_m/{name}"], after[f"adam_v/{name}"] = m, v
    return after


# ------------------------------------------------------------------------------------ updates


def float64(cache: BackendCache, name: str) -> Facts:
    """Weights begin at zero, so what is left is the update, with all its digits."""
    return _after_steps(cache, _applied(cache, name, "float64"))


def float32(cache: BackendCache, name: str) -> Facts:
    """Without second moments."""
    return _of_second_moments(False, cache.once(_float32, name))


def float32_second_moments(cache: BackendCache, name: str) -> Facts:
    return _of_second_moments(True, cache.once(_float32, name))


def written_out(cache: BackendCache, name: str) -> Facts:
    """Truth of all, in NumPy."""
    return _after_steps(cache, _in_numpy(cache, [RATES] * 10, _gradients(cache)))


def written_out_first(cache: BackendCache, name: str) -> Facts:
    return _of_second_moments(False, cache.once(written_out, name))


def written_out_second(cache: BackendCache, name: str) -> Facts:
    return _of_second_moments(True, cache.once(written_out, name))


def _float32(cache: BackendCache, name: str) -> Facts:
    return _after_steps(cache, _applied(cache, name, "float32"))


def _of_second_moments(wanted: bool, facts: Facts) -> Facts:
    return {key: fact for key, fact in facts.items() if key[0].startswith("second") == wanted}


def _applied(cache: BackendCache, name: str, precision: Precision) -> Iterator[State]:
    # One of its own, as built: what a load forgets is another rung's matter.
    backend = cache.build(name, precision)
    backend.load_state(fresh_optimiser(used_state(cache.case.model, cache.case.objective)))
    for gradients in _gradients(cache):
        backend.apply_gradients(gradients, *RATES)
        yield backend.state()


def _in_numpy(
    cache: BackendCache, rates: Iterable[Rates], gradients: Iterable[State]
) -> Iterator[dict[str, np.ndarray]]:
    objective = cache.case.objective
    state = fresh_optimiser(used_state(cache.case.model, objective))
    for rate, given in zip(rates, gradients, strict=False):
        state = adam(state, given, rate, objective)
        yield state


def _gradients(cache: BackendCache) -> Iterator[dict[str, np.ndarray]]:
    """Ten steps; every tensor in a size of its own."""
    draw = np.random.Generator(np.random.Philox(5))
    shapes = cache.case.model.parameter_shapes()
    sizes = dict(zip(shapes, 10.0 ** np.linspace(SMALLEST, LARGEST, len(shapes)), strict=True))
    for _ in range(10):
        yield {
            name: (sizes[name] * draw.normal(size=shape)).astype(np.float32)
            for name, shape in shapes.items()
        }


def _after_steps(cache: BackendCache, states: Iterator[State]) -> Facts:
    facts: Facts = {}
    for step, state in enumerate(states, start=1):
        if step in (1, 10):
            for name in cache.case.model.parameter_shapes():
                facts[f"update after {_steps(step)}", name] = state[name]
                facts[f"first moment after {_steps(step)}", name] = state[f"adam_m/{name}"]
                facts[f"second moment after {_steps(step)}", name] = state[f"adam_v/{name}"]
    return facts


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count} steps"


# -------------------------------------------------------------------------------------- rates


def rates(cache: BackendCache, name: str) -> Facts:
    """The plan's rates, and how far each of them moves a weight under a gradient of one."""
    plan = _plan(cache)
    facts = _planned(zip(plan.learning_rate, plan.discriminator_learning_rate, strict=True))
    backend = cache.build(name, "float64")
    state = fresh_optimiser(used_state(cache.case.model, cache.case.objective))
    backend.load_state(state)
    gradients = _ones(cache)
    for epoch, step in _shown(plan).items():
        rates = plan.learning_rate[step], plan.discriminator_learning_rate[step]
        backend.apply_gradients(gradients, *(float(rate) for rate in rates))
        before, state = state, backend.state()
        facts |= _moved(epoch, before, state)
    return facts


def rates_written_out(cache: BackendCache, name: str) -> Facts:
    """As harness.plan.learning_rate says it, one step after the other."""
    plan, optimiser = _plan(cache), cache.case.experiment.optimiser
    factors = _factors(cache.case.experiment.training)
    highest = optimiser.learning_rate
    of_discriminators = optimiser.discriminator_learning_rate or highest
    expected = [(highest * factor, of_discriminators * factor) for factor in factors]
    facts, steps = _planned(expected), _shown(plan)
    states = _in_numpy(cache, [expected[step] for step in steps.values()], _forever(_ones(cache)))
    before: State = fresh_optimiser(used_state(cache.case.model, cache.case.objective))
    for epoch, state in zip(steps, states, strict=True):
        facts |= _moved(epoch, before, state)
        before = state
    return facts


def _factors(training: TrainingSection) -> list[float]:
    """Of every step. Linear: down by equal steps that would reach zero one step after the last."""
    unit = PER_EPOCH if training.decay == "step" else 1  # levels an epoch
    constant, decay = unit * training.epochs_constant, unit * training.epochs_decay
    falling = {
        "linear": lambda i: (decay + 1 - i) / (decay + 1),
        "cosine": lambda i: math.cos(math.pi / 2 * i / (decay + 1)) ** 2,
    }.get(training.policy, lambda i: 1.0)
    levels = [1.0] * constant + [falling(i) for i in range(1, decay + 1)]
    factors = np.repeat(levels, PER_EPOCH // unit).tolist()
    if training.policy == "step":
        factors = [
            training.step_factor ** (i // PER_EPOCH // training.step_epochs)
            for i in range(len(factors))
        ]
    warmup = PER_EPOCH * training.warmup_epochs
    for step in range(warmup):
        factors[step] *= (step + 1) / (warmup + 1)
    return factors


def _planned(rates: Iterable[Rates]) -> Facts:
    return {
        (f"in the plan, {side}", f"step {step}"): np.array(rate)
        for step, both in enumerate(rates)
        for side, rate in zip(("generators", "discriminators"), both, strict=True)
    }


def _plan(cache: BackendCache) -> Plan:
    training = cache.case.experiment.training.model_copy(
        update={"steps_per_epoch": PER_EPOCH, "steps": None}
    )
    return make_plan(cache.case.experiment.model_copy(update={"training": training}), 0, 4, 4)


def _shown(plan: Plan) -> dict[int, int]:
    """Epoch -> its first step; the whole schedule, or its ends and twelve between."""
    last = int(plan.epoch[-1])
    epochs = np.unique(np.linspace(0, last, min(last + 1, SHOWN_EPOCHS)).round().astype(int))
    return {int(epoch): int(np.argmax(plan.epoch == epoch)) for epoch in epochs}


def _moved(epoch: int, before: State, after: State) -> Facts:
    return {
        ("as applied", f"{network}, epoch {epoch}"): before[f"{network}/head/kernel"]
        - after[f"{network}/head/kernel"]
        for network in NETWORKS
    }


def _ones(cache: BackendCache) -> dict[str, np.ndarray]:
    shapes = cache.case.model.parameter_shapes()
    return {name: np.ones(shape, np.float32) for name, shape in shapes.items()}


def _forever(gradients: State) -> Iterator[State]:
    while True:
        yield gradients
