"""Combinations of settings that are each valid but cannot be trained together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from backends.architecture import Layer
from backends.cost import output_sizes
from backends.gan import check_runtime
from backends.interface import Runtime
from backends.model import NETWORKS, Model
from backends.shards import check_replicas
from harness.config.sections import MOST_STEPS

if TYPE_CHECKING:
    from harness.config.experiment import AnyExperiment, Experiment, GanExperiment

STEM = 3  # pixels that head and stem of a ResNet can give and take on a side


def check_constraints(experiment: Experiment) -> None:
    """Raises ValueError that names the key, what was given and what is possible."""
    for check in (_gradient_penalty, _images, _networks, _training, _objective, _replicas):
        check(experiment)


def check_gan(experiment: GanExperiment) -> None:
    """The same of a GAN."""
    data, runtime = experiment.data, experiment.runtime
    if data.crop("a") > data.load("a"):
        raise ValueError(
            f"data.crop_size: {data.crop('a')} is larger than data.load_size, {data.load('a')}"
        )
    _training(experiment)
    if experiment.training.pairing != "random_b":
        raise ValueError("training.pairing: a GAN has no pairs; leave it random_b")
    if experiment.evaluation.reals != "test":
        raise ValueError("evaluation.reals: samples are compared with test images; leave it test")
    check_runtime(Runtime(precision=runtime.precision, replicas=runtime.replicas))


def _gradient_penalty(experiment: Experiment) -> None:
    runtime = experiment.runtime
    if experiment.objective.adversarial != "wasserstein_gp":
        return
    if runtime.precision == "bfloat16":
        raise ValueError(
            "runtime.precision: bfloat16 is too coarse for the gradient of a gradient that"
            " objective.adversarial=wasserstein_gp needs; take float32"
        )
    if runtime.compile != "none":
        raise ValueError(
            f"runtime.compile: {runtime.compile} cannot give the gradient of a gradient"
            " that objective.adversarial=wasserstein_gp needs; take none"
        )


def _images(experiment: Experiment) -> None:
    """Crops are in the images, and the images of both domains go together."""
    data, objective = experiment.data, experiment.objective
    for domain, suffix in (("a", ""), ("b", "_b")):
        crop, load = data.crop(domain), data.load(domain)
        if crop > load:
            given = suffix if data.crop_size_b or data.load_size_b else ""
            raise ValueError(
                f"data.crop_size{given}: {crop} is larger than data.load_size{given}, {load}"
            )
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


def _networks(experiment: Experiment) -> None:
    """Images are large enough for every layer."""
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
    for name in NETWORKS:
        for layer, pixels in _layers(networks, name):
            # A batch norm needs more than one value to take the variance of.
            values = experiment.training.batch_size * pixels**2
            if layer.norm and layer.norm.kind == "batch" and values == 1:
                raise ValueError(
                    f"model.norm.kind: batch norm has one value a channel in {name}/{layer.name};"
                    " take training.batch_size above 1, larger images or fewer layers"
                )
    for name in ("d_a", "d_b"):
        for layer, pixels in _layers(networks, name):
            # Instance norm leaves nothing of a single pixel.
            least = 2 if layer.norm and layer.norm.kind == "instance" else 1
            if pixels < least:
                size = networks.input_shape(name)[0]
                raise ValueError(
                    f"data.crop_size: {size} is too small for model.discriminator_layers="
                    f"{model.discriminator_layers}; take larger images or fewer layers"
                )


def _layers(networks: Model, name: str) -> Iterator[tuple[Layer, int]]:
    """Layers of a network, each with the pixels along a side of what it makes."""
    layers, size = networks.layers(name), networks.input_shape(name)[0]
    return zip(layers, output_sizes(layers, size), strict=True)


def _training(experiment: AnyExperiment) -> None:
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
    if model.discriminator_tanh and model.discriminator_sigmoid:
        raise ValueError("model.discriminator_sigmoid: there is a tanh already; set one to false")
    if objective.pool == "half_new" and objective.pool_size == 0:
        raise ValueError("objective.pool_size: half_new needs at least 1")


def _replicas(experiment: Experiment) -> None:
    count, size = experiment.runtime.replicas, experiment.training.batch_size
    if size % count:
        raise ValueError(
            f"training.batch_size: {size} images cannot be shared out evenly among"
            f" runtime.replicas={count}; take a multiple of it"
        )
    check_replicas(experiment.networks(), Runtime(replicas=count))
