"""The networks as data: canonical parameter names, shapes and FLOPs. No framework, no arrays.

The backends write the networks by hand; this table is what their parameters are checked against.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# What goes around an image before a convolution. "symmetric": the layer table's `padding` on every
# side, as PyTorch users write it. "same": TensorFlow's SAME, which may put one more pixel after.
Padding = Literal["symmetric", "same"]


@dataclass(frozen=True)
class NormSpec:
    """Normalisation behind a convolution; variance biased. Defaults: the authors' instance norm.

    `affine`: a learnt scale and offset per channel. For batch norm only: `momentum` is the weight
    of the newest batch in the running statistics, `unbiased` says which variance they average.
    """

    kind: Literal["instance", "batch"] = "instance"
    affine: bool = False
    epsilon: float = 1e-5
    momentum: float = 0.1
    unbiased: bool = True

    def parameter_shapes(self, channels: int) -> dict[str, tuple[int, ...]]:
        """Own name -> shape of what is learnt."""
        return {"scale": (channels,), "offset": (channels,)} if self.affine else {}

    def statistic_shapes(self, channels: int) -> dict[str, tuple[int, ...]]:
        """Own name -> shape of what is averaged over batches."""
        return {"mean": (channels,), "variance": (channels,)} if self.kind == "batch" else {}


@dataclass(frozen=True)
class GeneratorSpec:
    """ResNet generator of Johnson et al. 2016 as Zhu et al. 2017 use it.

    7x7 stem, two stride-2 convolutions, `blocks` residual blocks at 4 x `filters` channels, two
    transposed convolutions, 7x7 head with tanh. Reflection padding around stem, blocks and head.

    `transposed_crop`: which row and column of a transposed convolution's full output go, `first`
    as in PyTorch with padding 1, or `last` as TensorFlow's SAME. `bias`: in front of a norm.
    """

    in_channels: int = 3
    out_channels: int = 3
    filters: int = 64
    blocks: int = 9
    norm: NormSpec = NormSpec()
    bias: bool = True
    padding: Padding = "symmetric"
    transposed_crop: Literal["first", "last"] = "first"


@dataclass(frozen=True)
class DiscriminatorSpec:
    """PatchGAN of Isola et al. 2017: 4x4 convolutions, receptive field 70x70 with `layers` = 3."""

    in_channels: int = 3
    filters: int = 64
    layers: int = 3
    slope: float = 0.2
    norm: NormSpec = NormSpec()
    bias: bool = True
    padding: Padding = "symmetric"


@dataclass(frozen=True)
class Layer:
    """One convolution and the norm behind it. `padding` is on every side, in pixels.

    The norm of layer `x` is called `x_norm`.
    """

    name: str
    kind: Literal["conv", "transposed_conv"]
    kernel: int
    stride: int
    padding: int
    in_channels: int
    out_channels: int
    norm: NormSpec | None
    bias: bool = True
    same: bool = False  # TensorFlow's SAME in place of `padding`

    def output_size(self, size: int) -> int:
        """Height or width after this layer, in pixels."""
        if self.kind == "transposed_conv":
            return size * self.stride
        if self.same:
            return -(-size // self.stride)
        return (size + 2 * self.padding - self.kernel) // self.stride + 1


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Pixels before and after that TensorFlow's SAME adds to a side of `size` pixels."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def generator_layers(spec: GeneratorSpec) -> tuple[Layer, ...]:
    """Layer table in forward order."""
    f, norm, bias, same = spec.filters, spec.norm, spec.bias, spec.padding == "same"
    layers = [Layer("stem", "conv", 7, 1, 3, spec.in_channels, f, norm, bias)]
    layers += [
        Layer("down0", "conv", 3, 2, 1, f, 2 * f, norm, bias, same),
        Layer("down1", "conv", 3, 2, 1, 2 * f, 4 * f, norm, bias, same),
    ]
    for block in range(spec.blocks):
        layers += [
            Layer(f"block{block}/conv{i}", "conv", 3, 1, 1, 4 * f, 4 * f, norm, bias)
            for i in range(2)
        ]
    layers += [
        Layer("up0", "transposed_conv", 3, 2, 1, 4 * f, 2 * f, norm, bias),
        Layer("up1", "transposed_conv", 3, 2, 1, 2 * f, f, norm, bias),
        Layer("head", "conv", 7, 1, 3, f, spec.out_channels, None),
    ]
    return tuple(layers)


def discriminator_channels(spec: DiscriminatorSpec) -> tuple[int, ...]:
    """Output channels of `conv0`, `conv1`, ...: doubled each layer, at most 8 x `filters`."""
    return tuple(spec.filters * min(2**i, 8) for i in range(spec.layers + 1))


def discriminator_layers(spec: DiscriminatorSpec) -> tuple[Layer, ...]:
    """Layer table in forward order."""
    channels = (spec.in_channels, *discriminator_channels(spec))
    same = spec.padding == "same"
    layers = [
        Layer(
            f"conv{i}",
            "conv",
            kernel=4,
            stride=2 if i < spec.layers else 1,
            padding=1,
            in_channels=channels[i],
            out_channels=channels[i + 1],
            norm=spec.norm if i > 0 else None,
            bias=spec.bias or i == 0,
            same=same,
        )
        for i in range(spec.layers + 1)
    ]
    return (*layers, Layer("head", "conv", 4, 1, 1, channels[-1], 1, None, same=same))


def parameter_shapes(layers: tuple[Layer, ...]) -> dict[str, tuple[int, ...]]:
    """Canonical name -> shape. Kernels HWIO; transposed (height, width, out, in), as TensorFlow."""
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in layers:
        channels = (layer.in_channels, layer.out_channels)
        if layer.kind == "transposed_conv":
            channels = channels[::-1]
        shapes[f"{layer.name}/kernel"] = (layer.kernel, layer.kernel, *channels)
        if layer.bias:
            shapes[f"{layer.name}/bias"] = (layer.out_channels,)
        if layer.norm:
            learnt = layer.norm.parameter_shapes(layer.out_channels)
            shapes |= {f"{layer.name}_norm/{name}": shape for name, shape in learnt.items()}
    return shapes


def statistic_shapes(layers: tuple[Layer, ...]) -> dict[str, tuple[int, ...]]:
    """Canonical name -> shape of the running statistics of batch norms; empty without."""
    return {
        f"{layer.name}_norm/{name}": shape
        for layer in layers
        if layer.norm
        for name, shape in layer.norm.statistic_shapes(layer.out_channels).items()
    }


def forward_flops(layers: tuple[Layer, ...], height: int, width: int) -> int:
    """Floating-point operations of the convolutions for one image; a multiply-add counts as two."""
    total = 0
    for layer in layers:
        out_height, out_width = layer.output_size(height), layer.output_size(width)
        # A transposed convolution does its work once an input pixel, a convolution once an output.
        transposed = layer.kind == "transposed_conv"
        positions = height * width if transposed else out_height * out_width
        total += 2 * positions * layer.kernel**2 * layer.in_channels * layer.out_channels
        height, width = out_height, out_width
    return total


def train_step_flops(
    generators: tuple[int, int], discriminators: tuple[int, int], batch: int, identity: bool
) -> int:
    """Floating-point operations of one training step, convolutions only.

    `generators`, `discriminators`: `forward_flops` of the two networks of each kind. A backward
    pass costs two forward ones; through a frozen network, one. Generators run on the image, the
    other's translation and, with the identity loss, on their own domain; discriminators frozen on
    the fake, then on a real and a fake image.
    """
    generator_passes = 3 if identity else 2
    generator = 3 * generator_passes * sum(generators)
    discriminator = (2 * 1 + 3 * 2) * sum(discriminators)
    return batch * (generator + discriminator)
