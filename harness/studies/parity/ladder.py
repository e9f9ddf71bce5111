"""The ladder as data, and the climb."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.studies.parity import (
    adam,
    evaluation,
    gan,
    gan_choices,
    gradients,
    losses,
    networks,
    not_finite,
    planned,
    stored,
    tolerances,
    training,
)
from harness.studies.parity.backend_cache import BackendCache, Precision, largest, share, worst
from harness.studies.parity.gan_case import GanCase
from harness.studies.parity.parity_case import ParityCase
from harness.studies.parity.parity_check import Measure, ParityCheck, Rung
from harness.studies.parity.rows import ParityRow
from harness.studies.parity.tolerances import Tolerance

REDUCED: tuple[tuple[Precision, Measure, str | tuple[str, ...], Tolerance], ...] = (
    ("bfloat16", training.bfloat16, ("outputs", "losses"), tolerances.BFLOAT16),
    ("bfloat16", training.bfloat16, "gradients", tolerances.BFLOAT16_GRADIENT),
    ("tf32", training.tf32, ("outputs", "losses"), tolerances.TF32),
    ("tf32", training.tf32, "gradients", tolerances.TF32_GRADIENT),
)
CHECKS = (
    # 1 and 2: parameters and activations
    ParityCheck(Rung.PARAMETERS, networks.shapes, tolerances.EXACT, networks.shapes_of_the_table),
    ParityCheck(Rung.ACTIVATIONS, networks.activations, tolerances.ACTIVATION),
    ParityCheck(
        Rung.ACTIVATIONS, networks.float32_outputs, tolerances.OUTPUT, apart=largest, quick=False
    ),
    # 3: losses
    ParityCheck(
        Rung.LOSSES, losses.float64, tolerances.LOSS_FLOAT64, losses.written_out, groups="recorded"
    ),
    ParityCheck(Rung.LOSSES, losses.float64, tolerances.PENALTY, groups="penalties"),
    ParityCheck(
        Rung.LOSSES, losses.float64, tolerances.LOSS_FLOAT64, losses.written_out, groups="as "
    ),
    ParityCheck(Rung.LOSSES, losses.float32, tolerances.LOSS, quick=False),
    # 4: gradients
    ParityCheck(
        Rung.GRADIENTS, gradients.float64, tolerances.GRADIENT_FLOAT64, groups="float64, batch"
    ),
    ParityCheck(
        Rung.GRADIENTS,
        gradients.float64,
        tolerances.ZERO_GRADIENT_FLOAT64,
        gradients.float64_zeros,
        groups="float64, in front",
    ),
    ParityCheck(
        Rung.GRADIENTS,
        gradients.float32,
        tolerances.GRADIENT,
        groups="float32, batch",
        best=True,
        noise=gradients.float32_noise,
        quick=False,
    ),
    ParityCheck(
        Rung.GRADIENTS,
        gradients.float32,
        tolerances.ZERO_GRADIENT,
        gradients.float32_zeros,
        groups="float32, in front",
        noise=gradients.float32_zero_noise,
        quick=False,
    ),
    # 5: Adam
    ParityCheck(Rung.ADAM, adam.float64, tolerances.ADAM_FLOAT64, adam.written_out),
    ParityCheck(
        Rung.ADAM, adam.float32, tolerances.ADAM, adam.written_out, groups=("update", "first")
    ),
    ParityCheck(Rung.ADAM, adam.float32, tolerances.ADAM_SECOND, adam.written_out, groups="second"),
    # 6 to 9: image pools, learning rates, batch norms, uint8 images
    ParityCheck(Rung.POOL, losses.pools, tolerances.POOL, losses.pools_written_out),
    ParityCheck(Rung.LEARNING_RATE, adam.rates, tolerances.RATE, adam.rates_written_out),
    ParityCheck(Rung.BATCH_NORM, networks.norms, tolerances.BATCH_NORM, networks.norms_written_out),
    ParityCheck(Rung.LEVELS, networks.levels_in, tolerances.EXACT, networks.levels_in_written_out),
    ParityCheck(
        Rung.LEVELS, networks.levels_out, tolerances.EXACT, networks.levels_out_written_out
    ),
    *(
        ParityCheck(Rung.LEVELS, networks.translations, tolerance, apart=apart, quick=False)
        for tolerance, apart in ((tolerances.LEVEL_OUT, largest), (tolerances.LEVEL_SHARE, share))
    ),
    # 10: each loss moves its own networks, and nothing else moves them
    ParityCheck(
        Rung.FREEZING,
        gradients.slopes,
        tolerances.SLOPE,
        gradients.slopes_of_losses,
        quick=False,
    ),
    ParityCheck(
        Rung.FREEZING,
        gradients.steps,
        tolerances.UPDATE,
        gradients.steps_by_gradients,
        groups="training step",
    ),
    ParityCheck(
        Rung.FREEZING,
        gradients.steps,
        tolerances.EXACT,
        gradients.steps_by_gradients,
        groups="gradients alone",
    ),
    # 11: a state goes from one backend to another
    ParityCheck(
        Rung.EXCHANGE, training.received, tolerances.EXACT, training.given, groups="loaded"
    ),
    ParityCheck(
        Rung.EXCHANGE,
        training.received,
        tolerances.CONTINUATION,
        training.given,
        groups=f"{training.CONTINUED} steps",
    ),
    # 12: twenty steps of training
    ParityCheck(Rung.TRAJECTORY, training.trajectory, tolerances.TRAJECTORY, groups="losses"),
    ParityCheck(
        Rung.TRAJECTORY,
        training.trajectory,
        tolerances.TRAJECTORY_WEIGHTS,
        groups=("end: g_", "end: d_", "end: averages", "late averages"),
    ),
    ParityCheck(
        Rung.TRAJECTORY,
        training.trajectory,
        tolerances.TRAJECTORY_MOMENTS,
        groups=("end: first", "end: second"),
    ),
    ParityCheck(
        Rung.TRAJECTORY,
        training.trajectory,
        tolerances.TRAJECTORY_IMAGES,
        groups=("end: pools", "end: statistics"),
    ),
    ParityCheck(
        Rung.TRAJECTORY, training.trajectory, tolerances.TRAJECTORY_MOMENTS, groups="late moments"
    ),
    # 13: what computing in fewer bits than float32's changes, against float64 on the same device
    *(
        ParityCheck(
            Rung.REDUCED_PRECISION,
            measure,
            tolerance,
            training.float64,
            groups=groups,
            precision=precision,
            # Of networks of two channels bfloat16 leaves gradients next to nothing.
            quick=groups != "gradients",
        )
        for precision, measure, groups, tolerance in REDUCED
    ),
    *(
        ParityCheck(
            Rung.REDUCED_PRECISION,
            measure,
            tolerances.GRADIENT_SIZE,
            training.float64,
            groups="sizes",
            apart=largest,
            precision=precision,
        )
        for precision, measure, groups, _ in REDUCED
        if groups == "gradients"
    ),
    *(
        ParityCheck(
            Rung.REDUCED_PRECISION,
            stored.stored,
            tolerance,
            stored.stored_written_out,
            groups=groups,
            precision="bfloat16",
        )
        for groups, tolerance in (
            (("stored", "no more than bfloat16"), tolerances.EXACT),
            ("small step", tolerances.SMALL_STEP),
            ("moments", tolerances.ADAM_SECOND),
        )
    ),
    # 14: evaluation mode
    ParityCheck(
        Rung.EVALUATION,
        evaluation.evaluated,
        tolerances.EXACT,
        evaluation.evaluated_written_out,
        groups=("translations", "state"),
    ),
    ParityCheck(
        Rung.EVALUATION,
        evaluation.evaluated,
        tolerances.ACTIVATION,
        evaluation.evaluated_written_out,
        groups="scores",
    ),
    # 15: gradients that are not finite
    ParityCheck(
        Rung.NOT_FINITE, not_finite.not_finite, tolerances.EXACT, not_finite.not_finite_written_out
    ),
    # 16: what the plan chooses
    ParityCheck(
        Rung.PLAN,
        planned.planned,
        tolerances.EXACT,
        planned.planned_written_out,
        groups=("images", "dropout", "mixing", "pools", "epochs"),
    ),
    ParityCheck(
        Rung.PLAN, planned.planned, tolerances.RATE, planned.planned_written_out, groups="plateaus"
    ),
)

# A GAN has no norms and no pool; its learning rates are checked with the plan. Where NumPy has the
# whole computation, that is the truth.
GAN_CHECKS = (
    ParityCheck(Rung.PARAMETERS, gan.shapes, tolerances.EXACT, gan.shapes_of_the_table),
    ParityCheck(
        Rung.ACTIVATIONS, gan.activations, tolerances.ACTIVATION, gan.activations_written_out
    ),
    ParityCheck(Rung.ACTIVATIONS, gan.float32_outputs, tolerances.OUTPUT, apart=largest),
    ParityCheck(Rung.LOSSES, gan.losses, tolerances.LOSS_FLOAT64, gan.losses_written_out),
    ParityCheck(Rung.LOSSES, gan.float32_losses, tolerances.LOSS, gan.losses_written_out),
    ParityCheck(
        Rung.GRADIENTS, gan.gradients, tolerances.GRADIENT_FLOAT64, gan.gradients_written_out
    ),
    ParityCheck(
        Rung.GRADIENTS,
        gan.float32_gradients,
        tolerances.GRADIENT,
        gan.float32_gradients_written_out,
        best=True,
    ),
    ParityCheck(Rung.ADAM, adam.float64, tolerances.ADAM_FLOAT64, adam.written_out),
    ParityCheck(
        Rung.ADAM, adam.float32, tolerances.ADAM, adam.written_out, groups=("update", "first")
    ),
    ParityCheck(Rung.ADAM, adam.float32, tolerances.ADAM_SECOND, adam.written_out, groups="second"),
    ParityCheck(Rung.LEARNING_RATE, adam.rates, tolerances.RATE, adam.rates_written_out),
    ParityCheck(Rung.LEVELS, gan.levels_in, tolerances.EXACT, gan.levels_in_written_out),
    ParityCheck(Rung.LEVELS, gan.levels_out, tolerances.EXACT, gan.levels_out_written_out),
    ParityCheck(Rung.FREEZING, gan.slopes, tolerances.SLOPE, gan.slopes_of_losses),
    ParityCheck(
        Rung.FREEZING, gan.steps, tolerances.UPDATE, gan.steps_by_numpy, groups="training step"
    ),
    ParityCheck(
        Rung.FREEZING, gan.steps, tolerances.EXACT, gan.steps_by_numpy, groups="gradients alone"
    ),
    ParityCheck(Rung.EXCHANGE, gan.received, tolerances.EXACT, gan.given, groups="loaded"),
    ParityCheck(
        Rung.EXCHANGE,
        gan.received,
        tolerances.CONTINUATION,
        gan.given,
        groups=f"{gan.CONTINUED} steps",
    ),
    ParityCheck(Rung.TRAJECTORY, gan.trajectory, tolerances.TRAJECTORY, groups="losses"),
    ParityCheck(
        Rung.TRAJECTORY,
        gan.trajectory,
        tolerances.TRAJECTORY_WEIGHTS,
        groups=("end: g", "end: d"),
    ),
    ParityCheck(
        Rung.TRAJECTORY,
        gan.trajectory,
        tolerances.TRAJECTORY_MOMENTS,
        groups=("end: first", "end: second"),
    ),
    ParityCheck(
        Rung.TRAJECTORY, gan.trajectory, tolerances.TRAJECTORY_IMAGES, groups="end: samples"
    ),
    ParityCheck(Rung.NOT_FINITE, gan.not_finite, tolerances.EXACT, gan.not_finite_written_out),
    ParityCheck(
        Rung.PLAN,
        gan_choices.planned,
        tolerances.EXACT,
        gan_choices.planned_written_out,
        groups=("images", "noise"),
    ),
    ParityCheck(
        Rung.PLAN,
        gan_choices.planned,
        tolerances.RATE,
        gan_choices.planned_written_out,
        groups="rates",
    ),
)


@dataclass(frozen=True)
class Ladder:
    """`first`: measured before anything else, since other backends are given its states."""

    checks: tuple[ParityCheck, ...]
    first: Callable[[BackendCache, str], object]


LADDERS: Mapping[type, Ladder] = {
    ParityCase: Ladder(CHECKS, training.source),
    GanCase: Ladder(GAN_CHECKS, gan.source),
}


def climb(cache: BackendCache, checks: Sequence[ParityCheck] | None = None) -> Iterator[ParityRow]:
    """A row for each check, backend and group, in order; what has no row yet is not computed.

    `checks`: in place of all that there are for the cache's case.
    """
    for check in LADDERS[type(cache.case)].checks if checks is None else checks:
        for name in check.subjects(cache, cache.names if check.truth else cache.names[1:]):
            try:
                if check.truth is not None:
                    expected = cache.once(check.truth, name)
                else:
                    expected = cache.once(check.measure, cache.names[0])
                measured = cache.once(check.measure, name)
                allowed = check.tolerance.value
                if check.noise is not None:
                    # The second largest: one that is wrong by itself allows itself nothing.
                    second, *_ = sorted(cache.once(check.noise, n) for n in cache.names)[-2:]
                    allowed = max(allowed, tolerances.NOISE * second)
            except Exception as error:
                # A backend that cannot be measured is a breach, not the end of the climb.
                first_line = (str(error).splitlines() or [""])[0]
                whose = cache.raised_by(error) or name
                what = f"{whose}: {type(error).__name__}: {first_line}"
                yield _row(check, what, math.inf, check.tolerance.value)
                continue
            expected, measured = (
                {key: x for key, x in facts.items() if key[0].startswith(check.groups)}
                for facts in (expected, measured)
            )
            groups = worst(expected, measured, check.apart)
            if check.best:
                best = min(groups, key=lambda group: groups[group][0])
                groups = {best: groups[best]}
            label = f"{name}, {check.precision}" if check.precision else name
            for group, (distance, detail) in groups.items():
                what = f"{label}, {group}: {detail}"
                yield _row(check, what, distance, allowed)


def _row(check: ParityCheck, what: str, measured: float, allowed: float) -> ParityRow:
    return ParityRow(check.rung.label, what, measured, allowed, check.tolerance.arithmetic)
