"""An experiment from a preset and what a user sets on top of it."""

from __future__ import annotations

from copy import deepcopy
from functools import cache, lru_cache
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from harness.config.experiment import AnyExperiment, Experiment, class_of, experiment_of
from harness.config.presets import preset_names, preset_text
from harness.system.errors import UserError
from harness.system.strict_yaml import parse_yaml
from harness.system.untrusted import LONGEST, shown

DEEPEST = 4  # parts of a key: model.discriminator_norm.kind has three
MOST_SAID = 1000  # characters of what is wrong


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
