"""Defects of evaluation, Adam, averages, pools, fewer bits, compilers, and what is not finite."""

from __future__ import annotations

from dataclasses import replace

import plant_precision as in_
import plant_steps as step
import plant_training as of
from defects import Defect, both
from defects_of_losses import everywhere
from plant_networks import wrapped

from harness.studies.parity import Rung

AVERAGE = "objective.average=0.999"
BATCH = "model.norm.kind=batch"
REFERENCE = "objective.pool=reference training.batch_size=2"
FEW_BITS = "runtime.precision=bfloat16 training.batch_size=2"
COMPILED = "runtime.compile=default model.dropout=0.3"
FINITE = "objective.adversarial=vanilla objective.identity=0"

POOL = [
    *everywhere(
        REFERENCE,
        both("each pool decides for the other", step.pools_exchanged),
        both("pools hold levels", step.stored_as_levels),
    ),
    Defect(
        "drawn before the new image is stored",
        "torch",
        wrapped("torch", "image_pool.ImagePool.exchange", step.drawn_before),
        case="objective.pool=half_new training.batch_size=2",
    ),
]

FREEZING = [
    *everywhere(
        AVERAGE,
        both("average of constant decay", step.always(10**9)),
        both("averages of each other", step.of_the_other_generator),
        both("discriminators every other step", lambda b: step.every_other_step(b, "adam_d")),
    ),
    *everywhere(f"{AVERAGE} {BATCH}", both("running statistics not averaged", step.weights_alone)),
    *everywhere(
        "objective.adversarial=wasserstein", both("clipped before the step", step.clipped_before)
    ),
]

# Of constant gradients this rung knows every step.
LEARNING_RATE = [
    *everywhere(
        AVERAGE,
        both("Adam a step ahead", lambda b: of.learning_rate(b, step.a_step_ahead)),
        both("gradients clipped by their norm", lambda b: step.gradients(b, step.of_length_one)),
    ),
    Defect("Nesterov's step", "tf", step.nesterov, case=AVERAGE),
]

BATCH_NORM = [
    *everywhere(
        f"{BATCH} training.batch_size=1 model.norm.unbiased=true",
        both("running variance of one image biased", step.biased_alone),
    ),
]

TRAJECTORY = [
    *everywhere(AVERAGE, both("steps counted in float32", step.counted_in_float32)),
    Defect("left in evaluation mode", "torch", step.left_in_evaluation_mode("torch"), case=BATCH),
    *everywhere(
        COMPILED,
        both("compiler drops the masks", in_.masks),
        both("compiler computes in float32", in_.digits),
    ),
]

REDUCED_PRECISION = [
    *everywhere(
        FEW_BITS,
        both("weights kept in bfloat16", lambda b: in_.kept_in_bfloat16(b, "weights")),
        both("moments kept in bfloat16", lambda b: in_.kept_in_bfloat16(b, "moments")),
        both("state loaded in bfloat16", in_.loaded_in_bfloat16),
        both(
            "losses kept in bfloat16", lambda b: in_.results_in_bfloat16(b, "training.Trainer.step")
        ),
        both("gradients not scaled down again", in_.not_unscaled),
    ),
    *everywhere(
        f"{FEW_BITS} model.generator=unet",
        both(
            "translations kept in bfloat16",
            lambda b: in_.results_in_bfloat16(
                b, f"networks.UNet.{'forward' if b == 'torch' else 'call'}"
            ),
        ),
    ),
]

EVALUATION = [
    *everywhere(
        AVERAGE,
        both("averages given to nobody", step.not_averaged),
        both("scores upside down", step.upside_down),
    ),
]

NOT_FINITE = [
    *everywhere(
        FINITE,
        both("no step where gradients are not finite", step.skipped),
        both(
            "no step of discriminators where gradients are not finite", step.discriminators_skipped
        ),
        both("zero recorded for what is not finite", step.zero_recorded),
    ),
]

OF_STEPS = tuple(
    replace(defect, rung=rung)
    for rung, defects in (
        (Rung.POOL, POOL),
        (Rung.LEARNING_RATE, LEARNING_RATE),
        (Rung.BATCH_NORM, BATCH_NORM),
        (Rung.FREEZING, FREEZING),
        (Rung.TRAJECTORY, TRAJECTORY),
        (Rung.REDUCED_PRECISION, REDUCED_PRECISION),
        (Rung.EVALUATION, EVALUATION),
        (Rung.NOT_FINITE, NOT_FINITE),
    )
    for defect in defects
)
