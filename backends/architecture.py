"""The networks as data: canonical parameter names and shapes. No framework, no arrays.

The backends write the networks by hand; this table is what their parameters are checked against.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt

# Ranges. The upper bounds are far beyond what anybody trains, and small enough that looking at a
# configuration, or planning what it asks for, ends in reasonable time and memory.
PositiveFloat = Annotated[float, Gt(0)]
Weight = Annotated[float, Ge(0)]
Fraction = Annotated[float, Ge(0), Lt(1)]
Filters = Annotated[int, Ge(1), Le(65_536)]
Blocks = Annotated[int, Ge(0), Le(1_000)]
Halvings = Annotated[int, Ge(1), Le(16)]  # layers of stride 2

# What goes around an image before a convolution. "symmetric": the layer table's `padding` on every
# side, as PyTorch users write it. "same": TensorFlow's SAME, which may put one more pixel after.
Padding = Literal["symmetric", "same"]
# Which row and column of a 3x3 transposed convolution's full output go: the first, as in PyTorch
# with padding 1 and output padding 1, or the last, as TensorFlow's SAME. Of a 4x4 one both go.
Crop = Literal["first", "last"]
Upsampling = Literal["transposed", "resize_conv"]
UNetKernel = Literal[3, 4]
DiscriminatorKind = Literal["patch", "strided", "pixel"]


@dataclass(frozen=True)
class NormSpec:
    """Normalisation behind a convolution; variance biased. Defaults: the authors' instance norm.

    `affine`: a learnt scale and offset per channel. For batch norm only: `momentum` is the weight
    of the newest batch in the running statistics, `unbiased` says which variance they average.
    """

    kind: Literal["instance", "batch"] = "instance"
    affine: bool = False
    epsilon: PositiveFloat = 1e-5
    momentum: Fraction = 0.1
    unbiased: bool = True

    def parameter_shapes(self, channels: int) -> dict[str, tuple[int, ...]]:
        """Own name -> shape of what is learnt."""
        return {"scale": (channels,), "offset": (channels,)} if self.affine else {}

    def statistic_shapes(self, channels: int) -> dict[str, tuple[int, ...]]:
        """Own name -> shape of what is averaged over batches."""
        return {"mean": (channels,), "variance": (channels,)} if self.kind == "batch" else {}


@dataclass(frozen=True)
class ResNetSpec:
    """ResNet generator of Johnson et al. 2016 as Zhu et al. 2017 use it.

    7x7 stem, two stride-2 convolutions, `blocks` residual blocks at 4 x `filters` channels, two
    up-sampling layers, 7x7 head with tanh. Reflection padding around stem, blocks and head:
    `stem_padding` and `head_padding` other than 3 make the translation larger or smaller.

    `upsampling`: 3x3 transposed convolutions of stride 2, or pixels doubled (nearest), then a 3x3
    convolution under reflection padding (Odena et al. 2016). `bias`: of every layer but the head,
    which always has one; `stem_bias`: of the stem where the others have none.
    """

    in_channels: int = 3
    out_channels: int = 3
    filters: Filters = 64
    blocks: Blocks = 9
    norm: NormSpec | None = NormSpec()
    bias: bool = True
    stem_bias: bool = False
    padding: Padding = "symmetric"
    upsampling: Upsampling = "transposed"
    transposed_crop: Crop = "first"
    stem_padding: int = 3
    head_padding: int = 3

    @property
    def multiple(self) -> int:
        """Height and width behind the stem must be multiples of it."""
        return 4


@dataclass(frozen=True)
class UNetSpec:
    """U-Net generator: `depth` halvings, then as many doublings, each on top of a skip connection.

    Defaults as Isola et al. 2017 (pix2pix) have it: 4x4 kernels, LeakyReLU `slope` on the way down
    (0: ReLU) and ReLU on the way up, also of what skips bring; no norm behind the first convolution
    and the innermost (`norm_ends`). Channels double from `filters` to at most eight times that.

    The head is a 4x4 transposed convolution with bias, then tanh. `dropout`: share of activations
    set to zero while training behind the three innermost of the doublings but the head (fewer where
    there are fewer).
    """

    in_channels: int = 3
    out_channels: int = 3
    filters: Filters = 64
    depth: Halvings = 8
    kernel: UNetKernel = 4
    norm: NormSpec | None = NormSpec()
    norm_ends: bool = False
    bias: bool = True
    slope: Weight = 0.2
    dropout: Fraction = 0.0
    padding: Padding = "symmetric"
    transposed_crop: Crop = "first"

    @property
    def multiple(self) -> int:
        """Height and width must be multiples of it."""
        return 2**self.depth


GeneratorSpec = ResNetSpec | UNetSpec


@dataclass(frozen=True)
class DiscriminatorSpec:
    """Scores patches of an image. Channels double from `filters` to at most eight times that.

    `kind`: "patch", the PatchGAN of Isola et al. 2017, `layers` 4x4 convolutions of stride 2, one
    of stride 1, then the head (70x70 pixels seen with `layers` = 3); "strided", `layers` of stride
    2, then the head; "pixel", two 1x1 convolutions and a 1x1 head.

    No norm behind the first convolution unless `norm_first`; `tanh` or `sigmoid`: behind the head,
    where least squares wants neither: a sigmoid left there is a mistake that ports make.
    """

    in_channels: int = 3
    kind: DiscriminatorKind = "patch"
    filters: Filters = 64
    layers: Halvings = 3
    slope: Weight = 0.2
    norm: NormSpec | None = NormSpec()
    norm_first: bool = False
    bias: bool = True
    padding: Padding = "symmetric"
    tanh: bool = False
    sigmoid: bool = False

    @property
    def kernel(self) -> int:
        """Height and width of every kernel."""
        return 1 if self.kind == "pixel" else 4

    @property
    def strides(self) -> tuple[int, ...]:
        """Of `conv0`, `conv1`, ..."""
        if self.kind == "pixel":
            return (1, 1)
        return (2,) * self.layers + ((1,) if self.kind == "patch" else ())

    @property
    def channels(self) -> tuple[int, ...]:
        """What `conv0`, `conv1`, ... put out."""
        return tuple(self.filters * min(2**i, 8) for i in range(len(self.strides)))


@dataclass(frozen=True)
class Layer:
    """One convolution and the norm behind it. `padding` is on every side, in pixels.

    The norm of layer `x` is called `x_norm`. `resize_conv`: pixels doubled, then the convolution.
    """

    name: str
    kind: Literal["conv", "transposed_conv", "resize_conv"]
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
        if self.kind != "conv":
            return size * 2
        if self.same:
            return -(-size // self.stride)
        return (size + 2 * self.padding - self.kernel) // self.stride + 1


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Pixels before and after that TensorFlow's SAME adds to a side of `size` pixels."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def resnet_layers(spec: ResNetSpec) -> tuple[Layer, ...]:
    """Layer table in forward order."""
    f, norm, bias, same = spec.filters, spec.norm, spec.bias, spec.padding == "same"
    stem_bias = bias or spec.stem_bias
    layers = [
        Layer("stem", "conv", 7, 1, spec.stem_padding, spec.in_channels, f, norm, stem_bias),
        Layer("down0", "conv", 3, 2, 1, f, 2 * f, norm, bias, same),
        Layer("down1", "conv", 3, 2, 1, 2 * f, 4 * f, norm, bias, same),
    ]
    for block in range(spec.blocks):
        layers += [
            Layer(f"block{block}/conv{i}", "conv", 3, 1, 1, 4 * f, 4 * f, norm, bias)
            for i in range(2)
        ]
    for i, before in enumerate((4 * f, 2 * f)):
        name, after = f"up{i}", before // 2
        if spec.upsampling == "transposed":
            layers.append(Layer(name, "transposed_conv", 3, 2, 1, before, after, norm, bias))
        else:
            layers.append(Layer(name, "resize_conv", 3, 1, 1, before, after, norm, bias))
    head = Layer("head", "conv", 7, 1, spec.head_padding, f, spec.out_channels, None)
    return (*layers, head)


def unet_channels(spec: UNetSpec) -> tuple[int, ...]:
    """Output channels of `down0`, `down1`, ..., from the outside in."""
    return tuple(spec.filters * min(2**i, 8) for i in range(spec.depth))


def unet_norms(spec: UNetSpec) -> tuple[NormSpec | None, ...]:
    """Norms behind `down0`, `down1`, ..., from the outside in."""
    ends = (0, spec.depth - 1)
    return tuple(spec.norm if spec.norm_ends or i not in ends else None for i in range(spec.depth))


def dropped_layers(spec: GeneratorSpec) -> tuple[str, ...]:
    """Layers with dropout behind them, in forward order."""
    if isinstance(spec, ResNetSpec) or not spec.dropout:
        return ()
    return tuple(f"up{i}" for i in range(spec.depth - 1, max(spec.depth - 4, 0), -1))


def unet_layers(spec: UNetSpec) -> tuple[Layer, ...]:
    """Layer table in forward order: `down0` ... from the outside in, `upN` ... `up1`, `head`.

    `upN` undoes `downN`. Behind the innermost, each takes the one before it and, after its
    channels, those of the skip.
    """
    norm, bias, same, k = spec.norm, spec.bias, spec.padding == "same", spec.kernel
    channels, norms = unet_channels(spec), unet_norms(spec)
    before = (spec.in_channels, *channels)
    layers = [
        Layer(f"down{i}", "conv", k, 2, 1, before[i], channels[i], norms[i], bias, same)
        for i in range(spec.depth)
    ]
    for i in range(spec.depth - 1, 0, -1):
        given = channels[i] * (1 if i == spec.depth - 1 else 2)
        layers.append(
            Layer(f"up{i}", "transposed_conv", k, 2, 1, given, channels[i - 1], norm, bias)
        )
    given = channels[0] * (1 if spec.depth == 1 else 2)
    return (*layers, Layer("head", "transposed_conv", 4, 2, 1, given, spec.out_channels, None))


def discriminator_layers(spec: DiscriminatorSpec) -> tuple[Layer, ...]:
    """Layer table in forward order."""
    channels, k, same = (spec.in_channels, *spec.channels), spec.kernel, spec.padding == "same"
    padding = (k - 1) // 2
    layers = []
    for i, stride in enumerate(spec.strides):
        norm = spec.norm if i > 0 or spec.norm_first else None
        bias = spec.bias or norm is None
        size = (k, stride, padding, channels[i], channels[i + 1])
        layers.append(Layer(f"conv{i}", "conv", *size, norm, bias, same))
    return (*layers, Layer("head", "conv", k, 1, padding, channels[-1], 1, None, same=same))


def network_layers(spec: GeneratorSpec | DiscriminatorSpec) -> tuple[Layer, ...]:
    """Layer table of any network, in forward order."""
    if isinstance(spec, ResNetSpec):
        return resnet_layers(spec)
    if isinstance(spec, UNetSpec):
        return unet_layers(spec)
    return discriminator_layers(spec)


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
