"""Defects of losses, penalties and weights, in covering experiments."""

from __future__ import annotations

from dataclasses import replace

import plant_losses as with_
import plant_steps as step
import plant_training as of
import plant_variants as variant
from defects import Defect, both

from harness.studies.parity import Rung

VANILLA = "objective.adversarial=vanilla"
HINGE = "objective.adversarial=hinge"
CRITIC = "objective.adversarial=wasserstein"
PENALTY = "objective.adversarial=wasserstein_gp training.batch_size=2"
ONE_SHAPE = "data.channels_a=3 data.channels_b=3 data.crop_size_b=null"
NORMED = "model.norm.kind=batch objective.identity=0.5"


def everywhere(case: str, *defects: tuple[Defect, Defect]) -> list[Defect]:
    return [replace(defect, case=case) for pair in defects for defect in pair]


LOSSES = [
    *everywhere(
        VANILLA,
        both("sigmoid before the logits' loss", with_.scores(with_.probabilities)),
        both("saturating generator loss", with_.saturating),
    ),
    *everywhere(
        HINGE,
        both("hinge without its margin", with_.scores(with_.without_margin)),
        both("hinge the other way round", variant.sign_reversed),
        both("accuracies exchanged", with_.accuracies_exchanged),
    ),
    *everywhere(
        CRITIC,
        both("generators against themselves", with_.as_fakes),
        both("cycle terms recorded for each other", with_.terms_exchanged(2, 3)),
        # At learning rate zero nothing is to move.
        both("clipped at 0.01", lambda b: of.objective(b, clip=0.01)),
    ),
    *everywhere(
        "training.batch_size=2 objective.cycle_norm=l1",
        both("compared with another image of the batch", with_.images_of_a_batch_exchanged),
    ),
    *everywhere(
        "objective.cycle_norm=l2 objective.identity_norm=l1",
        both("L1 of the cycle", lambda b: of.objective(b, cycle_norm="l1")),
        both("squares of the identity", lambda b: of.objective(b, identity_norm="l2")),
    ),
    *everywhere(
        f"objective.identity=0 {ONE_SHAPE}",
        both("identity where there is none", lambda b: of.objective(b, identity=0.5)),
    ),
    *everywhere(
        PENALTY,
        both("mixing shares of the fakes", with_.penalty(with_.shares_of_fakes)),
        both("one mixing share for all images", with_.penalty(with_.share_of_a_batch)),
        both("mixed with other real images", with_.penalty(with_.other_reals)),
        both("penalty by the norm of a batch", with_.norm_of_the_batch),
    ),
    *everywhere(
        NORMED,
        both(
            "identity in evaluation mode",
            step.pass_in_evaluation_mode("identity_a", "g_ba", "a"),
        ),
        both(
            "way back in evaluation mode", step.pass_in_evaluation_mode("cycle_b", "g_ab", "fake_a")
        ),
    ),
]

GRADIENTS = [
    *everywhere(
        PENALTY,
        both("penalty not differentiated", with_.penalty(with_.held_still)),
        both("penalty of weight 10", lambda b: of.objective(b, gradient_penalty=10.0)),
    ),
    *everywhere(
        "objective.lambda_b=10",
        both(
            "weight of A for both cycles", lambda b: of.objective(b, lambda_b=lambda o: o.lambda_a)
        ),
    ),
    *everywhere(
        "objective.lambda_b=0",
        both("weight 10 for a weight of zero", lambda b: of.objective(b, lambda_b=10.0)),
    ),
    *everywhere(
        "objective.identity_unit=absolute",
        both("identity relative to the cycle", lambda b: of.objective(b, identity_unit="relative")),
    ),
    *everywhere(
        "objective.halve_discriminator=false",
        both(
            "discriminators halved all the same",
            lambda b: of.objective(b, halve_discriminator=True),
        ),
    ),
]

POOL = [
    *everywhere(CRITIC, both("losses recorded a step late", with_.recorded_late)),
]

OF_LOSSES = tuple(
    replace(defect, rung=rung)
    for rung, defects in (
        (Rung.LOSSES, LOSSES),
        (Rung.GRADIENTS, GRADIENTS),
        (Rung.POOL, POOL),
    )
    for defect in defects
)
