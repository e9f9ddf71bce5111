"""Four networks and the images they are trained on: what is common to all backends. No arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from backends.architecture import (
    DiscriminatorSpec,
    GeneratorSpec,
    Layer,
    dropped_layers,
    network_layers,
    parameter_shapes,
    statistic_shapes,
)
from backends.cost import output_sizes
from backends.objective import Objective

ImageShape = tuple[int, int, int]  # height, width, channels

NETWORKS = ("g_ab", "g_ba", "d_a", "d_b")
Rounding = Literal["half_even", "down"]


@dataclass(frozen=True)
class Model:
    """Four networks and the images (height, width, channels) they are trained on.

    `rounding` of translations to uint8: to the nearest level, halves to the even one, or down.
    """

    shape_a: ImageShape
    shape_b: ImageShape
    g_ab: GeneratorSpec
    g_ba: GeneratorSpec
    d_a: DiscriminatorSpec
    d_b: DiscriminatorSpec
    rounding: Rounding = "half_even"

    # The module of a backend that trains it, and its networks.
    module: ClassVar[str] = "backend"
    networks: ClassVar[tuple[str, ...]] = NETWORKS

    def layers(self, network: str) -> tuple[Layer, ...]:
        """Layer table of one of NETWORKS, in forward order."""
        return network_layers(getattr(self, network))

    def input_shape(self, network: str) -> ImageShape:
        """Of the images that one of NETWORKS takes in training."""
        return self.shape_a if network in ("g_ab", "d_a") else self.shape_b

    def dropout_shapes(self, network: str) -> tuple[ImageShape, ...]:
        """(height, width, channels) behind every layer of a generator that has dropout."""
        layers, (height, width, _) = self.layers(network), self.input_shape(network)
        sizes = zip(layers, output_sizes(layers, height), output_sizes(layers, width), strict=True)
        shapes = {layer.name: (h, w, layer.out_channels) for layer, h, w in sizes}
        return tuple(shapes[name] for name in dropped_layers(getattr(self, network)))

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Canonical name -> shape of every trainable tensor of the four networks."""
        return {
            f"{network}/{name}": shape
            for network in NETWORKS
            for name, shape in parameter_shapes(self.layers(network)).items()
        }

    def statistic_shapes(self) -> dict[str, tuple[int, ...]]:
        """Canonical name -> shape of every running statistic of the four networks."""
        return {
            f"{network}/{name}": shape
            for network in NETWORKS
            for name, shape in statistic_shapes(self.layers(network)).items()
        }

    def state_shapes(self, objective: Objective) -> dict[str, tuple[int, ...]]:
        """Canonical name -> shape of everything that a state holds.

        `average/<name>` is the moving average of a generator's weight or running statistic.
        """
        weights, statistics = self.parameter_shapes(), self.statistic_shapes()
        averaged = {
            f"average/{name}": shape
            for name, shape in {**weights, **statistics}.items()
            if objective.average and name.startswith("g_")
        }
        return {
            **weights,
            **{f"adam_m/{name}": shape for name, shape in weights.items()},
            **{f"adam_v/{name}": shape for name, shape in weights.items()},
            **statistics,
            **averaged,
            "step": (),
            "pool_a": (objective.pool_size, *self.shape_a),
            "pool_b": (objective.pool_size, *self.shape_b),
        }

    def zero_gradients(self) -> dict[str, str]:
        """Parameters that a norm takes out again, so that their gradient is zero.

        Each with the kernel in front of it: biases before a norm; and, where pixels are doubled
        instead of a transposed convolution, offsets of the residual blocks, which reach the norm
        behind as the same constant everywhere.
        """
        kernels = {}
        for network in NETWORKS:
            spec = getattr(self, network)
            for layer in self.layers(network):
                name = f"{network}/{layer.name}"
                if layer.bias and layer.norm:
                    kernels[f"{name}/bias"] = f"{name}/kernel"
                doubled = getattr(spec, "upsampling", "") == "resize_conv"
                if doubled and layer.name.endswith("/conv1") and layer.norm and layer.norm.affine:
                    kernels[f"{name}_norm/offset"] = f"{name}/kernel"
        return kernels


def levels(dtype: str) -> np.ndarray:
    """What the networks get for each level of an image: (256,), level / 127.5 - 1.

    Looked up, not computed on the device: compilers and GPUs multiply by 1 / 127.5 instead, which
    changes the last bit of 111 of the 256 levels in float32.
    """
    number = np.dtype(dtype).type
    return np.arange(256, dtype=dtype) / number(127.5) - number(1)
