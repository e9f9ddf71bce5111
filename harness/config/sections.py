"""The sections of a configuration: keys, types and defaults, as the YAML files have them.

Defaults are the CycleGAN authors' PyTorch code; a preset says what it changes. What a backend takes
has its default and its range in the backends' dataclasses; only the rest has them here.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from backends import architecture, interface, objective
from backends.architecture import (
    DiscriminatorSpec,
    Fraction,
    NormSpec,
    PositiveFloat,
    ResNetSpec,
    UNetSpec,
    Weight,
)
from backends.interface import Runtime
from backends.model import Model, Rounding
from backends.objective import Objective
from harness.config.metric_table import METRICS, PRIMARY, Metric, Reals

# The upper bounds are far beyond what anybody trains, as in backends/architecture.py.
MOST_STEPS = 100_000_000
Positive = Annotated[int, Field(strict=True, ge=1, le=MOST_STEPS)]
Count = Annotated[int, Field(strict=True, ge=0, le=MOST_STEPS)]
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**63)]
Pixels = Annotated[int, Field(strict=True, ge=1, le=16_384)]
Images = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
Batch = Annotated[int, Field(strict=True, ge=1, le=65_536)]
Replicas = Annotated[int, Field(strict=True, ge=1, le=1_024)]
Epochs = Annotated[int, Field(strict=True, ge=0, le=100_000)]
Seconds = Annotated[float, Field(gt=0, le=1e8)]


class ConfigSection(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DataSection(ConfigSection):
    """Images, squares of `crop_size` pixels cut out of larger ones. `train` and `test` count the
    images of a built-in set, per domain.

    Sizes and channels (1: grey, 3: RGB) are of both domains, or of A where B has its own
    `load_size_b`, `crop_size_b`, `channels_b`.

    `augmentation`: whole images resized to `load_size` and cropped at random (at the same size:
    not at all), or random squares of images whose shorter side is made `load_size`. `augment`:
    anew each time, or once per image as a cache after augmentation does.

    `resize`: bicubic or bilinear with antialias; bilinear_aliased, as `tf.image.resize` does by
    itself, is for training images alone: test images are then bicubic, as the yardstick is.

    `hold_out`: what is translated and scored. The test split, after training on all else; or, to
    choose hyper-parameters, a validation split that training leaves out.
    """

    load_size: Pixels = 286
    crop_size: Pixels = 256
    load_size_b: Pixels | None = None
    crop_size_b: Pixels | None = None
    channels_a: Literal[1, 3] = 3
    channels_b: Literal[1, 3] = 3
    augmentation: Literal["resize_crop", "square_crop"] = "resize_crop"
    flip: bool = True
    resize: Literal["bicubic", "bilinear", "bilinear_aliased"] = "bicubic"
    augment: Literal["fresh", "frozen"] = "fresh"
    hold_out: Literal["test", "validation"] = "test"
    train: Images = 400
    test: Images = 120

    def load(self, domain: str) -> int:
        """Pixels that images of "a" or "b" are resized to before cropping."""
        return (self.load_size_b if domain == "b" else None) or self.load_size

    def crop(self, domain: str) -> int:
        """Pixels of a side of what the networks see of "a" or "b"."""
        return (self.crop_size_b if domain == "b" else None) or self.crop_size

    def channels(self, domain: str) -> Literal[1, 3]:
        return self.channels_b if domain == "b" else self.channels_a


class NormSection(ConfigSection):
    """See backends.architecture.NormSpec."""

    kind: Literal["instance", "batch", "none"] = NormSpec.kind
    affine: bool = NormSpec.affine
    epsilon: PositiveFloat = NormSpec.epsilon
    momentum: Fraction = NormSpec.momentum
    unbiased: bool = NormSpec.unbiased

    def spec(self) -> NormSpec | None:
        return None if self.kind == "none" else NormSpec(**self.model_dump())


class ModelSection(ConfigSection):
    """See ResNetSpec, UNetSpec and DiscriminatorSpec in backends.architecture.

    `generator`: resnet has `blocks`, `stem_bias` and `upsampling`; unet has `depth`, `unet_kernel`,
    `unet_slope`, `unet_norm_ends` and `dropout`. Discriminators have the generators' `norm`, `bias`
    and `padding` unless they are given their own.
    """

    generator: Literal["resnet", "unet"] = "resnet"
    filters: architecture.Filters = Field(default=ResNetSpec.filters, strict=True)
    blocks: architecture.Blocks = Field(default=ResNetSpec.blocks, strict=True)
    stem_bias: bool = ResNetSpec.stem_bias
    upsampling: architecture.Upsampling = ResNetSpec.upsampling
    depth: architecture.Halvings = Field(default=UNetSpec.depth, strict=True)
    unet_kernel: architecture.UNetKernel = UNetSpec.kernel
    unet_slope: Weight = UNetSpec.slope
    unet_norm_ends: bool = UNetSpec.norm_ends
    dropout: Fraction = UNetSpec.dropout
    norm: NormSection = NormSection()
    bias: bool = ResNetSpec.bias
    padding: architecture.Padding = ResNetSpec.padding
    transposed_crop: architecture.Crop = ResNetSpec.transposed_crop
    discriminator: architecture.DiscriminatorKind = DiscriminatorSpec.kind
    discriminator_filters: architecture.Filters = Field(
        default=DiscriminatorSpec.filters, strict=True
    )
    discriminator_layers: architecture.Halvings = Field(
        default=DiscriminatorSpec.layers, strict=True
    )
    discriminator_norm: NormSection | None = None
    discriminator_norm_first: bool = DiscriminatorSpec.norm_first
    discriminator_bias: bool | None = None
    discriminator_padding: architecture.Padding | None = None
    discriminator_tanh: bool = DiscriminatorSpec.tanh
    discriminator_sigmoid: bool = DiscriminatorSpec.sigmoid
    slope: Weight = DiscriminatorSpec.slope
    rounding: Rounding = Model.rounding
    initial_weights: Literal["normal", "glorot_uniform"] = "normal"


class ObjectiveSection(ConfigSection):
    """See backends.objective.Objective.

    `pool`: of past fakes that a discriminator is shown. reference, as the CycleGAN authors' code:
    one image each, `pool_size` are kept; half_new: all new fakes and as many out of a buffer that
    holds one image of each of the last `pool_size` batches (Shrivastava et al. 2017), with a loss
    term for each; none: new fakes only.
    """

    adversarial: objective.Adversarial = Objective.adversarial
    clip: PositiveFloat = Objective.clip
    gradient_penalty: Weight = Objective.gradient_penalty
    lambda_a: Weight = Objective.lambda_a
    lambda_b: Weight = Objective.lambda_b
    cycle_norm: objective.PixelNorm = Objective.cycle_norm
    identity: Weight = Objective.identity
    identity_unit: objective.IdentityUnit = Objective.identity_unit
    identity_norm: objective.PixelNorm = Objective.identity_norm
    pool: Literal["reference", "half_new", "none"] = "reference"
    pool_size: objective.PoolSize = Field(default=Objective.pool_size, strict=True)
    halve_discriminator: bool = Objective.halve_discriminator
    update_order: objective.UpdateOrder = Objective.update_order
    average: Fraction = Objective.average


class OptimiserSection(ConfigSection):
    """Adam. `discriminator_learning_rate`: null takes the generators'."""

    learning_rate: PositiveFloat = 2e-4
    discriminator_learning_rate: PositiveFloat | None = None
    beta1: Fraction = Objective.beta1
    beta2: Fraction = Objective.beta2
    epsilon: PositiveFloat = Objective.epsilon
    epsilon_hat: bool = Objective.epsilon_hat


class TrainingSection(ConfigSection):
    """How long, on which pairs, at which learning rate.

    `steps_per_epoch`: null takes the images of a train split divided by the batch. `steps`: budget
    of the whole run in place of the two numbers of epochs, whose ratio then says when the rate
    begins to fall.

    `pairing`: random_b, A shuffled and B at random with replacement, the larger split is an epoch;
    oversample, both shuffled, and images of the smaller split come again until the larger has been
    shown; zip, both shuffled side by side, and the smaller split ends an epoch.

    `policy`: how the rate falls after `epochs_constant`; see harness.plan.learning_rate. `decay`:
    after each epoch or after each step. `warmup_epochs`: first, it rises by equal steps to the
    whole.
    """

    batch_size: Batch = 1
    epochs_constant: Epochs = 100
    epochs_decay: Epochs = 100
    steps_per_epoch: Positive | None = None
    steps: Positive | None = None
    pairing: Literal["random_b", "oversample", "zip"] = "random_b"
    policy: Literal["linear", "step", "cosine", "plateau", "constant"] = "linear"
    decay: Literal["epoch", "step"] = "epoch"
    step_epochs: Positive = 50
    step_factor: PositiveFloat = 0.1
    plateau_patience: Count = 5
    plateau_threshold: Weight = 0.01
    plateau_factor: PositiveFloat = 0.2
    warmup_epochs: Count = 0

    @property
    def epochs(self) -> int:
        return self.epochs_constant + self.epochs_decay


class RuntimeSection(ConfigSection):
    """See backends.interface.Runtime."""

    precision: interface.Precision = Runtime.precision
    tf32: bool = Runtime.tf32
    onednn: bool = Runtime.onednn
    channels_last: bool | None = Runtime.channels_last
    compile: interface.Compilation = Runtime.compile
    deterministic: bool = Runtime.deterministic
    replicas: Replicas = Runtime.replicas


class EvaluationSection(ConfigSection):
    """When the test images are translated and scored, and what counts as equivalent.

    Before and after training always; in between after every `evaluate_every` epochs or steps (0:
    not at all). `images`: at most so many of a domain, evenly spaced; null takes all. `margins`:
    of a metric, within which two backends are equivalent; fixed before training. Of KID, FD and FID
    a ratio above 1: 1.25 stands for 0.80 to 1.25; of others a difference in the metric's unit.
    `primary`: the metric that decides whether backends learn the same; all others are secondary.
    `reals`: images of the target domain that KID, FD and FID compare translations with: test
    images, training images, or both. Whatever they are, test images are translated.
    """

    evaluate_every: Count = 1
    evaluate_unit: Literal["epochs", "steps"] = "epochs"
    images: Positive | None = None
    margins: dict[str, PositiveFloat] = {metric.name: metric.margin for metric in METRICS}
    primary: str = PRIMARY
    reals: Reals = "test"

    metrics: ClassVar[tuple[Metric, ...]] = METRICS

    @model_validator(mode="after")
    def _margins_are_of_known_metrics(self) -> EvaluationSection:
        known = {metric.name for metric in self.metrics}
        if set(self.margins) != known:
            wrong = sorted(set(self.margins) ^ known)
            raise ValueError(f"margins: one per metric is needed; missing or unknown: {wrong}")
        for metric in self.metrics:
            margin = self.margins[metric.name]
            if metric.margin_scale == "ratio" and not margin > 1:
                raise ValueError(
                    f"margins.{metric.name}: a ratio above 1 is needed, as 1.25 for 0.80 to 1.25,"
                    f" got {margin:g}"
                )
        return self

    @field_validator("primary")
    @classmethod
    def _primary_is_known(cls, name: str) -> str:
        known = [metric.name for metric in cls.metrics]
        if name not in known:
            raise ValueError(f"one of {', '.join(known)} is needed")
        return name


class TimingSection(ConfigSection):
    warmup_steps: Positive = 5
    block_seconds: Seconds = 2.0
    # So many steps of every run are timed: the backends take turns, each with all threads. On a CPU
    # they go on side by side, untimed, each with its share of the threads, where that is at least
    # one. null: they take turns to the end.
    timed_steps: Positive | None = None
    # Of so many seeds, the first that are asked for; of the others nothing is timed: they go side
    # by side from their first step on. null: of all.
    timed_seeds: Positive | None = 3
    # A checkpoint after so many seconds, and after so many steps where that is given.
    checkpoint_seconds: Seconds = 120.0
    checkpoint_steps: Positive | None = None
    # A worker that has done nothing for so long is taken for hung, and killed. Compiling a network,
    # which may take many minutes, counts as one thing.
    patience_seconds: Seconds = 1800.0
    # How often the workers of a seed are started anew after one was killed, or hung.
    restarts: Annotated[int, Field(strict=True, ge=0)] = 3
