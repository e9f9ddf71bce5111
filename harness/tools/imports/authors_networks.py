"""The networks of the CycleGAN authors' PyTorch code: their names, and where our parameters are.

Its networks are nested lists of modules: the name of a parameter is a place in them. A fork that
doubles pixels (`Upsample`), mirrors an edge and convolves has them at other places.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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

Spec = GeneratorSpec | DiscriminatorSpec
# First module of both up-samplings and the head of a ResNet, counted from behind its blocks.
AFTER_BLOCKS = {"transposed": (0, 3, 7), "resize_conv": (2, 7, 11)}

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
    # A padding, three of conv, norm, ReLU, the blocks, two up-samplings, a padding, the head.
    up0, up1, head = (10 + spec.blocks + place for place in AFTER_BLOCKS[spec.upsampling])
    fixed = {"stem": 1, "down0": 4, "down1": 7, "up0": up0, "up1": up1, "head": head}
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
