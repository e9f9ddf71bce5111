"""Combinations of settings that are each valid but cannot be trained together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.architecture import Layer
from backends.cost import output_sizes
from backends.model import NETWORKS
from harness.config.sections import MOST_STEPS

if TYPE_CHECKING:
    from harness.config.experiment import Experiment

STEM = 3  # pixels that head and stem of a ResNet can give and take on a side


def check_constraints(experiment: Experiment) -> None:
    """Raises ValueError that names the key, what was given and what is possible."""
    checks = (
        _twice, _crops, _domains, _generators, _norms, _discriminators, _training, _objective,
    )  # fmt: skip
    for check in checks:
        check(experiment)


def _twice(experiment: Experiment) -> None:
    """What the gradient of a gradient asks for."""
    if experiment.objective.adversarial != "wasserstein_gp":
        return
    if experiment.runtime.precision == "bfloat16":
        raise ValueError(
            "runtime.precision: bfloat16 is too coarse for the gradient of a gradient that"
            " objective.adversarial=wasserstein_gp needs; take float32"
        )
    if experiment.runtime.compile != "none":
        raise ValueError(
            f"runtime.compile: {experiment.runtime.compile} cannot give the gradient of a gradient"
            " that objective.adversarial=wasserstein_gp needs; take none"
        )


def _crops(experiment: Experiment) -> None:
    data = experiment.data
    for domain, suffix in (("a", ""), ("b", "_b")):
        crop, load = data.crop(domain), data.load(domain)
        if crop > load:
            given = suffix if data.crop_size_b or data.load_size_b else ""
            raise ValueError(
                f"data.crop_size{given}: {crop} is larger than data.load_size{given}, {load}"
            )


def _domains(experiment: Experiment) -> None:
    """What does not go with images of two shapes."""
    data, objective = experiment.data, experiment.objective
    growth = data.crop("b") - data.crop("a")
    if objective.identity > 0 and (growth or data.channels_a != data.channels_b):
        raise ValueError(
            "objective.identity: a generator can only keep images of its own shape; set it to 0"
            " where domains differ in size or channels"
        )
    if growth and experiment.model.generator == "unet":
        raise ValueError("data.crop_size_b: a U-Net cannot change the size; take resnet")
    if growth % 2 or abs(growth) > 2 * STEM:
        raise ValueError(
            f"data.crop_size_b: generators change the size by 2, 4 or 6 pixels, not by {growth}"
        )


def _generators(experiment: Experiment) -> None:
    networks, model = experiment.networks(), experiment.model
    size, multiple = max(networks.shape_a[0], networks.shape_b[0]), networks.g_ab.multiple
    if size % multiple:
        needs = (
            "the generator's two down-samplings need"
            if model.generator == "resnet"
            else f"model.depth={model.depth} needs"
        )
        raise ValueError(f"data.crop_size: {size} is not a multiple of {multiple}, which {needs}")
    if model.generator == "resnet" and model.blocks and size < 2 * multiple:
        raise ValueError(f"data.crop_size: {size} is too small for residual blocks; at least 8")


def _norms(experiment: Experiment) -> None:
    """A batch norm needs more than one value to take the variance of."""
    networks, batch = experiment.networks(), experiment.training.batch_size
    for name in NETWORKS:
        for layer, size in _sizes(networks.layers(name), networks.input_shape(name)[0]):
            if layer.norm and layer.norm.kind == "batch" and batch * size**2 == 1:
                raise ValueError(
                    f"model.norm.kind: batch norm has one value a channel in {name}/{layer.name};"
                    " take training.batch_size above 1, larger images or fewer layers"
                )


def _discriminators(experiment: Experiment) -> None:
    networks, model = experiment.networks(), experiment.model
    for name in ("d_a", "d_b"):
        size = networks.input_shape(name)[0]
        for layer, at in _sizes(networks.layers(name), size):
            # Instance norm leaves nothing of a single pixel.
            least = 2 if layer.norm and layer.norm.kind == "instance" else 1
            if at < least:
                raise ValueError(
                    f"data.crop_size: {size} is too small for model.discriminator_layers="
                    f"{model.discriminator_layers}; take larger images or fewer layers"
                )


def _training(experiment: Experiment) -> None:
    training = experiment.training
    if training.epochs == 0:
        raise ValueError("training: epochs_constant and epochs_decay are both 0")
    if training.steps is None and training.epochs * (training.steps_per_epoch or 1) > MOST_STEPS:
        raise ValueError(
            f"training.steps_per_epoch: {training.steps_per_epoch} in each of {training.epochs}"
            f" epochs are more than {MOST_STEPS:,} steps; give fewer"
        )
    if training.warmup_epochs > training.epochs:
        raise ValueError(
            f"training.warmup_epochs: {training.warmup_epochs} is more than the"
            f" {training.epochs} epochs there are"
        )
    if training.policy == "plateau" and training.decay == "step":
        raise ValueError("training.decay: the policy plateau goes by epochs; set it to epoch")


def _objective(experiment: Experiment) -> None:
    model, objective = experiment.model, experiment.objective
    norm = model.discriminator_norm or model.norm
    if objective.adversarial == "wasserstein_gp" and norm.kind == "batch":
        raise ValueError(
            "model.discriminator_norm.kind: batch makes images of a batch depend on each other,"
            " which a gradient penalty does not allow; take instance or none"
        )
    if objective.pool == "half_new" and objective.pool_size == 0:
        raise ValueError("objective.pool_size: half_new needs at least 1")


def _sizes(layers: tuple[Layer, ...], size: int) -> list[tuple[Layer, int]]:
    return list(zip(layers, output_sizes(layers, size), strict=True))
