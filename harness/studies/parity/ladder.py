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
from harness.studies.parity.facts import Apart, Facts, largest, relative, share, worst
from harness.studies.parity.lab import Lab, Precision, Site
from harness.studies.parity.rows import Row
from harness.studies.parity.subject import make_subject
from harness.studies.parity.tolerances import Tolerance

Measure = Callable[[Lab, str], Facts]


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
class Check:
    """`measure` of every backend against `truth` of it, or else against the first backend's.

    `best`: of the groups, which are then one row, the least apart counts. `noise`: what a backend
    is off by itself; as often as tolerances.NOISE says the least of it is allowed, where that is
    more than the tolerance. `precision`: only for a lab that measures it.
    """

    rung: Rung
    measure: Measure
    tolerance: Tolerance
    truth: Measure | None = None
    apart: Apart = relative
    best: bool = False
    noise: Callable[[Lab, str], float] | None = None
    precision: Precision | None = None

    def allowed(self, lab: Lab) -> float:
        if self.noise is None:
            return self.tolerance.value
        quietest = min(lab.once(self.noise, name) for name in lab.names)
        return max(self.tolerance.value, tolerances.NOISE * quietest)


# Precision, whether of its gradients, and what is allowed.
REDUCED: tuple[tuple[Precision, bool, Tolerance], ...] = (
    ("bfloat16", False, tolerances.BFLOAT16),
    ("bfloat16", True, tolerances.BFLOAT16_GRADIENT),
    ("tf32", False, tolerances.TF32),
    ("tf32", True, tolerances.TF32_GRADIENT),
)
CHECKS = (
    Check(Rung.PARAMETERS, networks.shapes, tolerances.EXACT, networks.shapes_of_the_table),
    Check(Rung.ACTIVATIONS, networks.activations, tolerances.ACTIVATION),
    Check(Rung.ACTIVATIONS, networks.float32_outputs, tolerances.OUTPUT, apart=largest),
    Check(Rung.LOSSES, losses.float64, tolerances.LOSS_FLOAT64, losses.float64_written_out),
    Check(Rung.LOSSES, losses.penalties, tolerances.PENALTY),
    Check(Rung.LOSSES, losses.conventions, tolerances.LOSS_FLOAT64, losses.conventions_written_out),
    Check(Rung.LOSSES, losses.float32, tolerances.LOSS),
    Check(Rung.GRADIENTS, gradients.float64, tolerances.GRADIENT_FLOAT64),
    Check(
        Rung.GRADIENTS,
        gradients.float64_zeros,
        tolerances.ZERO_GRADIENT_FLOAT64,
        gradients.float64_zero_truth,
    ),
    Check(
        Rung.GRADIENTS,
        gradients.float32,
        tolerances.GRADIENT,
        best=True,
        noise=gradients.float32_noise,
    ),
    Check(
        Rung.GRADIENTS,
        gradients.float32_zeros,
        tolerances.ZERO_GRADIENT,
        gradients.float32_zero_truth,
    ),
    Check(Rung.ADAM, adam.float64, tolerances.ADAM_FLOAT64, adam.written_out),
    Check(Rung.ADAM, adam.float32, tolerances.ADAM, adam.written_out_first),
    Check(
        Rung.ADAM,
        adam.float32_second_moments,
        tolerances.ADAM_SECOND,
        adam.written_out_second,
    ),
    Check(Rung.POOL, pool.contents, tolerances.POOL, pool.written_out),
    Check(Rung.LEARNING_RATE, adam.rates, tolerances.RATE, adam.rates_written_out),
    Check(Rung.BATCH_NORM, batch_norm.measured, tolerances.BATCH_NORM, batch_norm.written_out),
    Check(Rung.LEVELS, levels.inputs, tolerances.EXACT, levels.inputs_written_out),
    Check(Rung.LEVELS, levels.outputs, tolerances.EXACT, levels.outputs_written_out),
    Check(Rung.LEVELS, levels.translations, tolerances.LEVEL_OUT, apart=largest),
    Check(Rung.LEVELS, levels.translations, tolerances.LEVEL_SHARE, apart=share),
    Check(Rung.FREEZING, freezing.slopes, tolerances.SLOPE, freezing.slopes_of_losses),
    Check(Rung.FREEZING, freezing.updates, tolerances.UPDATE, freezing.updates_by_gradients),
    Check(Rung.FREEZING, freezing.left_by_gradients, tolerances.EXACT, freezing.as_before),
    Check(Rung.EXCHANGE, training.taken, tolerances.EXACT, training.given),
    Check(Rung.EXCHANGE, training.continued, tolerances.CONTINUATION, training.uninterrupted),
    Check(Rung.TRAJECTORY, training.losses, tolerances.TRAJECTORY),
    Check(Rung.TRAJECTORY, training.end_weights, tolerances.TRAJECTORY_WEIGHTS),
    Check(Rung.TRAJECTORY, training.end_moments, tolerances.TRAJECTORY_MOMENTS),
    Check(Rung.TRAJECTORY, training.end_images, tolerances.TRAJECTORY_IMAGES),
    *(
        Check(
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
) -> list[Row]:
    """Rows of all checks with the networks and the objective of `preset`. Raises UserError.

    On another device than the CPU all backends there are held against the first one on the CPU.
    `precisions`: below float32, that the device computes in.
    """
    subject = make_subject(load_experiment("seasons", preset, []))
    if device == "cpu":
        return list(climb(Lab(subject, names)))
    sites = {names[0]: Site(names[0])}
    sites |= {f"{name} on {device}": Site(name, device) for name in names}
    return list(climb(Lab(subject, tuple(sites), sites, precisions)))


def climb(lab: Lab) -> Iterator[Row]:
    """A row for each check, backend and group, in order; what has no row yet is not computed."""
    for check in CHECKS:
        if check.precision is not None and check.precision not in lab.reduced:
            continue
        reference = lab.names[0]
        names = lab.names if check.truth else lab.names[1:]
        if check.precision is not None:
            names = tuple(name for name in names if lab.computes(name, check.precision))
        for name in names:
            try:
                expected = lab.once(
                    check.truth or check.measure, name if check.truth else reference
                )
                found, allowed = lab.once(check.measure, name), check.allowed(lab)
            except Exception as error:
                yield _failed(check, name, error)
                continue
            yield from _rows(check, name, worst(expected, found, check.apart), allowed)


def _rows(
    check: Check, name: str, groups: dict[str, tuple[float, str]], allowed: float
) -> Iterator[Row]:
    if check.best:
        best = min(groups, key=lambda group: groups[group][0])
        groups = {best: groups[best]}
    for group, (measured, detail) in groups.items():
        what = f"{name}, {group}: {detail}"
        yield Row(check.rung.label, what, measured, allowed)


def _failed(check: Check, name: str, error: Exception) -> Row:
    """A backend that cannot be measured is a breach, not the end of the climb."""
    first = (str(error).splitlines() or [""])[0]
    what = f"{name}: {type(error).__name__}: {first}"
    return Row(check.rung.label, what, float("inf"), check.tolerance.value)
