"""Rungs 5 and 7: Adam on given gradients, and the learning rate that it is given."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from backends.gan import GanObjective
from backends.interface import State
from backends.objective import Objective
from harness.config.sections import TrainingSection
from harness.studies.parity.backend_cache import BackendCache, Facts, Precision
from harness.studies.parity.parity_case import fresh_optimiser, used_state

Rates = tuple[float, float]  # of generators, of discriminators
Apply = Callable[[State, Rates], State]  # one step on given gradients; returns the state after it

RATES = (2e-4, 3e-4)
# Powers of ten of the gradients' sizes. Adam's epsilon only counts where gradients are small.
SMALLEST, LARGEST = -12, 1
SHOWN_EPOCHS = 12
PER_EPOCH = 2  # steps


def adam(
    state: State, gradients: State, rates: Rates, objective: Objective | GanObjective
) -> dict[str, np.ndarray]:
    """`state` after one step of Kingma & Ba 2015, algorithm 1, in float64.

    With `epsilon_hat` the form at the end of their section 2. Entries without a gradient stay as
    they are. Wasserstein: every weight of the discriminators is then clipped.
    """
    after = {name: np.array(array) for name, array in state.items()}
    step = int(state["step"]) + 1
    correction1, correction2 = 1 - objective.beta1**step, 1 - objective.beta2**step
    after["step"] = np.array(step)
    for name, gradient in gradients.items():
        learning_rate = rates[name.startswith("d")]
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
        if objective.adversarial == "wasserstein" and name.startswith("d"):
            after[name] = np.clip(after[name], -objective.clip, objective.clip)
        after[f"adam_m/{name}"], after[f"adam_v/{name}"] = m, v
    return after


def _start(cache: BackendCache) -> dict[str, np.ndarray]:
    return fresh_optimiser(used_state(cache.case.model, cache.case.objective))


def _by_backend(cache: BackendCache, name: str, precision: Precision) -> Apply:
    """Steps of a newly built backend: what a load forgets is checked on another rung."""
    backend = cache.build(name, precision)
    backend.load_state(_start(cache))

    def apply(gradients: State, rates: Rates) -> State:
        backend.apply_gradients(gradients, *rates)
        return backend.state()

    return apply


def _by_numpy(cache: BackendCache) -> Apply:
    state: State = _start(cache)

    def apply(gradients: State, rates: Rates) -> State:
        nonlocal state
        state = adam(state, gradients, rates, cache.case.objective)
        return state

    return apply


# ------------------------------------------------------------------------------------ updates


def float64(cache: BackendCache, name: str) -> Facts:
    return _updates(cache, _by_backend(cache, name, "float64"))


def float32(cache: BackendCache, name: str) -> Facts:
    return _updates(cache, _by_backend(cache, name, "float32"))


def written_out(cache: BackendCache, name: str) -> Facts:
    return _updates(cache, _by_numpy(cache))


def _updates(cache: BackendCache, apply: Apply) -> Facts:
    """Weights and moments after one step and after ten.

    Weights begin at zero, so they are the update itself, with all its digits.
    """
    facts: Facts = {}
    for step, gradients in enumerate(_gradients(cache), start=1):
        state = apply(gradients, RATES)
        after = {1: "after 1 step", 10: "after 10 steps"}.get(step)
        for name in gradients if after else ():
            facts[f"update {after}", name] = state[name]
            facts[f"first moment {after}", name] = state[f"adam_m/{name}"]
            facts[f"second moment {after}", name] = state[f"adam_v/{name}"]
    return facts


def _gradients(cache: BackendCache) -> Iterator[dict[str, np.ndarray]]:
    """Ten steps; every tensor has gradients of another size."""
    draw = np.random.Generator(np.random.Philox(5))
    shapes = cache.case.model.parameter_shapes()
    sizes = dict(zip(shapes, 10.0 ** np.linspace(SMALLEST, LARGEST, len(shapes)), strict=True))
    for _ in range(10):
        yield {
            name: (sizes[name] * draw.normal(size=shape)).astype(np.float32)
            for name, shape in shapes.items()
        }


# -------------------------------------------------------------------------------------- rates


def rates(cache: BackendCache, name: str) -> Facts:
    """The plan's learning rates, and how far they move a weight."""
    plan = _plan(cache)
    of_generators = plan.learning_rate.tolist()
    of_discriminators = plan.discriminator_learning_rate.tolist()
    planned = list(zip(of_generators, of_discriminators, strict=True))
    return _schedule(cache, planned, _by_backend(cache, name, "float64"))


def rates_written_out(cache: BackendCache, name: str) -> Facts:
    """The same by the rules in harness.plan.learning_rate, one step after the other."""
    optimiser = cache.case.experiment.optimiser
    highest = optimiser.learning_rate
    of_discriminators = optimiser.discriminator_learning_rate or highest
    factors = _factors(cache.case.experiment.training)
    planned = [(highest * factor, of_discriminators * factor) for factor in factors]
    return _schedule(cache, planned, _by_numpy(cache))


def _schedule(cache: BackendCache, planned: Sequence[Rates], apply: Apply) -> Facts:
    """The rates of every step; and weights before minus after steps on gradients of one."""
    facts: Facts = {}
    for step, both in enumerate(planned):
        for side, rate in zip(("generators", "discriminators"), both, strict=True):
            facts[f"in the plan, {side}", f"step {step}"] = np.array(rate)
    # The first step of every epoch, or of the two ends and ten epochs between them.
    epoch_of_step = _plan(cache).epoch
    last = int(epoch_of_step[-1])
    epochs = np.unique(np.linspace(0, last, min(last + 1, SHOWN_EPOCHS)).round().astype(int))
    shapes = cache.case.model.parameter_shapes()
    ones = {name: np.ones(shape, np.float32) for name, shape in shapes.items()}
    before: State = _start(cache)
    for epoch in epochs:
        after = apply(ones, planned[int(np.argmax(epoch_of_step == epoch))])
        for network in cache.case.model.networks:
            head = f"{network}/head/kernel"
            facts["as applied", f"{network}, epoch {epoch}"] = before[head] - after[head]
        before = after
    return facts


def _plan(cache: BackendCache) -> Any:
    training = cache.case.experiment.training.model_copy(
        update={"steps_per_epoch": PER_EPOCH, "steps": None}
    )
    experiment = cache.case.experiment.model_copy(update={"training": training})
    return cache.case.make_plan(experiment, 0, 4, 4)


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
