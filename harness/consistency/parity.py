"""Do all backends compute the same? Each check is a function that yields rows.

One state, one plan and one set of images go into every backend. Float32 checks bound what users
meet; float64 checks are sharp enough to see a wrong constant. The first backend is the reference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import backends
from backends.interface import (
    LOSS_TERMS,
    POOL_STORE,
    Backend,
    Batch,
    PoolDecision,
    Runtime,
    State,
)
from harness import provenance
from harness.config import Experiment, load_experiment
from harness.consistency import tolerances
from harness.datasets.seasons import render
from harness.errors import UserError
from harness.plan import initial_state, make_plan
from harness.records import write_json

STEPS = 20
GRADIENT_BATCHES = 6
SCENES = 4
# The architecture is the preset's, the image size is not: larger ones would only add time.
SIZE = 64


@dataclass(frozen=True)
class Row:
    """`measured` may be at most `tolerance`."""

    check: str
    what: str
    measured: float
    tolerance: float

    @property
    def passed(self) -> bool:
        return bool(self.measured <= self.tolerance)  # False for NaN

    @property
    def margin(self) -> float:
        """How many times more would pass; infinite where nothing was measured."""
        return self.tolerance / self.measured if self.measured else float("inf")


@dataclass(frozen=True)
class Subject:
    """What is put into every backend."""

    experiment: Experiment
    state: State
    batches: list[Batch]
    images: np.ndarray  # uint8 (SCENES, H, W, 3), summer

    def build(self, name: str, precision: str) -> Backend:
        runtime = Runtime(threads=provenance.default_threads(), precision=precision)  # type: ignore[arg-type]
        backend = backends.load(name, self.experiment.networks(), self.experiment.loss(), runtime)
        backend.load_state(self.state)
        return backend


def check_parity(preset: str, names: Sequence[str]) -> list[Row]:
    """Rows of all checks, every further backend against the first. Raises UserError."""
    subject = make_subject(load_experiment("seasons", preset, []))
    return [row for name in names[1:] for check in CHECKS for row in check(subject, names[0], name)]


def make_subject(experiment: Experiment) -> Subject:
    """A state that is not fresh: biases, Adam moments and pools are filled, so all count."""
    data = experiment.data.model_copy(update={"crop_size": SIZE, "load_size": SIZE + 4})
    training = experiment.training.model_copy(
        update={"steps_per_epoch": STEPS // 4, "epochs_constant": 2, "epochs_decay": 2}
    )
    # A small pool, so that twenty steps store, swap and pass.
    objective = experiment.objective.model_copy(update={"pool_size": 5})
    experiment = experiment.model_copy(
        update={"data": data, "training": training, "objective": objective}
    )
    summer = np.stack([render(scene, "summer", data.load_size) for scene in range(SCENES)])
    winter = np.stack([render(scene, "winter", data.load_size) for scene in range(10, 10 + SCENES)])
    plan = make_plan(experiment, 0, SCENES, SCENES)
    batches = [plan.batch(step, summer, winter) for step in range(plan.steps)]
    state = _used_state(experiment)
    return Subject(experiment, state, batches, np.ascontiguousarray(summer[:, :SIZE, :SIZE]))


def _used_state(experiment: Experiment) -> State:
    state = initial_state(experiment.networks(), experiment.loss(), 0)
    draw = np.random.Generator(np.random.Philox(7))
    for name, array in state.items():
        if name.endswith("/bias") and not name.startswith("adam_"):
            state[name] = draw.normal(0, 0.1, array.shape).astype(np.float32)
        elif name.startswith("adam_m/"):
            state[name] = draw.normal(0, 1e-3, array.shape).astype(np.float32)
        elif name.startswith("adam_v/"):
            state[name] = draw.uniform(1e-8, 1e-5, array.shape).astype(np.float32)
        elif name.startswith("pool_"):
            state[name] = draw.uniform(-1, 1, array.shape).astype(np.float32)
    return {**state, "step": np.array(3, np.int64)}


# ------------------------------------------------------------------------------------ checks


def parameters(subject: Subject, *names: str) -> Iterator[Row]:
    """Names, shapes and dtypes against the architecture table."""
    expected = {name: (array.shape) for name, array in subject.state.items()}
    for name in names:
        state = subject.build(name, "float32").state()
        found = {key: array.shape for key, array in state.items()}
        wrong = sum(expected.get(key) != found.get(key) for key in expected | found)
        yield Row("parameters", f"{name}: wrong names or shapes", wrong, tolerances.EXACT)


def outputs(subject: Subject, reference: str, other: str) -> Iterator[Row]:
    """Translations as uint8, and before rounding: a stored fake is what a generator put out."""
    first, second = (subject.build(name, "float32") for name in (reference, other))
    for direction in ("ab", "ba"):
        one, two = (b.translate(subject.images, direction) for b in (first, second))
        levels = np.abs(one.astype(int) - two.astype(int)).max()
        yield Row("outputs", f"{direction}: uint8 levels", levels, tolerances.OUTPUT_LEVELS)
        share = float(np.mean(one != two))
        yield Row("outputs", f"{direction}: share of values apart", share, tolerances.OUTPUT_SHARE)
    # After the translations: storing takes a training step.
    stored = [_store_fakes(backend, subject.batches[0]) for backend in (first, second)]
    for pool in ("pool_b", "pool_a"):
        apart = np.abs(stored[0][pool][0] - stored[1][pool][0]).max()
        yield Row("outputs", f"translation in {pool}, of a range of 2", apart, tolerances.OUTPUT)


def losses(subject: Subject, reference: str, other: str) -> Iterator[Row]:
    """Every term of one step."""
    one, two = (_train(subject.build(n, "float32"), subject, 1)[0] for n in (reference, other))
    for i, term in enumerate(LOSS_TERMS):
        yield Row("losses", term, _relative(one[0, i], two[0, i]), tolerances.LOSS)


def gradients(subject: Subject, reference: str, other: str) -> Iterator[Row]:
    """Per tensor; biases whose true gradient is zero against that zero, in both backends.

    Under ReLU and L1 a gradient jumps where rounding carries a value over a kink: weights moved by
    1e-6 change it by up to 3% even in float64. So in float32 the best of several batches counts: a
    jump spoils a batch, a wrong constant spoils all. In float64 every batch counts.
    """
    cases = (
        ("float32", min, tolerances.GRADIENT, tolerances.ZERO_GRADIENT),
        ("float64", max, tolerances.GRADIENT_FLOAT64, tolerances.ZERO_GRADIENT_FLOAT64),
    )
    zero = subject.experiment.networks().zero_gradient_biases()
    for precision, counts, tolerance, zero_tolerance in cases:
        found = {
            name: [backend.gradients(batch) for batch in subject.batches[:GRADIENT_BATCHES]]
            for name in (reference, other)
            for backend in (subject.build(name, precision),)
        }
        measured, tensor = counts(
            max((_relative(one[key], two[key]), key) for key in one.keys() - zero)
            for one, two in zip(found[reference], found[other], strict=True)
        )
        yield Row("gradients", f"{precision}: {tensor}", measured, tolerance)
        for name, batches in found.items():
            rest, bias = max(
                (_share_of_kernel(one, bias), bias) for one in batches for bias in zero
            )
            yield Row("gradients", f"{precision}: {name}, zero {bias}", rest, zero_tolerance)


def trajectory(subject: Subject, reference: str, other: str) -> Iterator[Row]:
    """Twenty steps in float64: losses of every step and all that is left behind."""
    (one, state), (two, other_state) = (
        _train(subject.build(name, "float64"), subject, STEPS) for name in (reference, other)
    )
    apart = _worst_term(one, two)
    yield Row("trajectory", f"losses of {STEPS} steps", apart, tolerances.TRAJECTORY)
    zero = subject.experiment.networks().zero_gradient_biases()
    for part in ("g_", "d_", "adam_m/", "adam_v/", "pool_"):
        keys = [name for name in state if name.startswith(part)]
        worst = max((_apart(state, other_state, key, zero), key) for key in keys)
        yield Row("trajectory", f"after: {worst[1]}", worst[0], tolerances.TRAJECTORY_STATE)


def exchange(subject: Subject, reference: str, other: str) -> Iterator[Row]:
    """A state from either backend loads in the other, unchanged, and training goes on the same."""
    for giver, taker in ((reference, other), (other, reference)):
        source = subject.build(giver, "float64")
        _, given = _train(source, subject, 2)
        target = subject.build(taker, "float64")
        target.load_state(given)
        taken = target.state()
        changed = sum(not np.array_equal(given[key], taken[key]) for key in given)
        yield Row("exchange", f"{giver} to {taker}: entries changed", changed, tolerances.EXACT)
        rest = replace(subject, batches=subject.batches[2:])
        one, two = (_train(backend, rest, 5)[0] for backend in (source, target))
        what = f"{giver} to {taker}: next 5 steps"
        yield Row("exchange", what, _worst_term(one, two), tolerances.TRAJECTORY)


Check = Callable[[Subject, str, str], Iterator[Row]]
CHECKS: tuple[Check, ...] = (parameters, outputs, losses, gradients, trajectory, exchange)


# ------------------------------------------------------------------------------------ output


def print_rows(rows: Sequence[Row], console: Console) -> None:
    table = Table("check", "what", "measured", "tolerance", "margin", "")
    for row in rows:
        margin = "exact" if row.measured == 0 else f"{row.margin:.1f}x"
        numbers = (f"{row.measured:.2g}", f"{row.tolerance:.2g}", margin)
        table.add_row(row.check, row.what, *numbers, "ok" if row.passed else "BREACH")
    console.print(table)


def write_rows(rows: Sequence[Row], path: Path) -> None:
    """JSON: `rows [{check, what, measured (null: not finite), tolerance, passed}]`.

    Raises UserError where `path` cannot be written.
    """
    table = [
        {
            **asdict(row),
            "measured": float(row.measured) if np.isfinite(row.measured) else None,
            "passed": row.passed,
        }
        for row in rows
    ]
    try:
        write_json(path, {"rows": table})
    except OSError as error:
        raise UserError(f"--json {path}: cannot write there ({error.strerror})") from None


def _train(backend: Backend, subject: Subject, steps: int) -> tuple[np.ndarray, State]:
    for batch in subject.batches[:steps]:
        backend.train_step(batch)
    return backend.losses(), backend.state()


def _store_fakes(backend: Backend, batch: Batch) -> State:
    """State after a step that put both fakes into slot 0, with the weights it started from."""
    store = PoolDecision(np.full(1, POOL_STORE, np.int32), np.zeros(1, np.int32))
    cut = replace(batch, a=batch.a[:1], b=batch.b[:1], pool_a=store, pool_b=store)
    backend.train_step(cut)
    return backend.state()


def _worst_term(one: np.ndarray, two: np.ndarray) -> float:
    """Largest relative difference of any loss term of any step."""
    terms = range(len(LOSS_TERMS))
    return max(
        _relative(step[i], other[i]) for step, other in zip(one, two, strict=True) for i in terms
    )


def _apart(one: State, two: State, key: str, zero: frozenset[str]) -> float:
    """Relative, but for what only rounding moves: that in the size of the kernel it belongs to."""
    if any(key.endswith(bias) for bias in zero):
        kernel = one[key.removesuffix("bias") + "kernel"]
        return _finite(np.linalg.norm(one[key] - two[key]) / np.linalg.norm(kernel))
    return _relative(one[key], two[key])


def _relative(one: np.ndarray, two: np.ndarray) -> float:
    """L2 distance in the size of the first."""
    distance, size = np.linalg.norm(np.subtract(one, two)), np.linalg.norm(one)
    return _finite(distance / size if size else distance)


def _finite(apart: np.floating) -> float:
    """`max` passes over a NaN, but not over infinity."""
    return float(apart) if np.isfinite(apart) else float("inf")


def _share_of_kernel(gradients: State, bias: str) -> float:
    kernel = gradients[bias.removesuffix("bias") + "kernel"]
    return _finite(np.linalg.norm(gradients[bias]) / np.linalg.norm(kernel))
