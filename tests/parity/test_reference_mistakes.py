"""Mistakes that both backends make alike: a comparison of the two does not find them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import plant_networks as on
import plant_training as of
import plant_variants as with_
import pytest
from against_reference import apart, expected, measured
from reference.experiments import EXPERIMENTS

from backends.objective import Objective
from harness.config.experiment import Experiment

pytestmark = pytest.mark.planted

NAMES = ("torch", "tf")
STEPS = 2
FIRST = "step 0: adversarial_ab"  # what comes first of all that is compared
DEFAULTS = "defaults"
KERAS = "batch norm of Keras, vanilla"
BUFFER = "batch norm of PyTorch, a buffer of batches"
HINGE = "no norm, no bias, hinge"
UNETS = "U-Nets, dropout, discriminators first"
CRITICS = "U-Nets of 3x3, clipped critics"
PENALTY = "two shapes, penalty, half new"


@dataclass(frozen=True)
class Mistake:
    """`plant(backend)` for both; `experiment`: in which it shows, first in the fact `named`."""

    name: str
    experiment: str
    plant: with_.Planter
    named: str


def shared(owner: type, name: str, wrong: Any) -> with_.Planter:
    """In what both backends are given: `wrong` in place of a method or property."""
    return lambda backend: lambda monkeypatch: monkeypatch.setattr(owner, name, wrong)


def of_networks(method: str, **changes: Any) -> with_.Planter:
    """Specifications of networks that leave options of the configuration out."""
    real = getattr(Experiment, method)
    return shared(Experiment, method, lambda *args: replace(real(*args), **changes))


def round_to_nearest(real, images, rounding):
    return real(images, "half_even")


MISTAKES = [
    Mistake("norm epsilon", DEFAULTS, lambda b: on.norm(b, epsilon=1e-3), FIRST),
    Mistake("unbiased variance", DEFAULTS, on.unbiased, FIRST),
    Mistake(
        "BGR",
        DEFAULTS,
        lambda b: on.images_in(b, on.channels_reversed(b)),
        FIRST,
    ),
    Mistake(
        "no shortcut",
        DEFAULTS,
        lambda b: on.residual(b, lambda y, x: y - x),
        FIRST,
    ),
    Mistake("strides padded after", DEFAULTS, on.strided_same, FIRST),
    Mistake("another middle", DEFAULTS, shared(Objective, "middle", 0.0), "step 0: accuracy_real"),
    Mistake(
        "epsilon hat", DEFAULTS, lambda b: of.adam(b, epsilon_hat=True), "step 1: adversarial_ab"
    ),
    Mistake("average a step late", DEFAULTS, of.average_late, "translated: averaged ab"),
    Mistake("fakes after the update", DEFAULTS, of.fakes_after_the_update, "step 0: discriminator"),
    Mistake(
        "crop of the first",
        KERAS,
        of_networks("_generator", transposed_crop="first"),
        FIRST,
    ),
    Mistake(
        "rounded to the nearest",
        KERAS,
        lambda b: on.wrapped(b, "device.to_images", round_to_nearest),
        "translated: ab",
    ),
    Mistake(
        "running variance unbiased",
        KERAS,
        lambda b: on.norm(b, only="batch", unbiased=True),
        "scores: a",
    ),
    Mistake(
        "discriminators halved",
        KERAS,
        lambda b: of.objective(b, halve_discriminator=True),
        FIRST,
    ),
    Mistake(
        "drawn not shown", BUFFER, with_.shown(lambda found: found[:1]), "step 0: discriminator"
    ),
    Mistake("statistics stay", BUFFER, on.no_statistics, "translated: ba"),
    Mistake("hinge for generators", HINGE, with_.hinge_for_generators, FIRST),
    Mistake("one learning rate", HINGE, with_.one_rate, "step 1: adversarial_ab"),
    Mistake(
        "identity always relative",
        HINGE,
        shared(Objective, "identity_weight", lambda self, d: self.identity * self.lambda_a),
        "step 1: adversarial_",
    ),
    Mistake("skips first", UNETS, with_.skips_first, FIRST),
    Mistake("dropout not made up for", UNETS, with_.dropout_rate(0.0), FIRST),
    Mistake(
        "another slope", UNETS, lambda b: on.network(b, "UNet", slope=0.2), "step 0: adversarial_ab"
    ),
    Mistake(
        "generators first",
        UNETS,
        lambda b: of.objective(b, update_order="generators_first"),
        FIRST,
    ),
    Mistake("not clipped", CRITICS, with_.not_clipped, FIRST),
    Mistake("penalty half way", PENALTY, with_.penalty_at(0.5), "step 0: penalty_a"),
    Mistake("penalty of A alone", PENALTY, with_.penalty_of_one, "step 0: penalty_b"),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_of_both_backends_is_found(monkeypatch, eager, mistake):
    overrides = tuple(EXPERIMENTS[mistake.experiment])
    right = expected(overrides, STEPS)
    for name in NAMES:
        mistake.plant(name)(monkeypatch)
    one, other = (measured(overrides, name, STEPS) for name in NAMES)
    assert apart(one, other, 1e-9) == "", "the mistakes are not alike"
    for wrong in (one, other):
        first = apart(right, wrong, 1e-12).partition("\n")[0]
        assert first.startswith(mistake.named)
