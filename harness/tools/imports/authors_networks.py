"""The networks of the CycleGAN authors' PyTorch code: which of ours they are, and their names.

Its networks are nested lists of modules: the name of a parameter is a place in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends.architecture import (
    DiscriminatorSpec,
    GeneratorSpec,
    ResNetSpec,
    UNetSpec,
    network_layers,
    parameter_shapes,
    statistic_shapes,
)
from harness.config.experiment import Experiment
from harness.system.errors import UserError

Spec = GeneratorSpec | DiscriminatorSpec
Setting = tuple[str, Any, Any]  # key, what it is, what it has to be

# ------------------------------------------------------------------ whether they are the same

BLOCK = re.compile(r"model\.(\d{1,5})\.conv_block\.")
LEVEL = re.compile(r"model\.model((?:\.[13]\.model)*)\.")
PLACE = re.compile(r"(?:model|net)\.(\d{1,5})\.weight")


def check_architecture(experiment: Experiment) -> None:
    """Raises UserError for networks that the authors' code cannot build: weights would not fit."""
    model, data, norm = experiment.model, experiment.data, experiment.model.norm
    # What decides the networks' arithmetic and is the same in all of the authors' networks.
    settings: list[Setting] = [
        ("data.crop_size_b", data.crop("b"), data.crop("a")),
        ("model.padding", model.padding, "symmetric"),
    ]
    if model.generator == "unet":
        settings += [
            ("model.unet_kernel", model.unet_kernel, 4),
            ("model.unet_slope", model.unet_slope, 0.2),
            ("model.unet_norm_ends", model.unet_norm_ends, False),
            ("model.depth", model.depth, max(model.depth, 5)),
        ]
    else:
        settings += [
            ("model.upsampling", model.upsampling, "transposed"),
            ("model.transposed_crop", model.transposed_crop, "first"),
            ("model.stem_bias", model.stem_bias, False),
        ]
    settings += [
        ("model.norm.affine", norm.affine, norm.kind == "batch"),
        ("model.norm.epsilon", norm.epsilon, 1e-5),
        # With an instance norm there is a bias in front of it, with any other or none there is not.
        ("model.bias", model.bias, norm.kind == "instance"),
        _one_of("model.discriminator", model.discriminator, "patch", "pixel"),
        _one_of("model.discriminator_norm", model.discriminator_norm, None, norm),
        ("model.discriminator_norm_first", model.discriminator_norm_first, False),
        _one_of("model.discriminator_bias", model.discriminator_bias, None, model.bias),
        _one_of("model.discriminator_padding", model.discriminator_padding, None, "symmetric"),
        ("model.discriminator_tanh", model.discriminator_tanh, False),
        ("model.slope", model.slope, 0.2),
    ]
    wrong = [setting for setting in settings if setting[1] != setting[2]]
    if wrong:
        key, value, _ = wrong[0]
        raise UserError(
            f"{key}: {_yaml(value)}, but the authors' code has no such networks; add"
            f" --set '{_overrides(wrong)}'"
        )


def check_generator(path: str, tensors: Mapping[str, np.ndarray], experiment: Experiment) -> None:
    """Raises UserError where the file's generator is another than the configuration's."""
    model = experiment.model
    depth = 1 + max((m[1].count(".model") for n in tensors if (m := LEVEL.match(n))), default=0)
    if depth > 1:
        shape: Setting = ("model.depth", model.depth, depth)
        # The stem has no norm in a U-Net, its second level has.
        kind, stem, norm = "unet", "model.model.0.weight", "model.model.1.model.2.weight"
    else:
        blocks = {match[1] for name in tensors if (match := BLOCK.match(name))}
        shape = ("model.blocks", model.blocks, len(blocks))
        kind, stem, norm = "resnet", "model.1.weight", "model.2.weight"
    settings = [("model.generator", model.generator, kind), shape]
    settings += _filters("model.filters", model.filters, tensors.get(stem))
    _compare(path, [*settings, *_norm(norm in tensors, experiment)])


def check_discriminator(
    path: str, tensors: Mapping[str, np.ndarray], experiment: Experiment
) -> None:
    """As `check_generator`."""
    model = experiment.model
    pixel = any(name.startswith("net.") for name in tensors)
    root, kind = ("net", "pixel") if pixel else ("model", "patch")
    settings: list[Setting] = [("model.discriminator", model.discriminator, kind)]
    if not pixel:
        last = max((int(m[1]) for name in tensors if (m := PLACE.fullmatch(name))), default=0)
        # The first convolution takes two modules, each later one three; the head comes last.
        layers = (last + 1) // 3 - 1
        settings.append(("model.discriminator_layers", model.discriminator_layers, layers))
    first = tensors.get(f"{root}.0.weight")
    settings += _filters("model.discriminator_filters", model.discriminator_filters, first)
    _compare(path, [*settings, *_norm(f"{root}.3.weight" in tensors, experiment)])


def _filters(key: str, value: int, first: np.ndarray | None) -> list[Setting]:
    return [(key, value, first.shape[0])] if first is not None and first.ndim == 4 else []


def _norm(batch: bool, experiment: Experiment) -> list[Setting]:
    """`batch`: whether norms in the file have parameters, as only batch norms there have."""
    norm = experiment.model.norm
    if not batch and norm.kind != "batch":
        return []
    return [
        ("model.norm.kind", norm.kind, "batch" if batch else "instance"),
        ("model.norm.affine", norm.affine, batch),
        ("model.bias", experiment.model.bias, not batch),
    ]


def _one_of(key: str, value: Any, first: Any, *others: Any) -> Setting:
    return key, value, value if value in (first, *others) else first


def _compare(path: str, settings: list[Setting]) -> None:
    wrong = [setting for setting in settings if setting[1] != setting[2]]
    if wrong:
        problems = ", ".join(
            f"{key} is {ours}, in the file {theirs}" for key, ours, theirs in wrong
        )
        raise UserError(f"{path}: {problems}; add --set '{_overrides(wrong)}'")


def _overrides(wrong: list[Setting]) -> str:
    return " ".join(f"{key}={_yaml(needed)}" for key, _, needed in wrong)


def _yaml(value: object) -> str:
    return "null" if value is None else str(value).lower()


# --------------------------------------------------------------------------- names of parameters

# Our name of a part of a layer or norm -> its own.
PARTS = {"kernel": "weight", "bias": "bias", "scale": "weight", "offset": "bias",
         "mean": "running_mean", "variance": "running_var"}  # fmt: skip
# What old instance norms saved, though nothing ever read it; and what batch norms count.
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True)
class Place:
    """A parameter: `ours`, canonical without its network; `theirs`; `shape` as theirs.

    `skip`: input channels from a U-Net's skip connection, which the other code puts in front and
    this one behind; there are as many others.
    """

    ours: str
    theirs: str
    shape: tuple[int, ...]
    skip: int = 0

    def from_theirs(self, array: np.ndarray) -> np.ndarray:
        """(out, in, h, w) to HWIO; a transposed one's (in, out, h, w) to (h, w, out, in)."""
        if array.ndim != 4:
            return array.copy()
        rolled = np.roll(array, -self.skip, axis=0)
        return np.array(rolled.transpose(2, 3, 1, 0), order="C")

    def to_theirs(self, array: np.ndarray) -> np.ndarray:
        """The inverse."""
        if array.ndim != 4:
            return array.copy()
        return np.array(np.roll(array.transpose(3, 2, 0, 1), self.skip, axis=0), order="C")


def places(spec: Spec, dropout: bool = False) -> tuple[Place, ...]:
    """Of every parameter and running statistic. `dropout`: as with modules for it in the blocks."""
    layers = network_layers(spec)
    modules = dict(_modules(spec, dropout))
    skips = {}
    if isinstance(spec, UNetSpec):
        ups = [layer for layer in layers if layer.kind == "transposed_conv"]
        # The innermost has no skip connection.
        skips = {up.name: up.in_channels // 2 for up in ups if up.name != f"up{spec.depth - 1}"}
    parameters = []
    for ours, shape in {**parameter_shapes(layers), **statistic_shapes(layers)}.items():
        module, _, part = ours.rpartition("/")
        theirs = f"{modules[module]}.{PARTS[part]}"
        skip = skips.get(module, 0) if part == "kernel" else 0
        turned = (shape[3], shape[2], *shape[:2]) if len(shape) == 4 else shape
        parameters.append(Place(ours, theirs, turned, skip))
    return tuple(parameters)


def norm_modules(spec: Spec, dropout: bool = False) -> tuple[str, ...]:
    """Their norms, with parameters or without."""
    return tuple(theirs for ours, theirs in _modules(spec, dropout) if ours.endswith("_norm"))


def _modules(spec: Spec, dropout: bool) -> Iterator[tuple[str, str]]:
    """Our layer or norm, and their module: a norm comes right after its layer."""
    for layer in network_layers(spec):
        if isinstance(spec, UNetSpec):
            root, place = _of_unet(spec, layer.name)
        elif isinstance(spec, ResNetSpec):
            root, place = _of_resnet(spec, layer.name, dropout)
        else:
            # Activations between: conv, leak; then conv, norm, leak.
            root = "net" if spec.kind == "pixel" else "model"
            last = layer.name == "head"
            index = len(spec.strides) if last else int(layer.name.removeprefix("conv"))
            place = 3 * index - 1 if index else 0
        yield layer.name, f"{root}.{place}"
        if layer.norm:
            yield f"{layer.name}_norm", f"{root}.{place + 1}"


def _of_resnet(spec: ResNetSpec, name: str, dropout: bool) -> tuple[str, int]:
    # A padding, three of conv, norm, ReLU, the blocks, two of those again, a padding, the head.
    ups = 10 + spec.blocks
    fixed = {"stem": 1, "down0": 4, "down1": 7, "up0": ups, "up1": ups + 3, "head": ups + 7}
    if name in fixed:
        return "model", fixed[name]
    block, _, conv = name.removeprefix("block").partition("/")
    # Padding, conv, norm, ReLU, perhaps dropout; padding, conv, norm.
    place = 1 if conv == "conv0" else 6 if dropout else 5
    return f"model.{10 + int(block)}.conv_block", place


def _of_unet(spec: UNetSpec, name: str) -> tuple[str, int]:
    """Each level is inside the one around it: conv, what is inside, ReLU, transposed conv."""
    level = 0 if name == "head" else int(name.removeprefix("down").removeprefix("up"))
    root = "model.model" + "".join(f".{3 if outer else 1}.model" for outer in range(level))
    if name.startswith("down"):
        return root, 1 if level else 0
    return root, 3 if level in (0, spec.depth - 1) else 5
