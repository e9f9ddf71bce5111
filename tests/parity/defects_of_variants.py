"""Defects of what the usual case has not: U-Nets, dropout, other losses, pools and schedules."""

from __future__ import annotations

from dataclasses import replace

import plant_modes as modes
import plant_networks as on
import plant_steps as step
import plant_training as of
import plant_variants as with_
from defects import Defect, both

from harness.studies.parity import Rung

# Of the preset `smoke`; as little as a defect needs.
SMALL = [
    "model.blocks=0",
    "model.discriminator_layers=1",
    "model.bias=false",
    "objective.identity=0",
]
CASES = {
    "usual": [],
    "unets": [
        *SMALL,
        "model.generator=unet",
        "model.depth=2",
        "model.dropout=0.5",
        "objective.adversarial=hinge",
        "objective.pool=half_new",
        "objective.pool_size=5",
        "objective.update_order=simultaneous",
        "optimiser.discriminator_learning_rate=4e-4",
        "training.policy=cosine",
        "training.warmup_epochs=2",
    ],
    "penalised": [
        *SMALL,
        "model.upsampling=resize_conv",
        "model.discriminator_norm_first=true",
        "objective.adversarial=wasserstein_gp",
        "objective.pool=none",
    ],
    "clipped": [*SMALL, "objective.adversarial=wasserstein", "objective.clip=0.001"],
}


UNETS = [
    *both("U-Net's skip in front", with_.skips_first, Rung.ACTIVATIONS),
    *both("U-Net's slope 0.01", lambda b: on.network(b, "UNet", slope=0.01), Rung.ACTIVATIONS),
    *both("dropout not made up for", with_.dropout_rate(0.0), Rung.GRADIENTS),
    Defect("no dropout in training", "tf", with_.no_dropout("tf"), Rung.GRADIENTS),
    Defect(
        "masks of the other direction",
        "torch",
        with_.masks({"cycle_a": "cycle_b"}),
        Rung.GRADIENTS,
    ),
    *both("hinge for the generators", with_.hinge_for_generators, Rung.LOSSES),
    *both("drawn images not shown", with_.shown(lambda found: found[:1]), Rung.POOL),
    Defect(
        "drawn images alone shown",
        "tf",
        with_.shown(lambda found: found[-1:])("tf"),
        Rung.POOL,
    ),
    Defect(
        "generators at the discriminators' rate",
        "torch",
        with_.one_rate("torch"),
        Rung.FREEZING,
    ),
    Defect("rates exchanged", "tf", with_.rates_exchanged("tf"), Rung.ADAM),
    Defect(
        "warm-up missing",
        "plan",
        of.plan("factors", with_.otherwise(warmup_epochs=0)),
        Rung.LEARNING_RATE,
    ),
    Defect(
        "linear for cosine",
        "plan",
        of.plan("factors", with_.otherwise(policy="linear")),
        Rung.LEARNING_RATE,
    ),
    Defect(
        "drawn out of the oldest half",
        "plan",
        of.plan("history_decisions", lambda real, chosen, share, n: real(chosen, share / 2, n)),
        Rung.POOL,
    ),
    Defect("masks of the first pass twice", "plan", modes.masks_of_the_first_pass, Rung.PLAN),
]

PENALISED = [
    Defect("bilinear for nearest", "torch", with_.bilinear, Rung.ACTIVATIONS),
    Defect("images tiled, not pixels doubled", "tf", with_.tiled, Rung.ACTIVATIONS),
    *both("penalty at fakes alone", with_.penalty_at(0.0), Rung.LOSSES),
    Defect("penalty of one discriminator", "tf", with_.penalty_of_one("tf"), Rung.LOSSES),
    *both(
        "penalty halved with the loss",
        lambda b: of.objective(b, gradient_penalty=lambda o: o.gradient_penalty / 2),
        Rung.GRADIENTS,
    ),
    Defect("mean held still in the variance", "tf", with_.own_moments, Rung.GRADIENTS),
]

CLIPPED = [
    *both("critics not clipped", with_.not_clipped, Rung.ADAM),
    *both("generators clipped too", with_.all_clipped, Rung.ADAM),
    *both("critic's sign reversed", with_.sign_reversed, Rung.LOSSES),
    Defect(
        "second moment corrected no longer after 2000 steps",
        "torch",
        of.learning_rate("torch", step.corrected_no_longer),
        Rung.FREEZING,
    ),
]

OF_VARIANTS = tuple(
    replace(defect, case=case)
    for case, defects in (("unets", UNETS), ("penalised", PENALISED), ("clipped", CLIPPED))
    for defect in defects
)
