"""Defects to plant, one at a time, in one backend, and the rung that has to name each.

Most are what somebody once had in a CycleGAN, or what a framework does by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import plant_modes as modes
import plant_networks as on
import plant_training as of

from backends.interface import POOL_PASS, POOL_STORE, POOL_SWAP
from harness.studies.parity import Rung


@dataclass(frozen=True)
class Defect:
    """`backend` "plan": in what all backends share, so only the truth can tell."""

    name: str
    backend: str
    plant: on.Plant
    rung: Rung | None = None  # the first that breaks
    case: str = "usual"  # of defects_of_variants.CASES


def both(
    name: str, plant: Callable[[str], on.Plant], rung: Rung | None = None
) -> tuple[Defect, Defect]:
    """`plant(backend)` in either backend."""
    return Defect(name, "torch", plant("torch"), rung), Defect(name, "tf", plant("tf"), rung)


def transposed(array: np.ndarray) -> np.ndarray:
    return array.transpose(1, 0, 2, 3)


def swapped_channels(array: np.ndarray) -> np.ndarray:
    return array.transpose(0, 1, 3, 2)


def flipped(array: np.ndarray) -> np.ndarray:
    return array[::-1, ::-1]


PARAMETERS = [
    *both("bias in front of norms missing", on.no_bias),
    *both("norms with learnt scales", lambda b: on.norm(b, affine=True)),
    Defect("a residual block too many", "torch", on.network("torch", "ResNet", blocks=2)),
    Defect("a discriminator layer less", "tf", on.network("tf", "Discriminator", layers=2)),
    Defect(
        "discriminators with batch norm",
        "torch",
        on.network("torch", "Discriminator", norm=on.BATCH_NORM),
    ),
]

ACTIVATIONS = [
    *both("norm epsilon 1e-3", lambda b: on.norm(b, epsilon=1e-3)),
    *both("norm divides by unbiased variance", on.unbiased),
    *both("strided padding only after", on.strided_same),
    *both(
        "transposed convolution crops the last row",
        lambda b: on.network(b, "ResNet", transposed_crop="last"),
    ),
    Defect("edge repeated", "torch", on.reflection("replicate")),
    Defect("reflection with the edge", "tf", on.reflection("SYMMETRIC")),
    Defect("zeros around blocks", "torch", on.reflection("constant")),
    *both("bias not added", on.bias_left_out),
    Defect("slope 0.01", "torch", on.network("torch", "Discriminator", slope=0.01)),
    Defect("slope 0.3", "tf", on.network("tf", "Discriminator", slope=0.3)),
    Defect(
        "ELU for ReLU",
        "torch",
        on.function("torch.nn.functional.relu", lambda real, x, **rest: x.where(x > 0, x.expm1())),
    ),
    Defect("no tanh", "tf", on.function("tensorflow.tanh", lambda real, x: x)),
    *both("block without its shortcut", lambda b: on.residual(b, lambda y, x: y - x)),
    Defect("kernels transposed", "torch", on.layout("torch", transposed)),
    Defect("kernels transposed", "tf", on.layout("tf", transposed)),
    Defect("channels of square kernels swapped", "tf", on.layout("tf", swapped_channels, "block")),
    Defect("transposed kernels flipped", "torch", on.layout("torch", flipped, "up")),
    *both("BGR in", lambda b: on.images_in(b, on.channels_reversed(b))),
    *both("images in [0, 1]", lambda b: on.images_in(b, lambda x: (x + 1) / 2)),
    Defect("divided by 128", "tf", on.images_in("tf", lambda x: (x + 1) * (127.5 / 128) - 1)),
]


def ones(objective) -> float:
    return 1.0


LOSSES = [
    Defect(
        "L1 as a sum",
        "torch",
        of.loss_function("torch", "l1", lambda real, x, y: real(x, y) * x.numel()),
    ),
    Defect(
        "L1 summed over the batch",
        "tf",
        of.loss_function("tf", "l1", lambda real, x, y: real(x, y) * x.shape[0]),
    ),
    Defect(
        "least squares halved",
        "torch",
        of.loss_function("torch", "least_squares", lambda real, x, t: real(x, t) / 2),
    ),
    Defect(
        "labels smoothed",
        "tf",
        of.loss_function("tf", "least_squares", lambda real, x, t: real(x, 0.9 * t)),
    ),
    Defect(
        "squares for L1",
        "tf",
        of.loss_function("tf", "l1", lambda real, x, y: real(x * x + y * y, 2 * x * y)),
    ),
    *both(
        "identity with the other generator",
        lambda b: of.generator_term(
            b,
            4,
            lambda o: o.lambda_a * o.identity,
            lambda m, n, x, y, fake_a, fake_b: m.l1(n.g_ab(x), x),
        ),
    ),
    *both(
        "cycle in the other order",
        lambda b: of.generator_term(
            b, 2, lambda o: o.lambda_a, lambda m, n, x, y, fake_a, fake_b: m.l1(n.g_ab(fake_b), x)
        ),
    ),
    *both(
        "judged by the other discriminator",
        lambda b: of.generator_term(
            b, 0, ones, lambda m, n, x, y, fake_a, fake_b: m.least_squares(n.d_a(fake_b), 1.0)
        ),
    ),
    Defect("identity forgotten", "torch", of.objective("torch", identity=0.0)),
]

GRADIENTS = [
    Defect("lambda 5% up", "torch", of.objective("torch", lambda_a=lambda o: o.lambda_a * 1.05)),
    Defect("lambda 5% up", "tf", of.objective("tf", lambda_b=lambda o: o.lambda_b * 1.05)),
    Defect("lambda 5% down", "torch", of.objective("torch", lambda_b=lambda o: o.lambda_b * 0.95)),
    Defect("lambda 5% down", "tf", of.objective("tf", lambda_a=lambda o: o.lambda_a * 0.95)),
    *both("halving forgotten", lambda b: of.objective(b, halve_discriminator=False)),
    *both(
        "identity not weighted by lambda",
        lambda b: of.generator_total(
            b, lambda found, o: found.total - (o.lambda_a - 1) * o.identity * found.terms[4]
        ),
    ),
    Defect("generators' gradients pile up", "torch", of.gradients_pile_up("adam_g")),
    Defect("discriminators' gradients pile up", "torch", of.gradients_pile_up("adam_d")),
]

# A climb beyond this takes seconds, most of all TensorFlow's: from here it takes turns at times.
ADAM = [
    *both("Adam's epsilon 1e-7", lambda b: of.adam(b, epsilon=1e-7)),
    *both("Adam's epsilon before bias correction", lambda b: of.adam(b, epsilon_hat=True)),
    Defect("beta1 0.9", "torch", of.adam("torch", beta1=0.9)),
    Defect("beta2 0.99", "tf", of.adam("tf", beta2=0.99)),
    Defect("no bias correction", "torch", of.learning_rate("torch", of.no_bias_correction)),
    Defect("weight decay", "torch", of.weight_decay()),
]


POOL = [
    *both("pool missing", lambda b: of.exchange(b, lambda exchange, fakes, a, s: [fakes])),
    *both(
        "pool passes where it should swap",
        lambda b: of.exchange(
            b,
            lambda exchange, fakes, a, s: exchange(
                of.like(a, lambda x: np.where(x == POOL_SWAP, POOL_PASS, x)), s
            ),
        ),
    ),
    *both(
        "pool keeps what it should swap",
        lambda b: of.exchange(
            b,
            lambda exchange, fakes, a, s: exchange(
                of.like(a, lambda x: np.where(x == POOL_SWAP, POOL_STORE, x)), s
            ),
        ),
    ),
    *both(
        "pool decides in reverse order",
        lambda b: of.exchange(b, lambda exchange, fakes, a, s: exchange(a[::-1], s[::-1])),
    ),
    Defect("pool stores a reference", "torch", of.pool_of_copies_missing()),
    Defect(
        "pool half as large",
        "plan",
        of.plan("pool_decisions", lambda real, swap, slot, size: real(swap, slot // 2, size // 2)),
    ),
    Defect(
        "pool swaps always",
        "plan",
        of.plan("pool_decisions", lambda real, swap, slot, size: real(swap | True, slot, size)),
    ),
]

LEARNING_RATE = [
    Defect(
        "decay an epoch early",
        "plan",
        of.plan("factors", lambda real, t, n, e: np.append(real(t, n, e)[e:], [0.1] * e)),
    ),
    Defect(
        "decay an epoch late",
        "plan",
        of.plan("factors", lambda real, t, n, e: np.append([1.0] * e, real(t, n, e)[:-e])),
    ),
    Defect(
        "decay to zero in the last epoch",
        "plan",
        of.plan(
            "factors",
            lambda real, t, n, e: 1 - (1 - real(t, n, e)) * (1 + 1 / t.epochs_decay),
        ),
    ),
    Defect("rate stays the first", "torch", of.learning_rate("torch", of.first_rate)),
    Defect("rate of the step before", "tf", of.learning_rate("tf", of.rate_before)),
]

BATCH_NORM = [
    Defect("running variance biased", "torch", on.norm("torch", "batch", unbiased=False)),
    Defect("momentum 0.01", "torch", on.norm("torch", "batch", momentum=0.01)),
    Defect("momentum the other way round", "tf", on.norm("tf", "batch", momentum=0.9)),
    Defect("evaluation by the batch", "torch", on.norm_always_by_batch("torch")),
    Defect("statistics not kept", "torch", on.no_statistics("torch")),
]

LEVELS = [
    Defect("rounded down", "torch", on.function("torch.round", lambda real, x: x.floor())),
    Defect(
        "halves rounded up", "torch", on.function("torch.round", lambda real, x: (x + 0.5).floor())
    ),
    Defect("rounded down", "tf", on.images_out("tf", lambda x: x - 0.5 / 127.5)),
    Defect("BGR out", "torch", on.images_out("torch", on.channels_reversed("torch"))),
    Defect("scaled by 128", "torch", on.images_out("torch", lambda x: (x + 1) * (128 / 127.5) - 1)),
]

FREEZING = [
    Defect("fakes not detached", "torch", of.fakes_not_detached("torch")),
    Defect("fakes not detached", "tf", of.fakes_not_detached("tf")),
    Defect("discriminators not frozen", "torch", of.torch_discriminators_not_frozen),
    Defect("discriminators not frozen", "tf", of.tf_discriminators_not_frozen),
    Defect(
        "discriminators updated first",
        "torch",
        of.objective("torch", update_order="discriminators_first"),
    ),
    Defect("fakes made after the update", "torch", of.fakes_after_the_update("torch")),
    Defect("average a step late", "torch", of.average_late("torch")),
    Defect("average a step late", "tf", of.average_late("tf")),
    Defect("average before the update", "torch", of.average_before_the_update("torch")),
    # One of its steps is a late one, from a state that is given.
    *both("average over half the steps", lambda b: of.average(b, lambda o: 2 * o.average - 1)),
    Defect("average/g_ba not loaded", "tf", on.forgotten_on_load("tf", "average/g_ba")),
]

EXCHANGE = [
    Defect(f"{part} not loaded", backend, on.forgotten_on_load(backend, part))
    for part, backend in (
        ("adam_m/", "torch"),
        ("adam_v/", "torch"),
        ("step", "torch"),
        ("pool_b", "torch"),
        ("pool_a", "tf"),
        ("d_a/conv1_norm/mean", "torch"),
    )
]

TRAJECTORY = [
    Defect("rate wrong after 15 steps", "torch", of.learning_rate("torch", of.weakening)),
]

REDUCED_PRECISION = [
    # In TensorFlow it takes half a minute, without graphs.
    Defect(
        "images and scores a third too large after bfloat16", "torch", on.after_bfloat16("torch")
    ),
    Defect("losses in bfloat16", "torch", modes.losses_in_bfloat16("torch")),
    Defect("weights in bfloat16", "torch", modes.weights_in_bfloat16("torch")),
]

EVALUATION = [
    *both("scores in training mode", modes.scores_in_training_mode),
    *both("translations in training mode", modes.translations_in_training_mode),
]

NOT_FINITE = [*both("zero for what is not finite", modes.zero_for_not_finite)]

PLAN = [
    Defect("one flip for a batch", "plan", modes.of_domain(modes.one_flip_a_batch)),
    Defect("one offset for both sides", "plan", modes.of_domain(modes.one_offset_for_both_sides)),
]

DEFECTS = tuple(
    replace(defect, rung=rung)
    for rung, defects in (
        (Rung.PARAMETERS, PARAMETERS),
        (Rung.ACTIVATIONS, ACTIVATIONS),
        (Rung.LOSSES, LOSSES),
        (Rung.GRADIENTS, GRADIENTS),
        (Rung.ADAM, ADAM),
        (Rung.POOL, POOL),
        (Rung.LEARNING_RATE, LEARNING_RATE),
        (Rung.BATCH_NORM, BATCH_NORM),
        (Rung.LEVELS, LEVELS),
        (Rung.FREEZING, FREEZING),
        (Rung.EXCHANGE, EXCHANGE),
        (Rung.TRAJECTORY, TRAJECTORY),
        (Rung.REDUCED_PRECISION, REDUCED_PRECISION),
        (Rung.EVALUATION, EVALUATION),
        (Rung.NOT_FINITE, NOT_FINITE),
        (Rung.PLAN, PLAN),
    )
    for defect in defects
)
