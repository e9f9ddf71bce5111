"""What the names and shapes of a network in a file of other code say about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from backends.architecture import ResNetSpec
from harness.system.errors import UserError
from harness.system.untrusted import shown
from harness.tools.imports import keras_networks
from harness.tools.imports.authors_networks import (
    AFTER_BLOCKS,
    STATISTICS,
    Spec,
    norm_modules,
    places,
)

Tensors = Mapping[str, np.ndarray]
Kind = Literal["resnet", "unet", "patch", "pixel"]
GENERATORS: tuple[Kind, ...] = ("resnet", "unet")

BLOCK = re.compile(r"model\.(\d{1,5})\.(?:conv_block|block)\.")
LEVEL = re.compile(r"model\.model((?:\.[13]\.model)*)\.")
PLACE = re.compile(r"(?:model|net)\.(\d{1,5})\.weight")


@dataclass(frozen=True)
class Foreign:
    """The tensors of a network in a file, by their names there, or as keras_files has them.

    `place`: where in the file, or empty.
    """

    path: Path
    place: str
    tensors: Tensors
    keras: bool = False

    def __str__(self) -> str:
        return f"{self.path}: {self.place}" if self.place else str(self.path)


def kind_of(foreign: Foreign) -> Kind:
    """Raises UserError for names of no network that is known here."""
    if foreign.keras:
        return "resnet" if keras_networks.is_generator(foreign.tensors) else "patch"
    names = foreign.tensors
    if any(name.startswith("net.") for name in names):
        return "pixel"
    if any(BLOCK.match(name) for name in names) or "model.1.weight" in names:
        return "resnet"
    if "model.model.0.weight" in names:
        return "unet"
    if "model.0.weight" in names:
        return "patch"
    listed = ", ".join(shown(name) for name in sorted(names)[:3])
    raise UserError(
        f"{foreign}: has {listed}, ..., names of no network that can be imported; the CycleGAN"
        " authors' begin with model.1.weight, model.model.0.weight, model.0.weight or net.0.weight"
    )


def settings_of(network: str, foreign: Foreign) -> dict[str, Any]:
    """Key -> what it has to be for a network of these names and shapes; `network` is ours.

    Raises UserError where no setting can be.
    """
    kind = kind_of(foreign)
    if (kind in GENERATORS) != network.startswith("g_"):
        what = "generator" if kind in GENERATORS else "discriminator"
        raise UserError(f"{foreign}: holds a {what}, taken for {network}; give it its right name")
    if foreign.keras:
        return keras_networks.settings_of(network, foreign, foreign.tensors)
    return (_of_generator if kind in GENERATORS else _of_discriminator)(network, kind, foreign)


def _of_generator(network: str, kind: Kind, foreign: Foreign) -> dict[str, Any]:
    tensors, source, target = foreign.tensors, network[-2], network[-1]
    if kind == "unet":
        depth = 1 + max(m[1].count(".model") for name in tensors if (m := LEVEL.match(name)))
        # The stem has no norm in a U-Net, its second level has.
        stem, head, norm = "model.model.0", "model.model.3", "model.model.1.model.2"
        values, out = {"model.generator": "unet", "model.depth": depth}, 1
    else:
        blocks = len({m[1] for name in tensors if (m := BLOCK.match(name))})
        upsampling, head = _upsampling(foreign, blocks)
        stem, norm, out = "model.1", "model.2", 0
        values = {"model.generator": "resnet", "model.blocks": blocks}
        values["model.upsampling"] = upsampling
    first, last = _kernel(foreign, stem), _kernel(foreign, head)
    values |= {"model.filters": first.shape[0], f"data.channels_{source}": first.shape[1]}
    values |= {f"data.channels_{target}": last.shape[out]}
    if first.shape[1] != last.shape[out]:
        values["objective.identity"] = 0.0  # of images in the other domain, which have other shapes
    return values | _norm(tensors, norm, stem)


def _upsampling(foreign: Foreign, blocks: int) -> tuple[str, str]:
    """Its kind, and the name of the head behind it."""
    begin = 10 + blocks
    numbers = sorted(int(m[1]) for name in foreign.tensors if (m := PLACE.fullmatch(name)))
    kernels = [n for n in numbers if n >= begin and foreign.tensors[f"model.{n}.weight"].ndim == 4]
    after = tuple(number - begin for number in kernels)
    for upsampling, modules in AFTER_BLOCKS.items():
        if after == modules:
            return upsampling, f"model.{kernels[-1]}"
    if after == (1, 5, 9):
        raise UserError(
            f"{foreign}: pads with zeros where pixels were doubled, as eriklindernoren's later"
            " networks do; those here mirror the edge, so it cannot be imported"
        )
    raise UserError(
        f"{foreign}: behind its {blocks} blocks there are convolutions at"
        f" {', '.join(f'model.{number}' for number in kernels[:6]) or 'no place'}; a generator with"
        f" {blocks} blocks has them at model.{begin}, {begin + 3} and {begin + 7}"
    )


def _of_discriminator(network: str, kind: Kind, foreign: Foreign) -> dict[str, Any]:
    tensors, domain = foreign.tensors, network[-1]
    root = "net" if kind == "pixel" else "model"
    values: dict[str, Any] = {"model.discriminator": kind}
    if kind == "patch":
        last = max(int(m[1]) for name in tensors if (m := PLACE.fullmatch(name)))
        if last % 3 != 2:
            raise UserError(
                f"{foreign}: its last convolution is model.{last}; one that pads by a pixel all"
                " around is model.5, 8, 11, ...: it cannot be imported"
            )
        # The first convolution takes two modules, each later one three; the head comes last.
        values["model.discriminator_layers"] = (last + 1) // 3 - 1
    first = _kernel(foreign, f"{root}.0")
    values |= {"model.discriminator_filters": first.shape[0]}
    values |= {f"data.channels_{domain}": first.shape[1]}
    return values | _norm(tensors, f"{root}.3", f"{root}.2")


def _kernel(foreign: Foreign, module: str) -> np.ndarray:
    array = foreign.tensors.get(f"{module}.weight")
    if array is None:
        raise UserError(f"{foreign}: no {module}.weight in it; give a whole file")
    if array.ndim != 4:
        raise UserError(f"{foreign}: {module}.weight has shape {array.shape}, no convolution's")
    return array


def _norm(tensors: Tensors, norm: str, conv: str) -> dict[str, Any]:
    """Of the module `norm` behind the convolution `conv`, or the one before it."""
    bias, learnt = f"{conv}.bias" in tensors, f"{norm}.weight" in tensors
    kind = "instance" if bias else "none"
    if learnt:
        kind = "batch" if f"{norm}.running_mean" in tensors else "instance"
    return {"model.norm.kind": kind, "model.norm.affine": learnt, "model.bias": bias}


def canonical(foreign: Foreign, spec: Spec) -> dict[str, np.ndarray]:
    """Our name, without a network's -> array. Raises UserError for other names, shapes or types."""
    if foreign.keras:
        assert isinstance(spec, ResNetSpec), "no other is taken from Keras"
        return keras_networks.canonical(foreign, foreign.tensors, spec)
    tensors = foreign.tensors
    second = tensors.get("model.10.conv_block.6.weight")
    # Without dropout a norm is there, if anything.
    dropout = isinstance(spec, ResNetSpec) and second is not None and second.ndim == 4
    wanted = places(spec, dropout)
    names = {place.theirs for place in wanted}
    names |= {f"{norm}.{part}" for norm in norm_modules(spec, dropout) for part in STATISTICS}
    unknown = next((name for name in tensors if name not in names), None)
    if unknown:
        raise UserError(f"{foreign}: {shown(unknown)} is in it, which no network here has")
    for place in wanted:
        array = tensors.get(place.theirs)
        if array is None:
            raise UserError(f"{foreign}: no {place.theirs} in it, {place.ours} here")
        if array.shape != place.shape:
            raise UserError(
                f"{foreign}: {place.theirs} has shape {array.shape}, {place.ours} needs"
                f" {place.shape}; no setting gives it another"
            )
        if array.dtype != np.float32 or not np.isfinite(array).all():
            raise UserError(
                f"{foreign}: {place.theirs} has more than finite numbers of float32; copy it again"
            )
    return {place.ours: place.from_theirs(tensors[place.theirs]) for place in wanted}
