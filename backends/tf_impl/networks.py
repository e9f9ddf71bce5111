"""ResNet and U-Net generators, PatchGAN discriminators, TensorFlow.

Read beside torch_impl/networks.py. Tensors are NHWC; attribute names are the canonical layer names
of backends/architecture.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import tensorflow as tf
from keras import Model, layers
from tensorflow import Tensor, Variable

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

Kept = Sequence[Tensor]  # which activations dropout leaves, (N, H, W, C), a tensor a layer


@dataclass(frozen=True)
class Kernels:
    """Which of several ways to the same numbers layers take: it depends on the device.

    `whole_batch`: one kernel for an instance norm of all images, else one for every image; and for
    a batch norm with its statistics one, else several operations.
    """

    whole_batch: bool = False


class Conv(layers.Conv2D):
    """Zero padding `padding` on every side, or with `same` what TensorFlow adds by itself."""

    def __init__(self, after: int, kernel: int, stride=1, padding=0, same=False, bias=True, **rest):
        keras_padding = "same" if same else "valid"
        super().__init__(after, kernel, stride, padding=keras_padding, use_bias=bias, **rest)
        self.zeros = 0 if same else padding

    def build(self, shape: tuple[int | None, ...]) -> None:
        # Without the size: Keras would refuse one that is too small until it is padded.
        super().build((None, None, None, shape[-1]))

    def call(self, x: Tensor) -> Tensor:
        p = self.zeros
        return super().call(tf.pad(x, [[0, 0], [p, p], [p, p], [0, 0]]) if p else x)


class ConvTranspose(layers.Conv2DTranspose):
    """3x3 or 4x4, stride 2, doubling the size: the rest of the full output is dropped."""

    def __init__(self, after: int, kernel: int, crop: str, bias: bool, **rest):
        super().__init__(after, kernel, 2, padding="same", use_bias=bias, **rest)
        # Of the rest of a 3x3 one TensorFlow drops the last ones; turned around that is the first.
        self.turned = kernel == 3 and crop == "first"

    def call(self, x: Tensor) -> Tensor:
        kernel = self.kernel.value
        if self.turned:
            x, kernel = tf.reverse(x, [1, 2]), tf.reverse(kernel, [0, 1])
        shape = tf.shape(x)
        size = tf.stack([shape[0], 2 * shape[1], 2 * shape[2], self.filters])
        y = tf.nn.conv2d_transpose(x, kernel, size, 2, "SAME")
        y = tf.reverse(y, [1, 2]) if self.turned else y
        return y if self.bias is None else y + self.bias.value


class ResizeConv(Conv):
    """Every pixel twice in both directions, then 3x3 under reflection padding."""

    def __init__(self, after: int, bias: bool, **rest):
        super().__init__(after, 3, bias=bias, **rest)

    def call(self, x: Tensor) -> Tensor:
        return super().call(reflect(tf.repeat(tf.repeat(x, 2, 1), 2, 2), 1))


class Norm(layers.Layer):
    """Each channel to mean 0, biased variance 1: over each image, or over the batch; or nothing.

    `centred`: an image's mean is taken out first. Of a single pixel nothing is left then; kernels
    compute x * a + b, and what that leaves is rounding, made 300 times larger. `twice`: can be
    differentiated twice, which takes a little longer.
    """

    def __init__(self, spec: NormSpec | None, centred: bool = False, twice: bool = False, **rest):
        super().__init__(**rest)
        self.spec, self.centred, self.kernels = spec, centred, Kernels()
        self.moments, self.fused = moments if twice else tf.nn.moments, not twice
        self.zeros: Variable | None = None

    def build(self, shape: tuple[int | None, ...]) -> None:
        channels, affine = (shape[-1],), self.spec is not None and self.spec.affine
        self.channels = shape[-1]
        add = partial(self.add_weight, channels, autocast=False)
        self.scale = add("ones", name="scale") if affine else None
        self.offset = add("zeros", name="offset") if affine else None
        if self.spec is not None and self.spec.kind == "batch":
            self.mean = add("zeros", trainable=False, name="mean")
            self.variance = add("ones", trainable=False, name="variance")

    def call(self, x: Tensor, training: bool = True) -> Tensor:
        if self.spec is None:
            return x
        scale, offset = (self.scale.value, self.offset.value) if self.spec.affine else (None, None)
        given, axes = x.dtype, [1, 2] if self.spec.kind == "instance" else [0, 1, 2]
        if self.spec.kind == "instance" and self.centred:
            x = full(x)
            x = x - tf.reduce_mean(x, axes, keepdims=True)
        fused = self.fused and x.dtype != "float64"
        if self.spec.kind == "instance" and fused:
            if self.kernels.whole_batch:
                y = whole_batch(x, scale, offset, self.spec.epsilon, self.zeros)
                return tf.cast(y, given)
            return tf.cast(image_by_image(x, scale, offset, self.spec.epsilon), given)
        if self.spec.kind == "batch" and training and fused and self.kernels.whole_batch:
            y, mean, variance = as_batch(x, scale, offset, self.spec.epsilon)
            self.average(x, mean, variance, is_unbiased=True)
            return y
        x = full(x)
        if self.spec.kind == "instance" or training:
            mean, variance = self.moments(x, axes, keepdims=True)
        else:
            mean, variance = self.mean.value, self.variance.value
        if self.spec.kind == "batch" and training:
            self.average(x, tf.reshape(mean, [-1]), tf.reshape(variance, [-1]))
        y = tf.nn.batch_normalization(x, mean, variance, offset, scale, self.spec.epsilon)
        return tf.cast(y, given)

    def average(self, x: Tensor, mean: Tensor, variance: Tensor, is_unbiased=False) -> None:
        """Take this batch into the running statistics."""
        if self.spec.unbiased != is_unbiased:
            count = tf.cast(tf.reduce_prod(tf.shape(x)[:3]), variance.dtype)
            factor = count / (count - 1)
            variance = variance * factor if self.spec.unbiased else variance / factor
        for running, new in ((self.mean.value, mean), (self.variance.value, variance)):
            running.assign_add((new - running) * self.spec.momentum)


def moments(x: Tensor, axes: list[int], keepdims: bool = True) -> tuple[Tensor, Tensor]:
    """As `tf.nn.moments`, which holds the mean still while it differentiates the variance.

    That changes no first derivative, but makes second ones wrong (TensorFlow 2.21).
    """
    mean = tf.reduce_mean(x, axes, keepdims=keepdims)
    return mean, tf.reduce_mean((x - mean) ** 2, axes, keepdims=keepdims)


def image_by_image(x: Tensor, scale, offset, epsilon: float) -> Tensor:
    """Instance norm by the kernel for batches: on a CPU three times as fast (TensorFlow 2.21)."""
    images = [as_batch(image, scale, offset, epsilon)[0] for image in tf.split(x, x.shape[0])]
    return tf.concat(images, 0) if len(images) > 1 else images[0]


def whole_batch(x: Tensor, scale, offset, epsilon: float, zeros=None) -> Tensor:
    """The same with one kernel: channels of all images side by side, as channels of one image.

    `zeros`: what to add where there is no offset.
    """
    count, height, width, channels = x.shape
    if count == 1:
        return as_batch(x, scale, offset, epsilon)[0]
    scale, side_by_side = None if scale is None else tf.tile(scale, [count]), count * channels
    # On a GPU TensorFlow computes bfloat16 with channels last, and would turn the other back.
    if x.dtype == "bfloat16":
        offset = None if offset is None else tf.tile(offset, [count])
        y = tf.reshape(tf.transpose(x, [1, 2, 0, 3]), [1, height, width, side_by_side])
        y = tf.reshape(as_batch(y, scale, offset, epsilon)[0], [height, width, count, channels])
        return tf.transpose(y, [2, 0, 1, 3])
    # And float32 with channels first: it leaves out a transpose next to one of its own.
    y = tf.reshape(tf.transpose(x, [0, 3, 1, 2]), [1, side_by_side, height, width])
    y, *_ = as_batch(y, scale, None, epsilon, "NCHW")
    y = tf.transpose(tf.reshape(y, [count, channels, height, width]), [0, 2, 3, 1])
    # The offset by an operation for which TensorFlow turns the layout itself: behind any other all
    # would be turned to channels last and back, up to the next convolution.
    added = zeros if offset is None else offset
    return y if added is None else tf.nn.bias_add(y, added)


def as_batch(
    x: Tensor, scale, offset, epsilon: float, data_format: str = "NHWC"
) -> tuple[Tensor, Tensor, Tensor]:
    """Each channel to mean 0, biased variance 1 over all images; None is a scale of 1, offset 0.

    Returns that, and of every channel the mean and the unbiased variance, in float32.
    """
    channels, none = (x.shape[data_format.index("C")],), tf.zeros((0,))
    options = {"mean": none, "variance": none, "epsilon": epsilon, "data_format": data_format}
    normed = tf.raw_ops.FusedBatchNormV3(
        x=x,
        scale=tf.ones(channels) if scale is None else scale,
        offset=tf.zeros(channels) if offset is None else offset,
        is_training=True,
        **options,
    )
    return normed.y, normed.batch_mean, normed.batch_variance


def apart(network: Model) -> bool:
    """Whether images of a batch never meet: what becomes of one does not depend on the others."""
    inside = network._flatten_layers(include_self=False)
    norms = (layer.spec for layer in inside if isinstance(layer, Norm))
    return all(spec is None or spec.kind != "batch" for spec in norms)


def use_kernels(network: Model, kernels: Kernels) -> None:
    """Of a network that has been called."""
    for layer in network._flatten_layers(include_self=False):
        if isinstance(layer, Norm):
            layer.kernels = kernels
            if kernels.whole_batch and layer.scale is None:
                # A variable: an offset that is constantly zero TensorFlow would leave out.
                layer.zeros = Variable(tf.zeros(layer.channels), trainable=False)


def full(x: Tensor) -> Tensor:
    """In float32, if it was bfloat16."""
    return tf.cast(x, "float32") if x.dtype == "bfloat16" else x


def reflect(x: Tensor, padding: int) -> Tensor:
    """Reflection without repeating the edge."""
    return tf.pad(x, [[0, 0], [padding, padding], [padding, padding], [0, 0]], mode="REFLECT")


def leaky_relu(x: Tensor, slope: float) -> Tensor:
    """As `tf.nn.leaky_relu`, to the bit; the gradient is computed from the output.

    The output has the sign of the input. TensorFlow's own gradient needs the input: the sum of a
    convolution and its bias, which its optimiser (`remapper`, TensorFlow 2.21) merges with what
    comes after it. The gradient then asks for a tensor that is gone, and the pass is given up.
    """

    @tf.custom_gradient
    def rectified(x: Tensor):
        y = tf.nn.leaky_relu(x, slope)
        return y, lambda gradient: tf.raw_ops.LeakyReluGrad(
            gradients=gradient, features=y, alpha=slope
        )

    return rectified(x)


def nothing_to_build(layers_inside: Model | layers.Layer, shape: tuple[int | None, ...]) -> None:
    """What Keras calls before the first pass, in which layers make their own variables.

    Without it Keras traces a whole network to find that out.
    """


class ResidualBlock(layers.Layer):
    build = nothing_to_build

    def __init__(self, channels: int, spec: ResNetSpec, **rest):
        super().__init__(**rest)
        dtype = self.dtype_policy
        self.conv0 = Conv(channels, 3, bias=spec.bias, name="conv0", dtype=dtype)
        self.conv0_norm = Norm(spec.norm, name="conv0_norm", dtype=dtype)
        self.conv1 = Conv(channels, 3, bias=spec.bias, name="conv1", dtype=dtype)
        self.conv1_norm = Norm(spec.norm, name="conv1_norm", dtype=dtype)

    def call(self, x: Tensor, training: bool = True) -> Tensor:
        y = tf.nn.relu(self.conv0_norm(self.conv0(reflect(x, 1)), training=training))
        return x + self.conv1_norm(self.conv1(reflect(y, 1)), training=training)


def upsampling(after: int, spec: ResNetSpec, **rest) -> ConvTranspose | ResizeConv:
    if spec.upsampling == "resize_conv":
        return ResizeConv(after, spec.bias, **rest)
    return ConvTranspose(after, 3, spec.transposed_crop, spec.bias, **rest)


class ResNet(Model):
    build = nothing_to_build

    def __init__(self, spec: ResNetSpec, **rest):
        super().__init__(**rest)
        f, bias, same, dtype = spec.filters, spec.bias, spec.padding == "same", self.dtype_policy
        self.stem_padding, self.head_padding = spec.stem_padding, spec.head_padding
        self.stem = Conv(f, 7, bias=bias or spec.stem_bias, name="stem", dtype=dtype)
        self.stem_norm = Norm(spec.norm, name="stem_norm", dtype=dtype)
        self.down0 = Conv(2 * f, 3, 2, 1, same=same, bias=bias, name="down0", dtype=dtype)
        self.down0_norm = Norm(spec.norm, name="down0_norm", dtype=dtype)
        self.down1 = Conv(4 * f, 3, 2, 1, same=same, bias=bias, name="down1", dtype=dtype)
        self.down1_norm = Norm(spec.norm, name="down1_norm", dtype=dtype)
        self.blocks = [f"block{i}" for i in range(spec.blocks)]
        for name in self.blocks:
            setattr(self, name, ResidualBlock(4 * f, spec, name=name, dtype=dtype))
        self.up0 = upsampling(2 * f, spec, name="up0", dtype=dtype)
        self.up0_norm = Norm(spec.norm, name="up0_norm", dtype=dtype)
        self.up1 = upsampling(f, spec, name="up1", dtype=dtype)
        self.up1_norm = Norm(spec.norm, name="up1_norm", dtype=dtype)
        self.head = Conv(spec.out_channels, 7, name="head", dtype=dtype)
        self.apart = apart(self)

    def call(self, x: Tensor, kept: Kept = (), training: bool = True) -> Tensor:
        """(N, H, W, in_channels) in [-1, 1] to (N, H', W', out_channels). Has no dropout."""
        x = reflect(x, self.stem_padding)
        x = tf.nn.relu(self.stem_norm(self.stem(x), training=training))
        x = tf.nn.relu(self.down0_norm(self.down0(x), training=training))
        x = tf.nn.relu(self.down1_norm(self.down1(x), training=training))
        for name in self.blocks:
            x = getattr(self, name)(x, training=training)
        x = tf.nn.relu(self.up0_norm(self.up0(x), training=training))
        x = tf.nn.relu(self.up1_norm(self.up1(x), training=training))
        return tf.tanh(full(self.head(reflect(x, self.head_padding))))


class UNet(Model):
    build = nothing_to_build

    def __init__(self, spec: UNetSpec, **rest):
        super().__init__(**rest)
        self.slope, dtype = spec.slope, self.dtype_policy
        self.rate, self.dropped = spec.dropout, dropped_layers(spec)
        bias, kernel, same = spec.bias, spec.kernel, spec.padding == "same"
        channels, norms, depth = unet_channels(spec), unet_norms(spec), spec.depth
        self.downs = [f"down{i}" for i in range(depth)]
        self.ups = [f"up{i}" for i in range(depth - 1, 0, -1)]
        for i, name in enumerate(self.downs):
            layer = Conv(channels[i], kernel, 2, 1, same=same, bias=bias, name=name, dtype=dtype)
            setattr(self, name, layer)
            norm = Norm(norms[i], centred=i == depth - 1, name=f"{name}_norm", dtype=dtype)
            setattr(self, f"{name}_norm", norm)
        crop = spec.transposed_crop
        for i, name in zip(range(depth - 2, -1, -1), self.ups, strict=True):
            layer = ConvTranspose(channels[i], kernel, crop, bias, name=name, dtype=dtype)
            setattr(self, name, layer)
            setattr(self, f"{name}_norm", Norm(spec.norm, name=f"{name}_norm", dtype=dtype))
        self.head = ConvTranspose(spec.out_channels, 4, crop, True, name="head", dtype=dtype)
        self.apart = apart(self)

    def call(self, x: Tensor, kept: Kept = (), training: bool = True) -> Tensor:
        """(N, H, W, in_channels) in [-1, 1] to (N, H, W, out_channels).

        `kept`: of every layer with dropout, which of its activations stay; without, all do.
        """
        skips, masks = [], dict(zip(self.dropped, kept, strict=False))
        for name in self.downs:
            y = getattr(self, name)(x)
            skips.append(getattr(self, f"{name}_norm")(y, training=training))
            x = leaky_relu(skips[-1], self.slope)
        x = tf.nn.relu(skips.pop())
        for name, skip in zip(self.ups, reversed(skips), strict=True):
            x = getattr(self, f"{name}_norm")(getattr(self, name)(x), training=training)
            if name in masks:
                x = x * tf.cast(masks[name], x.dtype) / (1 - self.rate)
            x = tf.nn.relu(tf.concat((x, skip), 3))
        return tf.tanh(full(self.head(x)))


def generator(spec: GeneratorSpec, **rest) -> ResNet | UNet:
    return UNet(spec, **rest) if isinstance(spec, UNetSpec) else ResNet(spec, **rest)


class Discriminator(Model):
    """`twice`: its gradients can be differentiated, as a gradient penalty needs."""

    build = nothing_to_build

    def __init__(self, spec: DiscriminatorSpec, twice: bool = False, **rest):
        super().__init__(**rest)
        self.slope, self.tanh, self.sigmoid = spec.slope, spec.tanh, spec.sigmoid
        dtype = self.dtype_policy
        channels, kernel = spec.channels, spec.kernel
        padding, same = (kernel - 1) // 2, spec.padding == "same"
        self.convs = [f"conv{i}" for i in range(len(spec.strides))]
        for i, name in enumerate(self.convs):
            norm, stride = spec.norm if i > 0 or spec.norm_first else None, spec.strides[i]
            bias, size = spec.bias or norm is None, (channels[i], kernel, stride, padding)
            setattr(self, name, Conv(*size, same=same, bias=bias, name=name, dtype=dtype))
            layer = Norm(norm, twice=twice, name=f"{name}_norm", dtype=dtype)
            setattr(self, f"{name}_norm", layer)
        self.head = Conv(1, kernel, padding=padding, same=same, name="head", dtype=dtype)
        self.apart = apart(self)

    def call(self, x: Tensor, training: bool = True) -> Tensor:
        """(N, H, W, in_channels) in [-1, 1] to (N, h, w, 1): one score per patch."""
        for name in self.convs:
            x = getattr(self, f"{name}_norm")(getattr(self, name)(x), training=training)
            x = leaky_relu(x, self.slope)
        x = full(self.head(x))
        x = tf.sigmoid(x) if self.sigmoid else x
        return tf.tanh(x) if self.tanh else x


def activations(
    network: Model, x: Tensor, training: bool, kinds: tuple = (Conv, ConvTranspose)
) -> dict[str, Tensor]:
    """What goes in, what every layer puts out by canonical name in forward order, what comes out.

    Not inside a tf.function. `kinds`: layers, besides norms.
    """
    outputs = {"input": x}
    recorded = [
        layer
        for layer in network._flatten_layers(include_self=False)
        if isinstance(layer, kinds) or getattr(layer, "spec", None)
    ]

    def recorder(name: str, call):
        def record(*args, **kwargs):
            outputs[name] = call(*args, **kwargs)
            return outputs[name]

        return record

    # Keras has no hooks: for this one pass a layer's own `call` hides its class's.
    for layer in recorded:
        layer.call = recorder(layer.path.removeprefix(f"{network.name}/"), layer.call)
    try:
        output = network(x, training=training)
    finally:
        for layer in recorded:
            del layer.call
    return {**outputs, "output": output}
