"""One frozen, validated experiment: preset plus overrides."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import cache, lru_cache
from typing import Any, Literal, get_args

from pydantic import BaseModel, ValidationError, model_validator

import backends
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
from harness.config.presets import preset_names, preset_text
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
from harness.system.errors import UserError
from harness.system.interpreters import check_interpreters
from harness.system.strict_yaml import parse_yaml
from harness.system.untrusted import LONGEST, shown

DEEPEST = 4  # parts of a key: model.discriminator_norm.kind has three
MOST_SAID = 1000  # characters of what is wrong
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


def load_experiment(dataset: str | None, preset: str, overrides: list[str]) -> Experiment:
    """As `load_any`, for whatever is made for CycleGANs. Raises UserError for another kind, too."""
    experiment = load_any(dataset, preset, overrides)
    if not isinstance(experiment, Experiment):
        raise UserError(
            f"preset {preset}: its model is no CycleGAN, which this needs; `compare`, `study`,"
            " `parity`, `report` and `verify` take it"
        )
    return experiment


def load_any(dataset: str | None, preset: str, overrides: list[str]) -> AnyExperiment:
    """`dataset` None: the preset's own, or else the built-in seasons.

    Raises UserError for an unknown preset or key, a wrong type or an impossible combination.
    """
    if preset not in preset_names():
        raise UserError(f"preset {preset!r}: unknown; one of {', '.join(preset_names())}")
    settings = deepcopy(_preset(preset))
    own = settings.pop("dataset", "seasons")
    for override in overrides:
        _set(settings, override)
    settings |= {"dataset": own if dataset is None else dataset, "preset": preset}
    try:
        return experiment_of(settings)
    except ValidationError as error:
        raise UserError(one_line(error, class_of(settings))) from None


@cache
def _preset(name: str) -> dict[str, Any]:
    """Settings of a preset's file, on top of those of the preset that it `extends`."""
    settings = parse_yaml(preset_text(name))
    del settings["description"]
    base = settings.pop("extends", None)
    return _on_top(_preset(base), settings) if base else settings


def _on_top(base: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """Section by section, key by key."""
    return base | {
        key: _on_top(base[key], value) if key in base and isinstance(value, dict) else value
        for key, value in settings.items()
    }


def check_backends(names: list[str]) -> None:
    """Raises UserError for an unknown or repeated backend, or one whose Python does not work."""
    check_names(names)
    check_interpreters(names)


def check_recorded(names: Sequence[str], asked: Sequence[str]) -> None:
    """As `check_backends`, of names in records, which anybody may have written.

    A Python that a record names is only run where the user has `asked` for it.
    """
    check_names(list(names))
    for name in names:
        if backends.own_python(name) and name not in asked:
            raise UserError(
                f"backend {shown(name)}: its Python is only run if you name it: add --backends"
                f" {name}"
            )
    check_interpreters(names)


def check_names(names: list[str]) -> None:
    """Raises UserError for an unknown or repeated backend."""
    for name in names:
        if not backends.is_name(name):
            available = ", ".join(backends.available())
            raise UserError(
                f"backends: {shown(name)} is unknown; any of {available}, or of a version or a"
                " Python, as tf@2.20.0, tf@/path/to/python"
            )
    if len({backends.file_name(name) for name in names}) != len(names) or not names:
        raise UserError("backends: name each backend once, separated by commas: torch,tf")


def _set(settings: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    path = key.strip().split(".")
    override = override if len(override) <= LONGEST else f"{override[:LONGEST]}..."
    if not equals or not 2 <= len(path) <= DEEPEST or path[0] in ("dataset", "preset", "kind"):
        raise UserError(f"--set {override}: write section.key=value, such as model.blocks=3")
    try:
        value = deepcopy(_value(text))
    except ValueError as error:
        raise UserError(
            f"--set {override}: {shown(text)} is not a YAML value here ({error}); write"
            " section.key=value, such as model.blocks=3"
        ) from None
    if path[:2] == ["evaluation", "margins"] and len(path) == 3:
        # One margin changes, the others keep their defaults.
        section = settings.setdefault("evaluation", {})
        if isinstance(section, dict):
            evaluation = class_of(settings).model_fields["evaluation"].default
            section.setdefault("margins", dict(evaluation.margins))
    section = settings
    for name in path[:-1]:
        section = section.setdefault(name, {})
        if not isinstance(section, dict):
            raise UserError(f"--set {override}: {name} is a value, not a section")
    section[path[-1]] = value


@lru_cache(maxsize=1024)
def _value(text: str) -> Any:
    """Few texts are given often: a covering set has thousands of overrides. Raises ValueError."""
    return parse_yaml(text)


def one_line(error: ValidationError, model: type[BaseModel]) -> str:
    """The first thing that is wrong: the key's full path, what was given, what is allowed."""
    first = error.errors()[0]
    path = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        *parents, name = [str(part) for part in first["loc"]]
        section: Any = model
        for parent in parents:
            annotation = section.model_fields[parent].annotation
            # Of a section that may be null, the section.
            section = next(iter(get_args(annotation)), annotation)
        fixed = ("dataset", "preset", "kind") if issubclass(section, AnyExperiment) else ()
        allowed = [f.alias or key for key, f in section.model_fields.items() if key not in fixed]
        return f"{path[:LONGEST]}: unknown key {shown(name)}; allowed: {', '.join(allowed)}"
    if not path:
        return message[:MOST_SAID]
    return (
        f"{path[:LONGEST]}: {message[0].lower()}{message[1:MOST_SAID]}, got {shown(first['input'])}"
    )
