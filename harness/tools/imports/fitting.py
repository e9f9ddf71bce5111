"""Whether a file's networks are those of a configuration, else which settings would fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import ValidationError

from harness.config.experiment import Experiment
from harness.config.load import one_line
from harness.system.errors import UserError
from harness.tools.imports.foreign_networks import Foreign, canonical, settings_of
from harness.tools.imports.keras_networks import UNSEEN

ROUNDS = 4  # one setting may call for another
# Weights do not depend on them, but a deep network does not fit into small images.
LARGE = {"data.load_size": 286, "data.crop_size": 256}


@dataclass(frozen=True)
class Setting:
    """`needed` in place of `value`. `where` it is seen; None: all networks of that code have it."""

    key: str
    value: Any
    needed: Any
    where: Foreign | None = None

    @property
    def wrong(self) -> bool:
        return bool(self.value != self.needed)


def fitted(
    experiment: Experiment, networks: Mapping[str, Foreign]
) -> dict[str, dict[str, np.ndarray]]:
    """Our network -> our name in it -> array, of networks as the configuration has them.

    Raises UserError that names the settings which would fit, if any do, and what does not.
    """
    judges = any(name.startswith("d_") for name in networks)
    keras = any(foreign.keras for foreign in networks.values())
    changes: dict[str, Setting] = {}
    fitting = experiment
    for _ in range(ROUNDS):
        found = [
            *(each for name, foreign in networks.items() for each in _seen(name, foreign, fitting)),
            *(
                _of_keras(fitting)
                if keras
                else architecture(fitting, seen=True, discriminators=judges)
            ),
        ]
        wrong = [setting for setting in found if setting.wrong]
        if not wrong:
            break
        needed = _agreed(wrong)
        for setting in wrong:
            before = changes.get(setting.key, setting)
            changes[setting.key] = Setting(
                setting.key, before.value, setting.needed, before.where or setting.where
            )
        fitting = _changed(experiment, fitting, needed, changes)
    model = fitting.networks()
    arrays = {name: canonical(each, getattr(model, name)) for name, each in networks.items()}
    if different := [setting for setting in changes.values() if setting.wrong]:
        raise _misfit(different)
    return arrays


def architecture(
    experiment: Experiment, *, seen: bool = False, discriminators: bool = True
) -> list[Setting]:
    """What decides the networks' arithmetic and is the same in all networks of the authors' code.

    `seen`: without what a file's names and shapes show. `discriminators`: theirs, too.
    """
    model, data, norm = experiment.model, experiment.data, experiment.model.norm
    settings: list[tuple[str, Any, Any]] = [
        ("data.crop_size_b", data.crop("b"), data.crop("a")),
        ("model.padding", model.padding, "symmetric"),
    ]
    if model.generator == "unet":
        settings += [
            ("model.unet_kernel", model.unet_kernel, 4),
            ("model.unet_slope", model.unet_slope, 0.2),
            ("model.unet_norm_ends", model.unet_norm_ends, False),
            ("model.depth", model.depth, model.depth if seen else max(model.depth, 5)),
        ]
    else:
        settings += [
            ("model.transposed_crop", model.transposed_crop, "first"),
            ("model.stem_bias", model.stem_bias, False),
        ]
        if not seen:
            settings.append(("model.upsampling", model.upsampling, "transposed"))
    settings.append(("model.norm.epsilon", norm.epsilon, 1e-5))
    if discriminators:
        settings += [
            _one_of("model.discriminator_norm", model.discriminator_norm, None, norm),
            ("model.discriminator_norm_first", model.discriminator_norm_first, False),
            _one_of("model.discriminator_bias", model.discriminator_bias, None, model.bias),
            _one_of("model.discriminator_padding", model.discriminator_padding, None, "symmetric"),
            ("model.discriminator_tanh", model.discriminator_tanh, False),
            ("model.discriminator_sigmoid", model.discriminator_sigmoid, False),
            ("model.slope", model.slope, 0.2),
        ]
    if not seen:
        settings += [
            ("model.norm.affine", norm.affine, norm.kind == "batch"),
            # With an instance norm there is a bias in front of it, with any other or none not.
            ("model.bias", model.bias, norm.kind == "instance"),
            _one_of("model.discriminator", model.discriminator, "patch", "pixel"),
        ]
    return [Setting(*setting) for setting in settings]


def _of_keras(experiment: Experiment) -> list[Setting]:
    """As `architecture`, of generators that Keras has saved."""
    size = Setting("data.crop_size_b", experiment.data.crop("b"), experiment.data.crop("a"))
    return [size, *(Setting(key, _value(experiment, key), UNSEEN[key]) for key in UNSEEN)]


def check_architecture(experiment: Experiment) -> None:
    """Raises UserError for networks that the authors' code cannot build: weights would not fit."""
    wrong = [setting for setting in architecture(experiment) if setting.wrong]
    if wrong:
        raise _misfit(wrong)


def _one_of(key: str, value: Any, first: Any, *others: Any) -> tuple[str, Any, Any]:
    return key, value, value if value in (first, *others) else first


def _value(experiment: Experiment, key: str) -> Any:
    value: Any = experiment
    for part in key.split("."):
        value = getattr(value, part)
    return value


def _seen(network: str, foreign: Foreign, experiment: Experiment) -> list[Setting]:
    return [
        Setting(key, _value(experiment, key), needed, foreign)
        for key, needed in settings_of(network, foreign).items()
    ]


def _agreed(wrong: list[Setting]) -> dict[str, Any]:
    """Key -> what it has to be. Raises UserError where two files need different values."""
    needed: dict[str, Setting] = {}
    for setting in wrong:
        first = needed.setdefault(setting.key, setting)
        if first.needed != setting.needed:
            raise UserError(
                f"{setting.where}: needs {setting.key}={_yaml(setting.needed)}, {first.where} needs"
                f" {_yaml(first.needed)}; both networks of a kind are alike here: import them by"
                " themselves"
            )
    return {key: setting.needed for key, setting in needed.items()}


def _changed(
    experiment: Experiment,
    fitting: Experiment,
    needed: Mapping[str, Any],
    changes: dict[str, Setting],
) -> Experiment:
    """`fitting` with other values; in larger images, if it must be: then these are changes, too."""
    try:
        return _with(fitting, needed)
    except ValidationError:
        large = {
            "data.load_size": experiment.data.load_size,
            "data.crop_size": experiment.data.crop_size,
        }
    try:
        larger = _with(fitting, {**needed, **LARGE})
    except ValidationError as error:
        listed = list(changes.values())
        raise UserError(f"{_problems(listed)}, but {one_line(error, Experiment)}") from None
    changes |= {key: Setting(key, value, LARGE[key]) for key, value in large.items()}
    return larger


def _with(experiment: Experiment, values: Mapping[str, Any]) -> Experiment:
    settings = experiment.model_dump()
    for key, value in values.items():
        *sections, name = key.split(".")
        section = settings
        for part in sections:
            section = section[part]
        section[name] = value
    return Experiment.model_validate(settings)


def _misfit(wrong: list[Setting]) -> UserError:
    overrides = " ".join(f"{setting.key}={_yaml(setting.needed)}" for setting in wrong)
    return UserError(f"{_problems(wrong)}; add --set '{overrides}'")


def _problems(wrong: list[Setting]) -> str:
    seen = [setting for setting in wrong if setting.where is not None]
    if not seen:
        first = wrong[0]
        return f"{first.key}: {_yaml(first.value)}, but the authors' code has no such networks"
    listed = ", ".join(
        f"{each.key} is {_yaml(each.value)}, in the file {_yaml(each.needed)}" for each in seen
    )
    return f"{seen[0].where}: {listed}"


def _yaml(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return "null" if value is None else str(value).lower()
