"""ResNet generator and PatchGAN discriminator, TensorFlow. Read beside torch_impl/networks.py.

Tensors are NHWC; attribute names are the canonical layer names of backends/architecture.py.
"""

from __future__ import annotations

import tensorflow as tf
from keras import Model, layers
from tensorflow import Tensor

from backends.architecture import (
    DiscriminatorSpec,
    GeneratorSpec,
    NormSpec,
    discriminator_channels,
)


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
    """3x3, stride 2, doubling the size: of the full output one row and column are dropped."""

    def __init__(self, after: int, crop: str, bias: bool, **rest):
        super().__init__(after, 3, 2, padding="valid", use_bias=bias, **rest)
        self.crop = crop

    def call(self, x: Tensor) -> Tensor:
        y = super().call(x)
        return y[:, 1:, 1:, :] if self.crop == "first" else y[:, :-1, :-1, :]


class Norm(layers.Layer):
    """Each channel to mean 0, biased variance 1: over each image, or over the batch."""

    def __init__(self, spec: NormSpec, **rest):
        super().__init__(**rest)
        self.spec = spec

    def build(self, shape: tuple[int | None, ...]) -> None:
        channels, affine = (shape[-1],), self.spec.affine
        self.scale = self.add_weight(channels, "ones", name="scale") if affine else None
        self.offset = self.add_weight(channels, "zeros", name="offset") if affine else None
        if self.spec.kind == "batch":
            self.mean = self.add_weight(channels, "zeros", trainable=False, name="mean")
            self.variance = self.add_weight(channels, "ones", trainable=False, name="variance")

    def call(self, x: Tensor, training: bool = True) -> Tensor:
        axes = [1, 2] if self.spec.kind == "instance" else [0, 1, 2]
        if self.spec.kind == "instance" or training:
            mean, variance = tf.nn.moments(x, axes, keepdims=True)
        else:
            mean, variance = self.mean.value, self.variance.value
        if self.spec.kind == "batch" and training:
            self.average(x, tf.reshape(mean, [-1]), tf.reshape(variance, [-1]))
        scale, offset = (self.scale.value, self.offset.value) if self.spec.affine else (None, None)
        return tf.nn.batch_normalization(x, mean, variance, offset, scale, self.spec.epsilon)

    def average(self, x: Tensor, mean: Tensor, variance: Tensor) -> None:
        """Take this batch into the running statistics."""
        if self.spec.unbiased:
            count = tf.cast(tf.reduce_prod(tf.shape(x)[:3]), x.dtype)
            variance = variance * count / (count - 1)
        for running, new in ((self.mean.value, mean), (self.variance.value, variance)):
            running.assign_add((new - running) * self.spec.momentum)


def reflect(x: Tensor, padding: int) -> Tensor:
    """Reflection without repeating the edge."""
    return tf.pad(x, [[0, 0], [padding, padding], [padding, padding], [0, 0]], mode="REFLECT")


class ResidualBlock(layers.Layer):
    def __init__(self, channels: int, spec: GeneratorSpec, **rest):
        super().__init__(**rest)
        dtype = self.dtype
        self.conv0 = Conv(channels, 3, bias=spec.bias, name="conv0", dtype=dtype)
        self.conv0_norm = Norm(spec.norm, name="conv0_norm", dtype=dtype)
        self.conv1 = Conv(channels, 3, bias=spec.bias, name="conv1", dtype=dtype)
        self.conv1_norm = Norm(spec.norm, name="conv1_norm", dtype=dtype)

    def call(self, x: Tensor, training: bool = True) -> Tensor:
        y = tf.nn.relu(self.conv0_norm(self.conv0(reflect(x, 1)), training=training))
        return x + self.conv1_norm(self.conv1(reflect(y, 1)), training=training)


class Generator(Model):
    def __init__(self, spec: GeneratorSpec, **rest):
        super().__init__(**rest)
        f, bias, same, crop = spec.filters, spec.bias, spec.padding == "same", spec.transposed_crop
        dtype = self.dtype
        self.stem = Conv(f, 7, bias=bias, name="stem", dtype=dtype)
        self.stem_norm = Norm(spec.norm, name="stem_norm", dtype=dtype)
        self.down0 = Conv(2 * f, 3, 2, 1, same=same, bias=bias, name="down0", dtype=dtype)
        self.down0_norm = Norm(spec.norm, name="down0_norm", dtype=dtype)
        self.down1 = Conv(4 * f, 3, 2, 1, same=same, bias=bias, name="down1", dtype=dtype)
        self.down1_norm = Norm(spec.norm, name="down1_norm", dtype=dtype)
        self.blocks = [f"block{i}" for i in range(spec.blocks)]
        for name in self.blocks:
            setattr(self, name, ResidualBlock(4 * f, spec, name=name, dtype=dtype))
        self.up0 = ConvTranspose(2 * f, crop, bias=bias, name="up0", dtype=dtype)
        self.up0_norm = Norm(spec.norm, name="up0_norm", dtype=dtype)
        self.up1 = ConvTranspose(f, crop, bias=bias, name="up1", dtype=dtype)
        self.up1_norm = Norm(spec.norm, name="up1_norm", dtype=dtype)
        self.head = Conv(spec.out_channels, 7, name="head", dtype=dtype)

    def call(self, x: Tensor, training: bool = True) -> Tensor:
        """(N, H, W, in_channels) in [-1, 1] to (N, H, W, out_channels); H and W multiples of 4."""
        x = tf.nn.relu(self.stem_norm(self.stem(reflect(x, 3)), training=training))
        x = tf.nn.relu(self.down0_norm(self.down0(x), training=training))
        x = tf.nn.relu(self.down1_norm(self.down1(x), training=training))
        for name in self.blocks:
            x = getattr(self, name)(x, training=training)
        x = tf.nn.relu(self.up0_norm(self.up0(x), training=training))
        x = tf.nn.relu(self.up1_norm(self.up1(x), training=training))
        return tf.tanh(self.head(reflect(x, 3)))


class Discriminator(Model):
    def __init__(self, spec: DiscriminatorSpec, **rest):
        super().__init__(**rest)
        dtype = self.dtype
        self.slope = spec.slope
        channels, same = discriminator_channels(spec), spec.padding == "same"
        self.convs = [f"conv{i}" for i in range(spec.layers + 1)]
        for i, name in enumerate(self.convs):
            stride, bias = 2 if i < spec.layers else 1, spec.bias or i == 0
            layer = Conv(channels[i], 4, stride, 1, same=same, bias=bias, name=name, dtype=dtype)
            setattr(self, name, layer)
            if i > 0:
                norm = Norm(spec.norm, name=f"{name}_norm", dtype=dtype)
                setattr(self, f"{name}_norm", norm)
        self.head = Conv(1, 4, padding=1, same=same, name="head", dtype=dtype)

    def call(self, x: Tensor, training: bool = True) -> Tensor:
        """(N, H, W, in_channels) in [-1, 1] to (N, h, w, 1): one score per patch."""
        for i, name in enumerate(self.convs):
            x = getattr(self, name)(x)
            if i > 0:
                x = getattr(self, f"{name}_norm")(x, training=training)
            x = tf.nn.leaky_relu(x, self.slope)
        return self.head(x)


def activations(network: Model, x: Tensor, training: bool) -> dict[str, Tensor]:
    """What goes in, what every layer puts out by canonical name in forward order, what comes out.

    Not inside a tf.function.
    """
    found = {"input": x}
    recorded = [
        layer
        for layer in network._flatten_layers(include_self=False)
        if isinstance(layer, (Conv, ConvTranspose, Norm))
    ]

    def recorder(name: str, call):
        def record(*args, **kwargs):
            found[name] = call(*args, **kwargs)
            return found[name]

        return record

    # Keras has no hooks: for this one pass a layer's own `call` hides its class's.
    for layer in recorded:
        layer.call = recorder(layer.path.removeprefix(f"{network.name}/"), layer.call)
    try:
        output = network(x, training=training)
    finally:
        for layer in recorded:
            del layer.call
    return {**found, "output": output}
