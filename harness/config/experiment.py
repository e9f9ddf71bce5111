"""One frozen, validated experiment, of each kind of model."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import model_validator

from backends.architecture import DiscriminatorSpec, GeneratorSpec, ResNetSpec, UNetSpec
from backends.gan import GanModel, GanObjective
from backends.model import ImageShape, Model
from backends.objective import Objective
from harness.config.constraints import check_constraints, check_gan
from harness.config.gan_sections import (
    GanEvaluationSection,
    GanModelSection,
    GanObjectiveSection,
)
from harness.config.sections import (
    ConfigSection,
    DataSection,
    EvaluationSection,
    ModelSection,
    ObjectiveSection,
    OptimiserSection,
    RuntimeSection,
    TimingSection,
    TrainingSection,
)

FOR_REPORTS = (
    "backends",
    "titles",
    "directions",
)  # of a recorded configuration: written there, but no settings


class AnyExperiment(ConfigSection):
    """What experiments of every kind of model have: all that decides the numbers of a run, but for
    its seed, backend and device, with the sections `model` and `objective` of the kind."""

    dataset: str
    preset: str
    data: DataSection = DataSection()
    model: ConfigSection = ConfigSection()
    objective: ConfigSection = ConfigSection()
    optimiser: OptimiserSection = OptimiserSection()
    training: TrainingSection = TrainingSection()
    runtime: RuntimeSection = RuntimeSection()
    evaluation: EvaluationSection = EvaluationSection()
    timing: TimingSection = TimingSection()

    def for_reports(self, titles: tuple[str, str]) -> dict[str, Any]:
        """Of what is recorded beside the settings: `titles` of the domains of the data set."""
        return {"titles": dict(zip("ab", titles, strict=True))}

    @abstractmethod
    def networks(self) -> Any:
        """The model as the backends take it."""

    @property
    @abstractmethod
    def initial_weights(self) -> Literal["normal", "glorot_uniform"]:
        """How its weights are drawn."""

    @abstractmethod
    def loss(self) -> Any:
        """Objective and optimiser as the backends take them."""

    def digest(self, *context: str) -> str:
        """Hash of the configuration and of `context` (data, code): names the experiment."""
        return digest_of(self.model_dump(), *context)

    def images_per_round(self, train_a: int, train_b: int) -> int:
        """Images of a domain that an epoch shows; with zip it ends with the smaller split."""
        shortest = self.training.pairing == "zip"
        return min(train_a, train_b) if shortest else max(train_a, train_b)

    def adam(self) -> dict[str, Any]:
        """What an objective has of the optimiser: all but the learning rates."""
        return self.optimiser.model_dump(exclude={"learning_rate", "discriminator_learning_rate"})


class Experiment(AnyExperiment):
    """A CycleGAN's."""

    model: ModelSection = ModelSection()
    objective: ObjectiveSection = ObjectiveSection()

    @model_validator(mode="after")
    def _constraints(self) -> Experiment:
        check_constraints(self)
        return self

    def networks(self) -> Model:
        """The four networks as the backends take them."""
        shape_a, shape_b = (
            (self.data.crop(d), self.data.crop(d), self.data.channels(d)) for d in "ab"
        )
        return Model(
            shape_a,
            shape_b,
            g_ab=self._generator(shape_a, shape_b),
            g_ba=self._generator(shape_b, shape_a),
            d_a=self._discriminator(shape_a),
            d_b=self._discriminator(shape_b),
            rounding=self.model.rounding,
        )

    def _generator(self, shape: ImageShape, target: ImageShape) -> GeneratorSpec:
        m, growth = self.model, (target[0] - shape[0]) // 2
        common: dict[str, Any] = {
            "in_channels": shape[-1],
            "out_channels": target[-1],
            "filters": m.filters,
            "norm": m.norm.spec(),
            "bias": m.bias,
            "padding": m.padding,
            "transposed_crop": m.transposed_crop,
        }
        if m.generator == "unet":
            return UNetSpec(
                **common,
                depth=m.depth,
                kernel=m.unet_kernel,
                slope=m.unet_slope,
                norm_ends=m.unet_norm_ends,
                dropout=m.dropout,
            )
        return ResNetSpec(
            **common,
            blocks=m.blocks,
            stem_bias=m.stem_bias,
            upsampling=m.upsampling,
            stem_padding=3 + max(growth, 0),
            head_padding=3 + min(growth, 0),
        )

    def _discriminator(self, shape: ImageShape) -> DiscriminatorSpec:
        m = self.model
        return DiscriminatorSpec(
            in_channels=shape[-1],
            kind=m.discriminator,
            filters=m.discriminator_filters,
            layers=m.discriminator_layers,
            slope=m.slope,
            norm=(m.discriminator_norm or m.norm).spec(),
            norm_first=m.discriminator_norm_first,
            bias=m.bias if m.discriminator_bias is None else m.discriminator_bias,
            padding=m.discriminator_padding or m.padding,
            tanh=m.discriminator_tanh,
            sigmoid=m.discriminator_sigmoid,
        )

    @property
    def initial_weights(self) -> Literal["normal", "glorot_uniform"]:
        return self.model.initial_weights

    def loss(self) -> Objective:
        objective = self.objective.model_dump(exclude={"pool"})
        if self.objective.pool == "none":
            objective["pool_size"] = 0
        return Objective(**objective, **self.adam())


class GanExperiment(AnyExperiment):
    """A GAN's, which makes images like those of domain A out of noise."""

    kind: Literal["gan"] = "gan"
    model: GanModelSection = GanModelSection()
    objective: GanObjectiveSection = GanObjectiveSection()
    evaluation: GanEvaluationSection = GanEvaluationSection()

    @model_validator(mode="after")
    def _constraints(self) -> GanExperiment:
        check_gan(self)
        return self

    def for_reports(self, titles: tuple[str, str]) -> dict[str, Any]:
        """Noise stands for domain B."""
        return {"titles": {"a": titles[0], "b": "noise"}, "directions": ["ba"]}

    def images_per_round(self, train_a: int, train_b: int) -> int:
        return train_a

    def networks(self) -> GanModel:
        size = self.data.crop("a")
        sizes = self.model.model_dump(exclude={"initial_weights"})
        return GanModel((size, size, self.data.channels("a")), **sizes)

    @property
    def initial_weights(self) -> Literal["normal", "glorot_uniform"]:
        return self.model.initial_weights

    def loss(self) -> GanObjective:
        return GanObjective(**self.objective.model_dump(), **self.adam())


# By the `kind` of a preset or a recorded configuration; without one it is a CycleGAN.
KINDS: Mapping[str, type[AnyExperiment]] = {"cyclegan": Experiment, "gan": GanExperiment}


def class_of(settings: Mapping[str, Any]) -> type[AnyExperiment]:
    """Of the experiment that a configuration describes."""
    return KINDS.get(str(settings.get("kind")), Experiment)


def experiment_of(settings: Mapping[str, Any]) -> AnyExperiment:
    """Of a whole configuration, with `dataset` and `preset`. Raises ValidationError."""
    return class_of(settings).model_validate(settings)


def digest_of(settings: Mapping[str, Any], *context: str) -> str:
    """As `Experiment.digest`, of a configuration as it was written down."""
    text = json.dumps(settings, sort_keys=True)
    return hashlib.sha256("\n".join((text, *context)).encode()).hexdigest()[:10]


def recorded_settings(document: Mapping[str, Any]) -> dict[str, Any]:
    """Of a document as experiment.json: the settings of its experiment, as they were written down.

    Raises KeyError, or AttributeError, for a document that is none.
    """
    names = {name: document[name] for name in ("dataset", "preset")}
    configuration = document["configuration"].items()
    return {key: value for key, value in configuration if key not in FOR_REPORTS} | names
