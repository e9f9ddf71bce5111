"""The framework defaults of the table in docs/architecture.md as switches.

A switch is a list of `--set` strings, so it can be turned on in a comparison as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import ValidationError

from harness.config.experiment import Experiment
from harness.system.errors import UserError


@dataclass(frozen=True)
class Default:
    """What the reference does, what a framework does by itself, and how to switch that on.

    `base_overrides`: of both sides, where the reference networks have no such part.
    `short_overrides`: of both sides of a short trajectory only, so that the setting acts within a
    few hundred steps. `redraws`: it draws other images or another start, so a distance says no more
    than that; the final metrics count. `cuda`: it acts only on a GPU.
    """

    name: str
    reference: str
    framework: str
    overrides: tuple[str, ...]
    base_overrides: tuple[str, ...] = ()
    short_overrides: tuple[str, ...] = ()
    redraws: bool = False
    cuda: bool = False


DEFAULTS: tuple[Default, ...] = (
    Default(
        "convolution padding",
        "the same number of pixels on every side",
        "SAME: the odd pixel goes after",
        ("model.padding=same",),
    ),
    Default(
        "transposed convolution",
        "first row and column dropped",
        "SAME: the last ones dropped",
        ("model.transposed_crop=last",),
    ),
    Default("norm epsilon", "1e-5", "1e-3", ("model.norm.epsilon=1.0e-3",)),
    Default(
        "affine norm",
        "no scale and offset",
        "learnt; scale starts from N(1, 0.02)",
        ("model.norm.affine=true",),
    ),
    Default(
        "batch norm",
        "momentum 0.1, epsilon 1e-5, running variance unbiased",
        "0.01, 1e-3, biased",
        ("model.norm.momentum=0.01", "model.norm.epsilon=1.0e-3", "model.norm.unbiased=false"),
        base_overrides=("model.norm.kind=batch",),
    ),
    Default("LeakyReLU slope", "0.2", "0.3", ("model.slope=0.3",)),
    Default(
        "initial weights",
        "N(0, 0.02)",
        "Glorot uniform",
        ("model.initial_weights=glorot_uniform",),
        redraws=True,
    ),
    Default(
        "Adam epsilon",
        "1e-8, added after the bias correction",
        "1e-7, added before",
        ("optimiser.epsilon=1.0e-7", "optimiser.epsilon_hat=true"),
    ),
    Default(
        "update order",
        "generators first",
        "discriminators first",
        ("objective.update_order=discriminators_first",),
    ),
    Default("discriminator loss", "halved", "not halved", ("objective.halve_discriminator=false",)),
    Default(
        "image pool",
        "50 images",
        "none",
        ("objective.pool_size=0",),
        # A pool of 50 shows what it is given for its first 50 images.
        short_overrides=("objective.pool_size=2",),
    ),
    Default(
        "learning-rate decay",
        "falls after each epoch",
        "falls after each step",
        ("training.decay=step",),
        # Epochs so short that several end, decaying from the first one on.
        short_overrides=(
            "training.epochs_constant=0",
            "training.epochs_decay=100",
            "training.steps_per_epoch=20",
        ),
    ),
    Default(
        "pairing",
        "B drawn at random",
        "zip of both, shuffled",
        ("training.pairing=zip",),
        redraws=True,
    ),
    Default(
        "augmentation",
        "crop and flip afresh each time",
        "frozen by a cache behind it",
        ("data.augment=frozen",),
        redraws=True,
    ),
    Default(
        "resize", "bicubic with antialias", "bilinear without", ("data.resize=bilinear_aliased",)
    ),
    Default(
        "rounding to uint8", "half to even", "down, in translations only", ("model.rounding=down",)
    ),
    Default("TF32", "off", "on in convolutions", ("runtime.tf32=true",), cuda=True),
)


def switched(experiment: Experiment, overrides: tuple[str, ...]) -> Experiment:
    """`experiment` with `--set` strings applied. Raises UserError if that is impossible."""
    settings: dict[str, Any] = experiment.model_dump()
    for override in overrides:
        path, _, text = override.partition("=")
        *parents, key = path.split(".")
        section = settings
        for parent in parents:
            section = section[parent]
        section[key] = yaml.safe_load(text)
    try:
        return Experiment.model_validate(settings)
    except ValidationError as error:
        raise UserError(f"{', '.join(overrides)}: {error.errors()[0]['msg']}") from None
