"""The ladder as data, and the climb: every rung rests on those below it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from harness.config.experiment import load_experiment
from harness.studies.parity import (
    adam,
    batch_norm,
    freezing,
    gradients,
    levels,
    losses,
    networks,
    pool,
    reduced,
    tolerances,
    training,
)
from harness.studies.parity.backend_cache import BackendCache, Precision, Site
from harness.studies.parity.facts import Apart, Facts, largest, relative, share, worst
from harness.studies.parity.parity_case import make_case
from harness.studies.parity.rows import ParityRow
from harness.studies.parity.tolerances import Tolerance

Measure = Callable[[BackendCache, str], Facts]


class Rung(IntEnum):
    PARAMETERS = 1
    ACTIVATIONS = 2
    LOSSES = 3
    GRADIENTS = 4
    ADAM = 5
    POOL = 6
    LEARNING_RATE = 7
    BATCH_NORM = 8
    LEVELS = 9
    FREEZING = 10
    EXCHANGE = 11
    TRAJECTORY = 12
    REDUCED_PRECISION = 13

    @property
    def label(self) -> str:
        return f"{self.value:02d} {self.name.lower().replace('_', ' ')}"


@dataclass(frozen=True)
class ParityCheck:
    """`measure` of every backend against `truth` of it, or else against the first backend's.

    `best`: of the groups, which are then one row, the least apart counts. `noise`: what a backend
    is off by itself; as often as tolerances.NOISE says the least of it is allowed, where that is
    more than the tolerance. `precision`: only for a cache that measures it.
    """

    rung: Rung
    measure: Measure
    tolerance: Tolerance
    truth: Measure | None = None
    apart: Apart = relative
    best: bool = False
    noise: Callable[[BackendCache, str], float] | None = None
    precision: Precision | None = None

    def allowed(self, cache: BackendCache) -> float:
        if self.noise is None:
            return self.tolerance.value
        quietest = min(cache.once(self.noise, name) for name in cache.names)
        return max(self.tolerance.value, tolerances.NOISE * quietest)


# Precision, whether of its gradients, and what is allowed.
REDUCED: tuple[tuple[Precision, bool, Tolerance], ...] = (
    ("bfloat16", False, tolerances.BFLOAT16),
    ("bfloat16", True, tolerances.BFLOAT16_GRADIENT),
    ("tf32", False, tolerances.TF32),
    ("tf32", True, tolerances.TF32_GRADIENT),
)
CHECKS = (
    ParityCheck(Rung.PARAMETERS, networks.shapes, tolerances.EXACT, networks.shapes_of_the_table),
    ParityCheck(Rung.ACTIVATIONS, networks.activations, tolerances.ACTIVATION),
    ParityCheck(Rung.ACTIVATIONS, networks.float32_outputs, tolerances.OUTPUT, apart=largest),
    ParityCheck(Rung.LOSSES, losses.float64, tolerances.LOSS_FLOAT64, losses.float64_written_out),
    ParityCheck(Rung.LOSSES, losses.penalties, tolerances.PENALTY),
    ParityCheck(
        Rung.LOSSES, losses.conventions, tolerances.LOSS_FLOAT64, losses.conventions_written_out
    ),
    ParityCheck(Rung.LOSSES, losses.float32, tolerances.LOSS),
    ParityCheck(Rung.GRADIENTS, gradients.float64, tolerances.GRADIENT_FLOAT64),
    ParityCheck(
        Rung.GRADIENTS,
        gradients.float64_zeros,
        tolerances.ZERO_GRADIENT_FLOAT64,
        gradients.float64_zero_truth,
    ),
    ParityCheck(
        Rung.GRADIENTS,
        gradients.float32,
        tolerances.GRADIENT,
        best=True,
        noise=gradients.float32_noise,
    ),
    ParityCheck(
        Rung.GRADIENTS,
        gradients.float32_zeros,
        tolerances.ZERO_GRADIENT,
        gradients.float32_zero_truth,
    ),
    ParityCheck(Rung.ADAM, adam.float64, tolerances.ADAM_FLOAT64, adam.written_out),
    ParityCheck(Rung.ADAM, adam.float32, tolerances.ADAM, adam.written_out_first),
    ParityCheck(
        Rung.ADAM,
        adam.float32_second_moments,
        tolerances.ADAM_SECOND,
        adam.written_out_second,
    ),
    ParityCheck(Rung.POOL, pool.contents, tolerances.POOL, pool.written_out),
    ParityCheck(Rung.LEARNING_RATE, adam.rates, tolerances.RATE, adam.rates_written_out),
    ParityCheck(
        Rung.BATCH_NORM, batch_norm.measured, tolerances.BATCH_NORM, batch_norm.written_out
    ),
    ParityCheck(Rung.LEVELS, levels.inputs, tolerances.EXACT, levels.inputs_written_out),
    ParityCheck(Rung.LEVELS, levels.outputs, tolerances.EXACT, levels.outputs_written_out),
    ParityCheck(Rung.LEVELS, levels.translations, tolerances.LEVEL_OUT, apart=largest),
    ParityCheck(Rung.LEVELS, levels.translations, tolerances.LEVEL_SHARE, apart=share),
    ParityCheck(Rung.FREEZING, freezing.slopes, tolerances.SLOPE, freezing.slopes_of_losses),
    ParityCheck(Rung.FREEZING, freezing.updates, tolerances.UPDATE, freezing.updates_by_gradients),
    ParityCheck(Rung.FREEZING, freezing.left_by_gradients, tolerances.EXACT, freezing.as_before),
    ParityCheck(Rung.EXCHANGE, training.taken, tolerances.EXACT, training.given),
    ParityCheck(Rung.EXCHANGE, training.continued, tolerances.CONTINUATION, training.uninterrupted),
    ParityCheck(Rung.TRAJECTORY, training.losses, tolerances.TRAJECTORY),
    ParityCheck(Rung.TRAJECTORY, training.end_weights, tolerances.TRAJECTORY_WEIGHTS),
    ParityCheck(Rung.TRAJECTORY, training.end_moments, tolerances.TRAJECTORY_MOMENTS),
    ParityCheck(Rung.TRAJECTORY, training.end_images, tolerances.TRAJECTORY_IMAGES),
    *(
        ParityCheck(
            Rung.REDUCED_PRECISION,
            reduced.facts(precision, precision, of_gradients),
            tolerance,
            reduced.facts("float64", precision, of_gradients),
            precision=precision,
        )
        for precision, of_gradients, tolerance in REDUCED
    ),
)


def check_parity(
    preset: str,
    names: Sequence[str],
    device: Literal["cpu", "cuda"] = "cpu",
    precisions: Sequence[Precision] = (),
) -> list[ParityRow]:
    """Rows of all checks with the networks and the objective of `preset`. Raises UserError.

    On another device than the CPU all backends there are held against the first one on the CPU.
    `precisions`: below float32, that the device computes in.
    """
    case = make_case(load_experiment("seasons", preset, []))
    if device == "cpu":
        return list(climb(BackendCache(case, names)))
    sites = {names[0]: Site(names[0])}
    sites |= {f"{name} on {device}": Site(name, device) for name in names}
    return list(climb(BackendCache(case, tuple(sites), sites, precisions)))


def climb(cache: BackendCache) -> Iterator[ParityRow]:
    """A row for each check, backend and group, in order; what has no row yet is not computed."""
    for check in CHECKS:
        if check.precision is not None and check.precision not in cache.reduced:
            continue
        reference = cache.names[0]
        names = cache.names if check.truth else cache.names[1:]
        if check.precision is not None:
            names = tuple(name for name in names if cache.computes(name, check.precision))
        for name in names:
            try:
                expected = cache.once(
                    check.truth or check.measure, name if check.truth else reference
                )
                measured, allowed = cache.once(check.measure, name), check.allowed(cache)
            except Exception as error:
                yield _failed(check, name, error)
                continue
            yield from _rows(check, name, worst(expected, measured, check.apart), allowed)


def _rows(
    check: ParityCheck, name: str, groups: dict[str, tuple[float, str]], allowed: float
) -> Iterator[ParityRow]:
    if check.best:
        best = min(groups, key=lambda group: groups[group][0])
        groups = {best: groups[best]}
    for group, (measured, detail) in groups.items():
        what = f"{name}, {group}: {detail}"
        yield ParityRow(check.rung.label, what, measured, allowed)


def _failed(check: ParityCheck, name: str, error: Exception) -> ParityRow:
    """A backend that cannot be measured is a breach, not the end of the climb."""
    first = (str(error).splitlines() or [""])[0]
    what = f"{name}: {type(error).__name__}: {first}"
    return ParityRow(check.rung.label, what, float("inf"), check.tolerance.value)
