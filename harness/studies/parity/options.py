"""Which values of every option the covering experiments take, and which options they leave out.

`test_covering.py` walks the fields of the configuration: each is in OPTIONS or in EXEMPT.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# Code that options have in common. Every pair of levels of a group is in some experiment.
Group = Literal["networks", "losses and pools", "optimiser and schedule", "plan", "runtime"]

NETWORKS: tuple[Group, ...] = ("networks",)
LOSSES: tuple[Group, ...] = ("losses and pools",)
OPTIMISER: tuple[Group, ...] = ("optimiser and schedule",)
PLAN: tuple[Group, ...] = ("plan",)
RUNTIME: tuple[Group, ...] = ("runtime",)


@dataclass(frozen=True)
class Option:
    """`levels`: as `--set` takes them, the one that costs least first.

    `when`: settings of other options, any of which must be made for this one to mean anything.
    """

    groups: tuple[Group, ...]
    levels: tuple[str, ...]
    when: tuple[str, ...] = ()


RESNET, UNET = ("model.generator=resnet",), ("model.generator=unet",)
NORMED = ("model.norm.kind=instance", "model.norm.kind=batch")
CONVOLVED = ("model.discriminator=patch", "model.discriminator=strided")
ON, OFF = ("true", "false"), ("false", "true")

OPTIONS = {
    # Each generator where the other's options mean nothing.
    "model.generator": Option(NETWORKS + PLAN + RUNTIME, ("resnet", "unet")),
    "model.filters": Option(NETWORKS, ("2",)),
    "model.blocks": Option(NETWORKS, ("0", "1", "9"), RESNET),
    "model.stem_bias": Option(NETWORKS, OFF, ("model.bias=false",)),
    "model.upsampling": Option(NETWORKS + RUNTIME, ("transposed", "resize_conv"), RESNET),
    "model.depth": Option(NETWORKS, ("3", "1"), UNET),
    "model.unet_kernel": Option(NETWORKS, ("4", "3"), UNET),
    "model.unet_slope": Option(NETWORKS, ("0.1",), UNET),
    "model.unet_norm_ends": Option(NETWORKS, OFF, UNET),
    "model.dropout": Option(NETWORKS + RUNTIME, ("0", "0.3"), ("model.depth=3",)),
    "model.norm.kind": Option(NETWORKS + RUNTIME, ("instance", "batch", "none")),
    "model.norm.affine": Option(NETWORKS, OFF, NORMED),
    "model.norm.epsilon": Option(NETWORKS, ("1e-3",), NORMED),
    "model.norm.momentum": Option(NETWORKS, ("0.2",), ("model.norm.kind=batch",)),
    "model.norm.unbiased": Option(NETWORKS, ON, ("model.norm.kind=batch",)),
    "model.bias": Option(NETWORKS, ON),
    "model.padding": Option(NETWORKS, ("symmetric", "same")),
    "model.transposed_crop": Option(NETWORKS, ("first", "last")),
    "model.discriminator": Option(NETWORKS, ("pixel", "patch", "strided")),
    "model.discriminator_filters": Option(NETWORKS, ("3",)),
    "model.discriminator_layers": Option(NETWORKS, ("1", "2"), CONVOLVED),
    "model.discriminator_norm": Option(
        NETWORKS, ("null", "{kind: none}", "{kind: batch, affine: true}")
    ),
    "model.discriminator_norm_first": Option(NETWORKS, OFF),
    "model.discriminator_bias": Option(NETWORKS, ("null", "false")),
    "model.discriminator_padding": Option(NETWORKS, ("null", "same")),
    "model.discriminator_tanh": Option(NETWORKS, OFF),
    "model.slope": Option(NETWORKS, ("0.1",)),
    "model.rounding": Option(NETWORKS, ("half_even", "down")),
    "objective.adversarial": Option(
        LOSSES, ("least_squares", "vanilla", "hinge", "wasserstein", "wasserstein_gp")
    ),
    "objective.clip": Option(LOSSES, ("0.05",), ("objective.adversarial=wasserstein",)),
    "objective.gradient_penalty": Option(LOSSES, ("3",), ("objective.adversarial=wasserstein_gp",)),
    "objective.lambda_a": Option(LOSSES, ("4",)),
    "objective.lambda_b": Option(LOSSES, ("10", "0")),
    "objective.cycle_norm": Option(LOSSES, ("l1", "l2")),
    "objective.identity": Option(LOSSES, ("0", "0.5")),
    "objective.identity_unit": Option(
        LOSSES, ("relative", "absolute"), ("objective.identity=0.5",)
    ),
    "objective.identity_norm": Option(LOSSES, ("l1", "l2"), ("objective.identity=0.5",)),
    "objective.pool": Option(LOSSES, ("reference", "half_new", "none")),
    "objective.pool_size": Option(
        LOSSES, ("2", "3"), ("objective.pool=reference", "objective.pool=half_new")
    ),
    "objective.halve_discriminator": Option(LOSSES, ON),
    "objective.update_order": Option(
        LOSSES, ("generators_first", "discriminators_first", "simultaneous")
    ),
    "objective.average": Option(LOSSES + OPTIMISER, ("0.999", "0")),
    "optimiser.learning_rate": Option(OPTIMISER, ("1e-3",)),
    "optimiser.discriminator_learning_rate": Option(OPTIMISER, ("null", "4e-4")),
    "optimiser.beta1": Option(OPTIMISER, ("0.6",)),
    "optimiser.beta2": Option(OPTIMISER, ("0.9",)),
    "optimiser.epsilon": Option(OPTIMISER, ("1e-5",)),
    "optimiser.epsilon_hat": Option(OPTIMISER, OFF),
    "training.batch_size": Option(NETWORKS + LOSSES + PLAN, ("2", "1")),
    "training.pairing": Option(PLAN, ("random_b", "oversample", "zip")),
    "training.policy": Option(OPTIMISER, ("linear", "step", "cosine", "plateau", "constant")),
    "training.decay": Option(OPTIMISER, ("epoch", "step")),
    "training.step_epochs": Option(OPTIMISER, ("1",), ("training.policy=step",)),
    "training.step_factor": Option(OPTIMISER, ("0.5",), ("training.policy=step",)),
    "training.plateau_patience": Option(OPTIMISER, ("1",), ("training.policy=plateau",)),
    "training.plateau_threshold": Option(OPTIMISER, ("0.02",), ("training.policy=plateau",)),
    "training.plateau_factor": Option(OPTIMISER, ("0.5",), ("training.policy=plateau",)),
    "training.warmup_epochs": Option(OPTIMISER, ("0", "1")),
    "data.load_size": Option(PLAN, ("20", "16")),
    "data.crop_size_b": Option(PLAN, ("null", "12")),
    "data.channels_a": Option(PLAN, ("3", "1")),
    "data.channels_b": Option(PLAN, ("3", "1")),
    "data.augmentation": Option(PLAN, ("resize_crop", "square_crop")),
    "data.flip": Option(PLAN, ON),
    "data.augment": Option(PLAN, ("fresh", "frozen")),
    "runtime.precision": Option(RUNTIME, ("float32", "bfloat16")),
    "runtime.channels_last": Option(RUNTIME, ("null", "false")),
    "runtime.compile": Option(RUNTIME, ("none", "default")),
    "runtime.deterministic": Option(RUNTIME, OFF),
}

# Levels that one experiment has, beside these settings, because of what each costs. Blocks are all
# alike, and a step of nine takes four times as long. To compile takes torch.compile 30 s of a core
# and XLA 8; what a compiler may lose is in the networks beside it.
ONCE = {
    "model.blocks=9": ("model.norm.kind=instance", "training.batch_size=2"),
    "runtime.compile=default": (
        "model.generator=unet",
        "model.depth=3",
        "model.dropout=0.3",
        "model.norm.kind=batch",
        "model.discriminator=pixel",
        "model.discriminator_norm=null",
        "training.batch_size=2",
        "runtime.precision=float32",
        "runtime.deterministic=true",
        "objective.average=0.999",
    ),
}

EXEMPT = {
    "dataset": "names the images; parity draws its own",
    "preset": "names the settings",
    "data.crop_size": "16 pixels here; the experiment's own ladder goes up to 256",
    "data.load_size_b": "as load_size, of which a plan knows no more than the sizes of images",
    "data.resize": "done once, when images are decoded, before a plan is made",
    "data.hold_out": "decides which files are the train split",
    "data.train": "how many images a built-in set draws",
    "data.test": "how many images a built-in set draws",
    "model.discriminator_sigmoid": "a mistake for studies, with a test of its own",
    "model.initial_weights": "drawn with NumPy; states here are drawn so that all of them count",
    "training.epochs_constant": "length of the schedule, of which there are two epochs each here",
    "training.epochs_decay": "length of the schedule, of which there are two epochs each here",
    "training.steps_per_epoch": "length of the schedule; parity sets its own",
    "training.steps": "length of the schedule; parity sets its own",
    "runtime.tf32": "a GPU's arithmetic: `make parity DEVICE=cuda`",
    "runtime.onednn": "decided once a process; `cyclebench consistency` compares its kernels",
    "runtime.replicas": "`make parity REPLICAS=2` compares them with one device",
    "evaluation": "when images are translated, and what counts as equivalent",
    "timing": "how long blocks and pauses are",
}
