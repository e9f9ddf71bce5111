"""Where the CycleGAN authors' PyTorch code keeps each parameter of networks that we share.

Its networks are nested lists of modules: names are places in them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from backends.architecture import (
    DiscriminatorSpec,
    GeneratorSpec,
    Layer,
    ResNetSpec,
    UNetSpec,
    network_layers,
    parameter_shapes,
    statistic_shapes,
)

Spec = GeneratorSpec | DiscriminatorSpec
# Our name of a part of a norm -> its own.
PARTS = {"kernel": "weight", "bias": "bias", "scale": "weight", "offset": "bias",
         "mean": "running_mean", "variance": "running_var"}  # fmt: skip
# What old instance norms saved, though nothing ever read it; and what batch norms count.
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True)
class Place:
    """A parameter: `ours`, canonical without its network; `theirs`; `shape` as theirs.

    `skip`: input channels that the other code puts in front and this one behind, from a U-Net's
    skip connection; as many others are there.
    """

    ours: str
    theirs: str
    shape: tuple[int, ...]
    skip: int = 0

    def from_theirs(self, array: np.ndarray) -> np.ndarray:
        """(out, in, h, w) to HWIO; a transposed one's (in, out, h, w) to (h, w, out, in)."""
        if array.ndim != 4:
            return array.copy()
        swapped = np.roll(array, -self.skip, axis=0) if self.skip else array
        return np.array(swapped.transpose(2, 3, 1, 0), order="C")

    def to_theirs(self, array: np.ndarray) -> np.ndarray:
        """The inverse."""
        if array.ndim != 4:
            return array.copy()
        array = array.transpose(3, 2, 0, 1)
        return np.array(np.roll(array, self.skip, axis=0) if self.skip else array, order="C")


def places(spec: Spec, dropout: bool = False) -> tuple[Place, ...]:
    """Of every parameter and running statistic. `dropout`: as with modules for it in the blocks."""
    layers = network_layers(spec)
    by_name = {layer.name: layer for layer in layers}
    modules = dict(_modules(spec, layers, dropout))
    found = []
    for ours, shape in {**parameter_shapes(layers), **statistic_shapes(layers)}.items():
        module, _, part = ours.rpartition("/")
        theirs = f"{modules[module]}.{PARTS[part]}"
        skip = _skip(spec, by_name[module]) if part == "kernel" else 0
        found.append(Place(ours, theirs, (shape[3], shape[2], *shape[:2]) if len(shape) == 4
                           else shape, skip))  # fmt: skip
    return tuple(found)


def norm_modules(spec: Spec, dropout: bool = False) -> tuple[str, ...]:
    """Their norms, with parameters or without."""
    modules = dict(_modules(spec, network_layers(spec), dropout))
    return tuple(theirs for ours, theirs in modules.items() if ours.endswith("_norm"))


def _modules(spec: Spec, layers: tuple[Layer, ...], dropout: bool) -> Iterator[tuple[str, str]]:
    """Our layer or norm, and their module."""
    for layer in layers:
        conv, norm = _of_layer(spec, layer.name, dropout)
        yield layer.name, conv
        if layer.norm:
            yield f"{layer.name}_norm", norm


def _of_layer(spec: Spec, name: str, dropout: bool) -> tuple[str, str]:
    if isinstance(spec, UNetSpec):
        return _of_unet(spec, name)
    if isinstance(spec, ResNetSpec):
        return _of_resnet(spec, name, dropout)
    # Activations between: conv, leak; then conv, norm, leak.
    root = "net" if spec.kind == "pixel" else "model"
    index = len(spec.strides) if name == "head" else int(name.removeprefix("conv"))
    place = 3 * index - 1 if index else 0
    return f"{root}.{place}", f"{root}.{place + 1}"


def _of_resnet(spec: ResNetSpec, name: str, dropout: bool) -> tuple[str, str]:
    # A padding, three of conv, norm, ReLU, the blocks, two of those again, a padding, the head.
    ups = 10 + spec.blocks
    fixed = {"stem": 1, "down0": 4, "down1": 7, "up0": ups, "up1": ups + 3, "head": ups + 7}
    if name in fixed:
        return f"model.{fixed[name]}", f"model.{fixed[name] + 1}"
    block, _, conv = name.removeprefix("block").partition("/")
    # Padding, conv, norm, ReLU, perhaps dropout; padding, conv, norm.
    place = 1 if conv == "conv0" else 6 if dropout else 5
    root = f"model.{10 + int(block)}.conv_block"
    return f"{root}.{place}", f"{root}.{place + 1}"


def _of_unet(spec: UNetSpec, name: str) -> tuple[str, str]:
    """Each level is inside the one around it: conv, what is inside, ReLU, transposed conv."""
    level = 0 if name == "head" else int(name.removeprefix("down").removeprefix("up"))
    root = "model.model"
    for outer in range(level):
        root += f".{3 if outer else 1}.model"
    if name.startswith("down"):
        place = 1 if level else 0
    elif level == spec.depth - 1:
        place = 3
    else:
        place = 5 if level else 3
    return f"{root}.{place}", f"{root}.{place + 1}"


def _skip(spec: Spec, layer: Layer) -> int:
    up = isinstance(spec, UNetSpec) and layer.kind == "transposed_conv"
    return layer.in_channels // 2 if up and layer.name != f"up{_innermost(spec)}" else 0


def _innermost(spec: Spec) -> int:
    return spec.depth - 1 if isinstance(spec, UNetSpec) else 0
