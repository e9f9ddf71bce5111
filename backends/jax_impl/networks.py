"""ResNet and U-Net generators, PatchGAN discriminators, JAX.

Read beside torch_impl/networks.py. Tensors are NHWC; attribute names are the canonical layer names
of backends/architecture.py. Layers hold no numbers: a pass is given arrays by canonical name, takes
weights out of them, and puts new running statistics in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.nn import relu

from backends.architecture import (
    DiscriminatorSpec,
    GeneratorSpec,
    NormSpec,
    ResNetSpec,
    UNetSpec,
    dropped_layers,
    unet_channels,
    unet_norms,
)

Arrays = dict[str, Array]  # canonical name -> array
Shapes = dict[str, tuple[int, ...]]
Kept = Sequence[Array]  # which activations dropout leaves, (N, H, W, C), an array a layer
LAYOUT = ("NHWC", "HWIO", "NHWC")


class Layer:
    """A network or a part of one. `use_names` gives it its canonical name.

    `weights`, `statistics`: own name -> shape. `dtype`: what convolutions compute in.
    """

    name, dtype = "", "float32"

    def __init__(self) -> None:
        self.weights: Shapes = {}
        self.statistics: Shapes = {}

    def __call__(self, *args: Any, **rest: Any) -> Array:
        return self.call(*args, **rest)

    def own(self, arrays: Arrays, name: str) -> Array:
        return arrays[f"{self.name}/{name}"]


class Conv(Layer):
    """Zero padding `padding` on every side, or with `same` as much as TensorFlow would add."""

    def __init__(
        self, before: int, after: int, kernel: int, stride=1, padding=0, same=False, bias=True
    ):
        super().__init__()
        self.stride, self.padding, self.same = stride, padding, same
        self.weights = {"kernel": (kernel, kernel, before, after)}
        self.weights |= {"bias": (after,)} if bias else {}

    def call(self, arrays: Arrays, x: Array) -> Array:
        # XLA's SAME is TensorFlow's.
        padding = "SAME" if self.same else ((self.padding, self.padding),) * 2
        kernel = self.own(arrays, "kernel").astype(self.dtype)
        y = convolution(x.astype(self.dtype), kernel, self.stride, padding)
        return y + self.own(arrays, "bias").astype(y.dtype) if "bias" in self.weights else y


class ConvTranspose(Layer):
    """3x3 or 4x4, stride 2, doubling the size: the rest of the full output is dropped."""

    def __init__(self, before: int, after: int, kernel: int, crop: str, bias: bool):
        super().__init__()
        # Of the first and of the last rows and columns.
        self.dropped = (1, 1) if kernel == 4 else (1, 0) if crop == "first" else (0, 1)
        self.weights = {"kernel": (kernel, kernel, after, before)}
        self.weights |= {"bias": (after,)} if bias else {}

    def call(self, arrays: Arrays, x: Array) -> Array:
        kernel = self.own(arrays, "kernel").astype(self.dtype)
        y = transposed_convolution(x.astype(self.dtype), kernel, self.dropped)
        return y + self.own(arrays, "bias").astype(y.dtype) if "bias" in self.weights else y


class ResizeConv(Conv):
    """Every pixel twice in both directions, then 3x3 under reflection padding."""

    def __init__(self, before: int, after: int, bias: bool):
        super().__init__(before, after, 3, bias=bias)

    def call(self, arrays: Arrays, x: Array) -> Array:
        return super().call(arrays, reflect(jnp.repeat(jnp.repeat(x, 2, 1), 2, 2), 1))


def convolution(x: Array, kernel: Array, stride: int, padding: Any) -> Array:
    return lax.conv_general_dilated(x, kernel, (stride, stride), padding, dimension_numbers=LAYOUT)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def transposed_convolution(x: Array, kernel: Array, dropped: tuple[int, int]) -> Array:
    """The transpose of a convolution of stride 2 that adds as many zeros as are dropped here.

    `jax.lax.conv_transpose` is another one, unless it is asked: it takes kernels the other way
    round (JAX 0.9).
    """
    count, height, width, _ = x.shape
    shape = jax.ShapeDtypeStruct((count, 2 * height, 2 * width, kernel.shape[2]), x.dtype)
    strided = partial(convolution, kernel=kernel, stride=2, padding=(dropped, dropped))
    [y] = jax.linear_transpose(strided, shape)(x)
    return y


def _transposed_forward(x: Array, kernel: Array, dropped: tuple[int, int]):
    return transposed_convolution(x, kernel, dropped), (x, kernel)


def _transposed_backward(dropped: tuple[int, int], kept: tuple[Array, Array], gradient: Array):
    """The kernel's is that of the strided convolution, which is given `x` as its gradient.

    The sums are the same. For what JAX would make of it XLA has no fast kernel on a CPU: there it
    takes 30 to 50 times as long (JAX 0.9; openxla/xla#34273).
    """
    x, kernel = kept
    strided = partial(convolution, gradient, stride=2, padding=(dropped, dropped))
    of_x, transpose = jax.vjp(strided, kernel)
    return of_x, *transpose(x)


transposed_convolution.defvjp(_transposed_forward, _transposed_backward)


class Norm(Layer):
    """Each channel to mean 0, biased variance 1: over each image, or over the batch; or nothing.

    The mean is taken out before anything is multiplied: of a single pixel nothing is left.
    """

    def __init__(self, channels: int, spec: NormSpec | None):
        super().__init__()
        self.spec = spec
        if spec is not None and spec.affine:
            self.weights = {"scale": (channels,), "offset": (channels,)}
        if spec is not None and spec.kind == "batch":
            self.statistics = {"mean": (channels,), "variance": (channels,)}

    def call(self, arrays: Arrays, x: Array, training: bool = True) -> Array:
        if self.spec is None:
            return x
        given, x = x.dtype, full(x)
        axes = (1, 2) if self.spec.kind == "instance" else (0, 1, 2)
        if self.spec.kind == "instance" or training:
            mean = jnp.mean(x, axes, keepdims=True)
            variance = jnp.mean((x - mean) ** 2, axes, keepdims=True)
        else:
            mean, variance = self.own(arrays, "mean"), self.own(arrays, "variance")
        if self.spec.kind == "batch" and training:
            self.average(arrays, x, mean.reshape(-1), variance.reshape(-1))
        y = (x - mean) / jnp.sqrt(variance + self.spec.epsilon)
        if self.spec.affine:
            y = y * self.own(arrays, "scale") + self.own(arrays, "offset")
        return y.astype(given)

    def average(self, arrays: Arrays, x: Array, mean: Array, variance: Array) -> None:
        """Take this batch into the running statistics."""
        count = x.size // x.shape[-1]
        if self.spec.unbiased:
            variance = variance * (count / (count - 1))
        for name, new in (("mean", mean), ("variance", variance)):
            running = self.own(arrays, name)
            new = running + (lax.stop_gradient(new) - running) * self.spec.momentum
            arrays[f"{self.name}/{name}"] = new


def inside(layer: Layer, prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """Layers by their names, in the order in which they were made."""
    for name, each in vars(layer).items():
        if isinstance(each, Layer):
            yield prefix + name, each
            yield from inside(each, f"{prefix}{name}/")


def parameters(network: Layer) -> Shapes:
    """Canonical name -> shape."""
    return {
        f"{layer.name}/{name}": shape
        for _, layer in inside(network)
        for name, shape in layer.weights.items()
    }


def statistics(network: Layer) -> Shapes:
    """Canonical name -> shape of a running statistic of a batch norm."""
    return {
        f"{layer.name}/{name}": shape
        for _, layer in inside(network)
        for name, shape in layer.statistics.items()
    }


def apart(network: Layer) -> bool:
    """Whether images of a batch never meet: what becomes of one does not depend on the others."""
    norms = (layer.spec for _, layer in inside(network) if isinstance(layer, Norm))
    return all(spec is None or spec.kind != "batch" for spec in norms)


def use_names(network: Layer, name: str, dtype: str) -> None:
    """`name`: of the network, which those of its layers begin with."""
    network.name = name
    for own, layer in inside(network):
        layer.name, layer.dtype = f"{name}/{own}", dtype


class Bound(NamedTuple):
    """A network with the arrays that its passes are given."""

    network: Layer
    arrays: Arrays

    @property
    def apart(self) -> bool:
        return self.network.apart

    def __call__(self, *args: Any, **rest: Any) -> Array:
        return self.network(self.arrays, *args, **rest)


def full(x: Array) -> Array:
    """In float32, if it was bfloat16."""
    return x.astype("float32") if x.dtype == "bfloat16" else x


def reflect(x: Array, padding: int) -> Array:
    """Reflection without repeating the edge."""
    return jnp.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)), mode="reflect")


def leaky_relu(x: Array, slope: float) -> Array:
    """At zero with the slope of the negative side, as PyTorch and TensorFlow have it."""
    return jnp.where(x > 0, x, slope * x)


class ResidualBlock(Layer):
    def __init__(self, channels: int, spec: ResNetSpec):
        super().__init__()
        self.conv0 = Conv(channels, channels, 3, bias=spec.bias)
        self.conv0_norm = Norm(channels, spec.norm)
        self.conv1 = Conv(channels, channels, 3, bias=spec.bias)
        self.conv1_norm = Norm(channels, spec.norm)

    def call(self, arrays: Arrays, x: Array, training: bool = True) -> Array:
        y = relu(self.conv0_norm(arrays, self.conv0(arrays, reflect(x, 1)), training=training))
        return x + self.conv1_norm(arrays, self.conv1(arrays, reflect(y, 1)), training=training)


def upsampling(before: int, after: int, spec: ResNetSpec) -> ConvTranspose | ResizeConv:
    if spec.upsampling == "resize_conv":
        return ResizeConv(before, after, spec.bias)
    return ConvTranspose(before, after, 3, spec.transposed_crop, spec.bias)


class ResNet(Layer):
    def __init__(self, spec: ResNetSpec):
        super().__init__()
        f, bias, same = spec.filters, spec.bias, spec.padding == "same"
        self.stem_padding, self.head_padding = spec.stem_padding, spec.head_padding
        self.stem = Conv(spec.in_channels, f, 7, bias=bias or spec.stem_bias)
        self.stem_norm = Norm(f, spec.norm)
        self.down0 = Conv(f, 2 * f, 3, stride=2, padding=1, same=same, bias=bias)
        self.down0_norm = Norm(2 * f, spec.norm)
        self.down1 = Conv(2 * f, 4 * f, 3, stride=2, padding=1, same=same, bias=bias)
        self.down1_norm = Norm(4 * f, spec.norm)
        self.blocks = [f"block{i}" for i in range(spec.blocks)]
        for name in self.blocks:
            setattr(self, name, ResidualBlock(4 * f, spec))
        self.up0 = upsampling(4 * f, 2 * f, spec)
        self.up0_norm = Norm(2 * f, spec.norm)
        self.up1 = upsampling(2 * f, f, spec)
        self.up1_norm = Norm(f, spec.norm)
        self.head = Conv(f, spec.out_channels, 7)
        self.apart = apart(self)

    def call(self, arrays: Arrays, x: Array, kept: Kept = (), training: bool = True) -> Array:
        """(N, H, W, in_channels) in [-1, 1] to (N, H', W', out_channels). Has no dropout."""
        x = reflect(x, self.stem_padding)
        x = relu(self.stem_norm(arrays, self.stem(arrays, x), training=training))
        x = relu(self.down0_norm(arrays, self.down0(arrays, x), training=training))
        x = relu(self.down1_norm(arrays, self.down1(arrays, x), training=training))
        for name in self.blocks:
            x = getattr(self, name)(arrays, x, training=training)
        x = relu(self.up0_norm(arrays, self.up0(arrays, x), training=training))
        x = relu(self.up1_norm(arrays, self.up1(arrays, x), training=training))
        return jnp.tanh(full(self.head(arrays, reflect(x, self.head_padding))))


class UNet(Layer):
    def __init__(self, spec: UNetSpec):
        super().__init__()
        # In float32 as TensorFlow's op holds it, so that float64 runs agree to float64.
        self.slope = float(np.float32(spec.slope))
        self.rate, self.dropped = spec.dropout, dropped_layers(spec)
        bias, kernel, same = spec.bias, spec.kernel, spec.padding == "same"
        channels, norms = unet_channels(spec), unet_norms(spec)
        before, depth = (spec.in_channels, *channels), spec.depth
        self.downs = [f"down{i}" for i in range(depth)]
        self.ups = [f"up{i}" for i in range(depth - 1, 0, -1)]
        for i, name in enumerate(self.downs):
            layer = Conv(before[i], channels[i], kernel, 2, padding=1, same=same, bias=bias)
            setattr(self, name, layer)
            setattr(self, f"{name}_norm", Norm(channels[i], norms[i]))
        given, crop = channels[-1], spec.transposed_crop
        for i, name in zip(range(depth - 2, -1, -1), self.ups, strict=True):
            setattr(self, name, ConvTranspose(given, channels[i], kernel, crop, bias))
            setattr(self, f"{name}_norm", Norm(channels[i], spec.norm))
            given = 2 * channels[i]
        self.head = ConvTranspose(given, spec.out_channels, 4, crop, bias=True)
        self.apart = apart(self)

    def call(self, arrays: Arrays, x: Array, kept: Kept = (), training: bool = True) -> Array:
        """(N, H, W, in_channels) in [-1, 1] to (N, H, W, out_channels).

        `kept`: of every layer with dropout, which of its activations stay; without, all do.
        """
        skips, masks = [], dict(zip(self.dropped, kept, strict=False))
        for name in self.downs:
            y = getattr(self, name)(arrays, x)
            skips.append(getattr(self, f"{name}_norm")(arrays, y, training=training))
            x = leaky_relu(skips[-1], self.slope)
        x = relu(skips.pop())
        for name, skip in zip(self.ups, reversed(skips), strict=True):
            y = getattr(self, name)(arrays, x)
            x = getattr(self, f"{name}_norm")(arrays, y, training=training)
            if name in masks:
                x = x * masks[name].astype(x.dtype) / (1 - self.rate)
            x = relu(jnp.concatenate((x, skip), 3))
        return jnp.tanh(full(self.head(arrays, x)))


def generator(spec: GeneratorSpec) -> ResNet | UNet:
    return UNet(spec) if isinstance(spec, UNetSpec) else ResNet(spec)


class Discriminator(Layer):
    def __init__(self, spec: DiscriminatorSpec):
        super().__init__()
        # In float32 as TensorFlow's op holds it, so that float64 runs agree to float64.
        self.slope = float(np.float32(spec.slope))
        self.tanh, self.sigmoid = spec.tanh, spec.sigmoid
        channels, kernel = (spec.in_channels, *spec.channels), spec.kernel
        padding, same = (kernel - 1) // 2, spec.padding == "same"
        self.convs = [f"conv{i}" for i in range(len(spec.strides))]
        for i, name in enumerate(self.convs):
            norm, stride = spec.norm if i > 0 or spec.norm_first else None, spec.strides[i]
            bias, size = spec.bias or norm is None, (channels[i], channels[i + 1], kernel)
            setattr(self, name, Conv(*size, stride, padding=padding, same=same, bias=bias))
            setattr(self, f"{name}_norm", Norm(channels[i + 1], norm))
        self.head = Conv(channels[-1], 1, kernel, padding=padding, same=same)
        self.apart = apart(self)

    def call(self, arrays: Arrays, x: Array, training: bool = True) -> Array:
        """(N, H, W, in_channels) in [-1, 1] to (N, h, w, 1): one score per patch."""
        for name in self.convs:
            y = getattr(self, name)(arrays, x)
            x = getattr(self, f"{name}_norm")(arrays, y, training=training)
            x = leaky_relu(x, self.slope)
        x = full(self.head(arrays, x))
        x = jax.nn.sigmoid(x) if self.sigmoid else x
        return jnp.tanh(x) if self.tanh else x


def activations(
    network: Layer, arrays: Arrays, x: Array, training: bool, kinds: tuple = (Conv, ConvTranspose)
) -> Arrays:
    """What goes in, what every layer puts out by canonical name, in order, and what comes out.

    `kinds`: layers, besides norms.
    """
    outputs = {"input": x}
    recorded = [
        (name, layer)
        for name, layer in inside(network)
        if isinstance(layer, kinds) or getattr(layer, "spec", None)
    ]

    def recorder(name: str, call):
        def record(*args, **kwargs):
            outputs[name] = call(*args, **kwargs)
            return outputs[name]

        return record

    # For this one pass a layer's own `call` hides its class's.
    for name, layer in recorded:
        layer.call = recorder(name, layer.call)
    try:
        output = network(arrays, x, training=training)
    finally:
        for _, layer in recorded:
            del layer.call
    return {**outputs, "output": output}
