"""One frozen, validated experiment: preset plus overrides. Sections mirror the YAML files.

Defaults are the CycleGAN authors' PyTorch code; a preset says what it changes.
"""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

import backends
from backends.architecture import DiscriminatorSpec, GeneratorSpec, NormSpec
from backends.interface import Model, Objective
from harness.errors import UserError
from harness.metrics.table import METRICS

Positive = Annotated[int, Field(strict=True, ge=1)]
Count = Annotated[int, Field(strict=True, ge=0)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataSection(Section):
    """Images. `train` and `test` count the scenes of the built-in set, per domain.

    `resize`: bicubic with antialias, or bilinear without it as `tf.image.resize` does by itself.
    `augment`: crop and flip anew each time, or once per image as a cache after augmentation does.
    """

    load_size: Positive = 286
    crop_size: Positive = 256
    flip: bool = True
    resize: Literal["bicubic", "bilinear_aliased"] = "bicubic"
    augment: Literal["fresh", "frozen"] = "fresh"
    train: Positive = 400
    test: Positive = 120


class NormSection(Section):
    """See backends.architecture.NormSpec."""

    kind: Literal["instance", "batch"] = "instance"
    affine: bool = False
    epsilon: PositiveFloat = 1e-5
    momentum: Fraction = 0.1
    unbiased: bool = True


class ModelSection(Section):
    """See GeneratorSpec and DiscriminatorSpec in backends.architecture. `bias`: before a norm."""

    filters: Positive = 64
    blocks: Count = 9
    discriminator_filters: Positive = 64
    discriminator_layers: Positive = 3
    norm: NormSection = NormSection()
    bias: bool = True
    slope: Weight = 0.2
    padding: Literal["symmetric", "same"] = "symmetric"
    transposed_crop: Literal["first", "last"] = "first"
    rounding: Literal["half_even", "down"] = "half_even"
    initial_weights: Literal["normal", "glorot_uniform"] = "normal"


class ObjectiveSection(Section):
    lambda_a: Weight = 10.0
    lambda_b: Weight = 10.0
    identity: Weight = 0.5
    pool_size: Count = 50
    halve_discriminator: bool = True
    update_order: Literal["generators_first", "discriminators_first"] = "generators_first"


class OptimiserSection(Section):
    learning_rate: PositiveFloat = 2e-4
    beta1: Fraction = 0.5
    beta2: Fraction = 0.999
    epsilon: PositiveFloat = 1e-8
    epsilon_hat: bool = False


class TrainingSection(Section):
    """`steps_per_epoch`: null takes the images of a train split divided by the batch.

    `pairing`: A shuffled and B at random with replacement, the larger split is an epoch; or both
    shuffled side by side, as a zip of two data sets, and the smaller split ends it. `decay`: the
    learning rate falls after each epoch or after each step.
    """

    batch_size: Positive = 1
    epochs_constant: Count = 100
    epochs_decay: Count = 100
    steps_per_epoch: Positive | None = None
    decay: Literal["epoch", "step"] = "epoch"
    pairing: Literal["random_b", "zip"] = "random_b"


class RuntimeSection(Section):
    precision: Literal["float32", "float64"] = "float32"
    tf32: bool = False
    onednn: bool = True
    channels_last: bool = False


class EvaluationSection(Section):
    """When the test images are translated and scored, and what counts as equivalent.

    Before and after training always; in between after every `evaluate_every` epochs or steps (0:
    not at all). `margins`: of a metric, within which two backends are equivalent; fixed before
    training.
    """

    evaluate_every: Count = 1
    evaluate_unit: Literal["epochs", "steps"] = "epochs"
    margins: dict[str, PositiveFloat] = {metric.name: metric.margin for metric in METRICS}

    @model_validator(mode="after")
    def _margins_are_of_known_metrics(self) -> EvaluationSection:
        known = {metric.name for metric in METRICS}
        if set(self.margins) != known:
            wrong = sorted(set(self.margins) ^ known)
            raise ValueError(f"margins: one per metric is needed; missing or unknown: {wrong}")
        return self


class TimingSection(Section):
    warmup_steps: Positive = 5
    block_seconds: PositiveFloat = 2.0
    checkpoint_seconds: PositiveFloat = 120.0


class Experiment(Section):
    """Everything that decides the numbers of a run, but for its seed, backend and device."""

    dataset: str
    preset: str
    data: DataSection = DataSection()
    model: ModelSection = ModelSection()
    objective: ObjectiveSection = ObjectiveSection()
    optimiser: OptimiserSection = OptimiserSection()
    training: TrainingSection = TrainingSection()
    runtime: RuntimeSection = RuntimeSection()
    evaluation: EvaluationSection = EvaluationSection()
    timing: TimingSection = TimingSection()

    @model_validator(mode="after")
    def _possible(self) -> Experiment:
        if self.data.crop_size > self.data.load_size:
            raise ValueError(
                f"data.crop_size: {self.data.crop_size} is larger than data.load_size, "
                f"{self.data.load_size}"
            )
        if self.data.crop_size % 4:
            raise ValueError(
                f"data.crop_size: {self.data.crop_size} is not a multiple of 4, which the "
                "generator's two down-samplings need"
            )
        smallest = 2 ** (self.model.discriminator_layers + 1) * 2
        if self.data.crop_size < smallest:
            raise ValueError(
                f"data.crop_size: {self.data.crop_size} is too small for "
                f"model.discriminator_layers={self.model.discriminator_layers}; at least {smallest}"
            )
        if self.training.epochs_constant + self.training.epochs_decay == 0:
            raise ValueError("training: epochs_constant and epochs_decay are both 0")
        return self

    def networks(self) -> Model:
        """The four networks as the backends take them."""
        m, size = self.model, self.data.crop_size
        norm = NormSpec(**m.norm.model_dump())
        generator = GeneratorSpec(
            filters=m.filters,
            blocks=m.blocks,
            norm=norm,
            bias=m.bias,
            padding=m.padding,
            transposed_crop=m.transposed_crop,
        )
        discriminator = DiscriminatorSpec(
            filters=m.discriminator_filters,
            layers=m.discriminator_layers,
            slope=m.slope,
            norm=norm,
            bias=m.bias,
            padding=m.padding,
        )
        shape = (size, size, 3)
        return Model(
            shape, shape, generator, generator, discriminator, discriminator, rounding=m.rounding
        )

    def loss(self) -> Objective:
        """Objective and optimiser as the backends take them."""
        optimiser = self.optimiser.model_dump(exclude={"learning_rate"})
        return Objective(**self.objective.model_dump(), **optimiser)

    def digest(self, *context: str) -> str:
        """Hash of the configuration and of `context` (data, code): names the experiment."""
        settings = json.dumps(self.model_dump(), sort_keys=True)
        return hashlib.sha256("\n".join((settings, *context)).encode()).hexdigest()[:10]


def preset_names() -> list[str]:
    files = resources.files("harness").joinpath("presets").iterdir()
    return sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml"))


def load_experiment(dataset: str, preset: str, overrides: list[str]) -> Experiment:
    """Raises UserError for an unknown preset or key, a wrong type or an impossible combination."""
    if preset not in preset_names():
        raise UserError(f"preset {preset!r}: unknown; one of {', '.join(preset_names())}")
    text = resources.files("harness").joinpath(f"presets/{preset}.yaml").read_text("utf-8")
    settings: dict[str, Any] = yaml.safe_load(text)
    del settings["description"]
    for override in overrides:
        _set(settings, override)
    try:
        return Experiment(dataset=dataset, preset=preset, **settings)
    except ValidationError as error:
        raise UserError(one_line(error, Experiment)) from None


def check_backends(names: list[str]) -> None:
    """Raises UserError for an unknown or repeated backend."""
    for name in names:
        if name not in backends.available():
            known = ", ".join(backends.available())
            raise UserError(f"backends: {name!r} is unknown; any of {known}")
    if len(set(names)) != len(names) or not names:
        raise UserError("backends: name each backend once, separated by commas: torch,tf")


def _set(settings: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    path = key.strip().split(".")
    if not equals or len(path) < 2 or path[0] in ("dataset", "preset"):
        raise UserError(f"--set {override}: write section.key=value, such as model.blocks=3")
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):  # ValueError: 2024-99-99 is no date
        raise UserError(f"--set {override}: {text!r} is not a YAML value") from None
    if path[:2] == ["evaluation", "margins"] and len(path) == 3:
        # One margin changes, the others keep their defaults.
        defaults = EvaluationSection().margins
        margins = settings.setdefault("evaluation", {}).setdefault("margins", dict(defaults))
        if not isinstance(margins, dict):
            raise UserError(f"--set {override}: margins is a value, not a section")
        margins[path[2]] = value
        return
    section = settings
    for name in path[:-1]:
        section = section.setdefault(name, {})
        if not isinstance(section, dict):
            raise UserError(f"--set {override}: {name} is a value, not a section")
    section[path[-1]] = value


def one_line(error: ValidationError, model: type[BaseModel]) -> str:
    """The first thing that is wrong: the key's full path, what was given, what is allowed."""
    first = error.errors()[0]
    path = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        *parents, name = [str(part) for part in first["loc"]]
        section: Any = model
        for parent in parents:
            section = section.model_fields[parent].annotation
        fixed = ("dataset", "preset") if section is Experiment else ()
        allowed = [f.alias or key for key, f in section.model_fields.items() if key not in fixed]
        return f"{path}: unknown key {name!r}; allowed: {', '.join(allowed)}"
    if not path:
        return message
    return f"{path}: {message[0].lower()}{message[1:]}, got {first['input']!r}"
