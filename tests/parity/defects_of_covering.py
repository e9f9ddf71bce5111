"""Defects of layers, modes and layouts that few experiments have."""

from __future__ import annotations

from dataclasses import replace

import plant_losses as with_
import plant_networks as on
import plant_steps as step
import plant_training as of
from defects import Defect, both
from defects_of_losses import everywhere

from harness.studies.parity import Rung

BLOCKS = "model.blocks=9"
UNET = "model.generator=unet model.depth=3"
DROPOUT = "model.dropout=0.3"
BATCH = "model.norm.kind=batch"

ACTIVATIONS = [
    *everywhere(BLOCKS, both("another norm beyond six blocks", with_.from_block(6, epsilon=1e-5))),
    *everywhere(
        UNET,
        both("skips of the level below", with_.skips_of_the_level_below),
    ),
    *everywhere(
        "model.generator=resnet model.padding=same",
        both(
            "the same padding on all sides",
            lambda b: on.network(b, "ResNet", padding="symmetric"),
        ),
    ),
    *everywhere(
        "model.generator=resnet model.upsampling=transposed model.transposed_crop=last",
        both(
            "first row dropped for the last",
            lambda b: on.network(b, "ResNet", transposed_crop="first"),
        ),
    ),
    *everywhere(
        "model.discriminator_tanh=true",
        both("scores without tanh", with_.score_without_bend),
    ),
    *everywhere(
        "model.discriminator_norm_first=false model.discriminator=patch",
        both(
            "rows and columns of images exchanged",
            lambda b: on.images_in(
                b, (lambda x: x.transpose(2, 3)) if b == "torch" else with_.turned_in_tf
            ),
        ),
    ),
    Defect(
        "reflection of deterministic mode repeats the edge",
        "torch",
        on.wrapped("torch", "networks.reflect_in_pieces", with_.edge_repeated),
        case="model.generator=resnet runtime.deterministic=true",
    ),
    *everywhere(
        "model.generator=resnet runtime.deterministic=true",
        both("fewer digits in deterministic mode", with_.single_precision_if_deterministic),
    ),
    Defect(
        "axes mixed where channels come first",
        "torch",
        with_.shape_for_axes("device.to_tensor", "contiguous"),
        case="model.generator=resnet runtime.channels_last=false data.channels_a=3",
    ),
    Defect(
        "axes mixed where channels come last",
        "torch",
        with_.shape_for_axes("device.to_tensor", "channels_last"),
        case="model.generator=unet runtime.channels_last=null data.channels_a=3",
    ),
]

GRADIENTS = [
    *everywhere(
        DROPOUT,
        both("dropout in one level alone", with_.unet(with_.one_level_less)),
        both(
            "dropout made up for by the other share",
            with_.unet(with_.made_up_for_by_the_other_share),
        ),
    ),
    Defect(
        "axes of masks mixed",
        "torch",
        with_.shape_for_axes("device.to_nchw", "channels_last"),
        case=f"{DROPOUT} runtime.channels_last=null",
    ),
]

BATCH_NORM = [
    *everywhere(
        BATCH,
        both("momentum 0.1 for another", lambda b: on.norm(b, momentum=0.1)),
        both("statistics updated by evaluation", step.averaged_by_evaluation),
    ),
    *everywhere(
        f"{BATCH} model.norm.unbiased=false",
        both(
            "running variance unbiased all the same",
            lambda b: on.norm(b, only="batch", unbiased=True),
        ),
    ),
]

LEVELS = [
    *everywhere("model.rounding=down", both("rounded to the nearest", with_.rounded_otherwise)),
]

FREEZING = [
    Defect(
        "discriminators' fakes without dropout",
        "torch",
        of.fakes_after_the_update("torch"),
        case=f"{DROPOUT} objective.update_order=discriminators_first",
    ),
]

EVALUATION = [
    *everywhere(UNET, both("translations with rows for columns", with_.transposed)),
]

OF_COVERING = tuple(
    replace(defect, rung=rung)
    for rung, defects in (
        (Rung.ACTIVATIONS, ACTIVATIONS),
        (Rung.GRADIENTS, GRADIENTS),
        (Rung.BATCH_NORM, BATCH_NORM),
        (Rung.LEVELS, LEVELS),
        (Rung.FREEZING, FREEZING),
        (Rung.EVALUATION, EVALUATION),
    )
    for defect in defects
)
