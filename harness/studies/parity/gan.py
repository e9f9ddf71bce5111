"""The rungs of a GAN's ladder but for the plan. What can be is compared with gan_in_numpy.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from backends.gan import NETWORKS, RECORDED, GanBackend, GanBatch
from backends.interface import State
from backends.model import levels
from harness.studies.parity.adam import adam
from harness.studies.parity.backend_cache import BackendCache, Facts, Precision
from harness.studies.parity.gan_case import GanCase, standing
from harness.studies.parity.gan_in_numpy import flat, forward, written_out
from harness.studies.parity.parity_case import used_state

GIVEN_AFTER, CONTINUED = 2, 3  # steps
LATE = 9_999  # steps taken before a late one
STEP = 1e-7  # along a direction, for finite differences
FLOAT32_BATCHES = 6


def _backend(cache: BackendCache, name: str, precision: Precision = "float64") -> GanBackend:
    return cast(GanBackend, cache.backend(name, precision))


def case_of(cache: BackendCache) -> GanCase:
    """Of a cache of GANs."""
    return cast(GanCase, cache.case)


def _in_numpy(
    cache: BackendCache, batch: GanBatch, state: State
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    case = case_of(cache)
    return written_out(case.model, case.objective, batch, state)


def _state(cache: BackendCache) -> dict[str, np.ndarray]:
    return used_state(cache.case.model, cache.case.objective)


# ------------------------------------------------------------------- parameters and activations


def shapes(cache: BackendCache, name: str) -> Facts:
    """Names and shapes of all that a state holds."""
    state = _backend(cache, name).state()
    return {("names and shapes", key): np.array(array.shape) for key, array in state.items()}


def shapes_of_the_table(cache: BackendCache, name: str) -> Facts:
    expected = cache.case.model.state_shapes(cache.case.objective)
    return {("names and shapes", key): np.array(shape) for key, shape in expected.items()}


def activations(cache: BackendCache, name: str) -> Facts:
    """Of every layer, float64."""
    return _activations(case_of(cache), _backend(cache, name))


def activations_written_out(cache: BackendCache, name: str) -> Facts:
    case, state, facts = case_of(cache), _state(cache), Facts()
    for network in NETWORKS:
        given = case.inputs(network)
        x = given if network == "g" else flat(given)
        passed = forward(case.model, state, network, x)
        outputs = {"input": x, **passed.made, "output": passed.output}
        facts |= {(f"layers of {network}", layer): array for layer, array in outputs.items()}
    return facts


def float32_outputs(cache: BackendCache, name: str) -> Facts:
    backend = _backend(cache, name, "float32")
    outputs = backend.activations("g", case_of(cache).noise)["output"]
    return {("float32 samples, of a range of 2", "g"): outputs}


def _activations(case: GanCase, backend: GanBackend) -> Facts:
    return {
        (f"layers of {network}", layer): array
        for network in NETWORKS
        for layer, array in backend.activations(network, case.inputs(network)).items()
    }


# ------------------------------------------------------------------------- losses and gradients


def losses(cache: BackendCache, name: str) -> Facts:
    """Recorded values of a step that changes nothing, float64."""
    return _losses(cache, name, "float64")


def float32_losses(cache: BackendCache, name: str) -> Facts:
    return _losses(cache, name, "float32")


def losses_written_out(cache: BackendCache, name: str) -> Facts:
    batches = case_of(cache).batches[:FLOAT32_BATCHES]
    rows = [_in_numpy(cache, batch, _state(cache))[0] for batch in batches]
    return _by_term([[row[term] for term in RECORDED] for row in rows])


def _losses(cache: BackendCache, name: str, precision: Precision) -> Facts:
    backend, case = _backend(cache, name, precision), case_of(cache)
    return _by_term(_train(backend, [*map(standing, case.batches[:FLOAT32_BATCHES])]))


def _by_term(rows: Any) -> Facts:
    columns = np.array(rows).T
    return {("recorded", term): column for term, column in zip(RECORDED, columns, strict=True)}


def _train(backend: GanBackend, batches: list[GanBatch]) -> np.ndarray:
    backend.losses()
    for batch in batches:
        backend.train_step(batch)
    return backend.losses()


def gradients(cache: BackendCache, name: str) -> Facts:
    return _gradients(cache, name, "float64", 2)


def float32_gradients(cache: BackendCache, name: str) -> Facts:
    return _gradients(cache, name, "float32", FLOAT32_BATCHES)


def gradients_written_out(cache: BackendCache, name: str) -> Facts:
    return _gradients_in_numpy(cache, "float64", 2)


def float32_gradients_written_out(cache: BackendCache, name: str) -> Facts:
    return _gradients_in_numpy(cache, "float32", FLOAT32_BATCHES)


def _gradients(cache: BackendCache, name: str, precision: Precision, count: int) -> Facts:
    backend = _backend(cache, name, precision)
    return {
        (f"{precision}, batch {i}", key): gradient
        for i, batch in enumerate(case_of(cache).batches[:count])
        for key, gradient in backend.gradients(batch).items()
    }


def _gradients_in_numpy(cache: BackendCache, precision: Precision, count: int) -> Facts:
    return {
        (f"{precision}, batch {i}", key): gradient
        for i, batch in enumerate(case_of(cache).batches[:count])
        for key, gradient in _in_numpy(cache, batch, _state(cache))[1].items()
    }


# -------------------------------------------------------------------------------------- levels


def levels_in(cache: BackendCache, name: str) -> Facts:
    """All 256, as the discriminator gets them."""
    facts = Facts()
    precisions: tuple[Precision, ...] = ("float32", "float64")
    for precision in precisions:
        backend = _backend(cache, name, precision)
        given = backend.activations("d", _all_levels(cache))["input"]
        facts["levels in", precision] = given
    return facts


def levels_in_written_out(cache: BackendCache, name: str) -> Facts:
    shown = _all_levels(cache)
    return {
        ("levels in", precision): levels(precision)[shown].reshape(len(shown), -1)
        for precision in ("float32", "float64")
    }


def levels_out(cache: BackendCache, name: str) -> Facts:
    """Samples, uint8, from a float64 backend."""
    return {("samples", "uint8"): _backend(cache, name).samples(case_of(cache).noise)}


def levels_out_written_out(cache: BackendCache, name: str) -> Facts:
    """By rounding of what the backend's generator puts out."""
    case = case_of(cache)
    output = _backend(cache, name).activations("g", case.noise)["output"]
    scaled = (output.reshape(-1, *case.model.shape) + 1) * 127.5
    rounded = np.round(scaled) if case.model.rounding == "half_even" else np.floor(scaled)
    return {("samples", "uint8"): np.clip(rounded, 0, 255).astype(np.uint8)}


def _all_levels(cache: BackendCache) -> np.ndarray:
    """uint8 images that hold every level."""
    shape = case_of(cache).model.shape
    count = -(-256 // int(np.prod(shape)))
    values = np.arange(count * int(np.prod(shape)), dtype=np.int64) % 256
    return values.astype(np.uint8).reshape(count, *shape)


# --------------------------------------------------------------------------------- whole steps


def steps(cache: BackendCache, name: str) -> Facts:
    """What an early and a late step add to weights and moments; and states after gradients were
    computed without a step."""
    return cache.once(_two_steps, name)[0]


def steps_by_numpy(cache: BackendCache, name: str) -> Facts:
    """The same in NumPy: the generator's gradients are of the discriminator after its update."""
    return cache.once(_two_steps, name)[1]


def _two_steps(cache: BackendCache, name: str) -> tuple[Facts, Facts]:
    case, backend = case_of(cache), _backend(cache, name)
    optimiser = case.experiment.optimiser
    rate = optimiser.learning_rate
    rates = (rate, optimiser.discriminator_learning_rate or rate)
    measured, expected = Facts(), Facts()
    for number, planned in enumerate(case.batches[:2]):
        batch = planned._replace(learning_rate=rates[0], discriminator_learning_rate=rates[1])
        if number == 1:
            backend.load_state({**backend.state(), "step": np.array(LATE, np.int64)})
        before = backend.state()
        backend.gradients(batch)
        untouched = backend.state()
        backend.train_step(batch)
        after = backend.state()
        computed: State = before
        for network in ("d", "g"):
            found = _in_numpy(cache, batch, computed)[1]
            own = {key: value for key, value in found.items() if key.startswith(f"{network}/")}
            computed = {**adam(computed, own, rates, case.objective), "step": before["step"]}
        for key in case.model.parameter_shapes():
            for part in ("", "adam_m/", "adam_v/"):
                where = ("training step", f"{part}{key}, step {number}")
                measured[where] = after[part + key] - before[part + key]
                expected[where] = computed[part + key] - before[part + key]
        for key in before:
            measured["gradients alone", f"{key}, step {number}"] = untouched[key]
            expected["gradients alone", f"{key}, step {number}"] = before[key]
    backend.losses()
    return measured, expected


def slopes(cache: BackendCache, name: str) -> Facts:
    """Gradients along a direction of each network's weights."""
    case, backend = case_of(cache), _backend(cache, name)
    found = backend.gradients(case.batches[0])
    return {
        ("slope of the loss", network): np.array(
            sum(float((found[key] * d).sum()) for key, d in _direction(cache, network).items())
        )
        for network in NETWORKS
    }


def slopes_of_losses(cache: BackendCache, name: str) -> Facts:
    """How the recorded losses change along that direction: central differences."""
    case, facts = case_of(cache), Facts()
    backend = _backend(cache, name)
    for network, term in (("g", "generator"), ("d", "discriminator")):
        values = []
        for step in (STEP, -STEP):
            state = _state(cache)
            for key, direction in _direction(cache, network).items():
                state[key] = state[key] + step * direction
            backend.load_state(state)
            [row] = _train(backend, [standing(case.batches[0])])
            values.append(float(row[RECORDED.index(term)]))
        facts["slope of the loss", network] = np.array((values[0] - values[1]) / (2 * STEP))
    return facts


def _direction(cache: BackendCache, network: str) -> dict[str, np.ndarray]:
    """Unit length, over all weights of a network; a Wasserstein critic's stay within their clip."""
    draw, objective = np.random.Generator(np.random.Philox(11)), cache.case.objective
    shapes = cache.case.model.parameter_shapes().items()
    drawn = {key: draw.normal(size=shape) for key, shape in shapes if key.startswith(f"{network}/")}
    if objective.adversarial == "wasserstein" and network == "d":
        state = _state(cache)
        drawn = {key: np.where(np.abs(state[key]) < 0.9 * objective.clip, d, 0.0)
                 for key, d in drawn.items()}  # fmt: skip
    length = np.sqrt(sum(float((d**2).sum()) for d in drawn.values()))
    return {key: d / length for key, d in drawn.items()}


# ----------------------------------------------------------------------- exchange, trajectory


@dataclass(frozen=True)
class _Continued:
    """A state, the losses of the steps after it, and the state at their end."""

    start: State
    losses: np.ndarray
    end: State


def source(cache: BackendCache, name: str) -> _Continued:
    """A state after some steps, for other backends. Training goes on without a load."""
    backend = _backend(cache, name)
    _train(backend, case_of(cache).batches[:GIVEN_AFTER])
    return _continue(cache, backend)


def received(cache: BackendCache, name: str) -> Facts:
    """States of every backend, loaded by this one and read again; training goes on from them."""
    backend, found = _backend(cache, name), {}
    for giver in cache.names:
        backend.load_state(cache.once(source, giver).start)
        found[giver] = _continue(cache, backend)
    return _exchange_facts(found)


def given(cache: BackendCache, name: str) -> Facts:
    """The states themselves; training went on from them in the backend that they are from."""
    return _exchange_facts({giver: cache.once(source, giver) for giver in cache.names})


def _continue(cache: BackendCache, backend: GanBackend) -> _Continued:
    start = backend.state()
    rows = _train(backend, case_of(cache).batches[GIVEN_AFTER : GIVEN_AFTER + CONTINUED])
    return _Continued(start, rows, backend.state())


def _exchange_facts(found: dict[str, _Continued]) -> Facts:
    facts: Facts = {}
    for giver, continuation in found.items():
        group = f"{CONTINUED} steps from {giver}"
        facts |= {(f"loaded from {giver}", key): x for key, x in continuation.start.items()}
        facts |= {(group, term): x for (_, term), x in _by_term(continuation.losses).items()}
        facts |= {(f"{group}, end", key): x for key, x in continuation.end.items()}
    return facts


def trajectory(cache: BackendCache, name: str) -> Facts:
    """Losses of every step, and the state after the last one."""
    backend, case = _backend(cache, name), case_of(cache)
    rows = _train(backend, case.batches)
    facts: Facts = {
        (f"losses of {len(rows)} steps", term): x for (_, term), x in _by_term(rows).items()
    }
    end, weights = backend.state(), case.model.parameter_shapes()
    for key in weights:
        facts[f"end: {key[0]}", key] = end[key]
        facts["end: first moments", key] = end[f"adam_m/{key}"]
        facts["end: second moments", key] = end[f"adam_v/{key}"]
    samples = backend.activations("g", case.noise)["output"]
    return facts | {("end: samples", "g"): samples}


# -------------------------------------------------------------------------------------- not finite


def not_finite(cache: BackendCache, name: str) -> Facts:
    """Which losses and weights are finite behind a generator that puts out no numbers."""
    backend, state = _backend(cache, name), _state(cache)
    state["g/head/bias"][:] = np.nan
    backend.load_state(state)
    [row] = _train(backend, [case_of(cache).batches[0]])
    after = backend.state()
    facts: Facts = {
        ("finite", term): np.isfinite(value)
        for term, value in zip(RECORDED, row, strict=True)
        if term in ("generator", "discriminator", "score_real", "score_fake")
    }
    for key in ("g/head/kernel", "d/head/kernel"):
        facts["finite", key] = np.isfinite(after[key]).all()
    return facts


def not_finite_written_out(cache: BackendCache, name: str) -> Facts:
    """All that a fake is part of is lost."""
    terms = ("generator", "discriminator", "score_real", "score_fake")
    facts: Facts = {("finite", term): np.array(term == "score_real") for term in terms}
    # Wasserstein's gradient by the discriminator's last bias knows no scores, but its kernel does.
    return facts | {("finite", key): np.array(False) for key in ("g/head/kernel", "d/head/kernel")}
