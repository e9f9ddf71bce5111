"""ResNet generator and PatchGAN discriminator, TensorFlow. Read beside torch_impl/networks.py.

Tensors are NHWC; attribute names are the canonical layer names of backends/architecture.py.
"""

from __future__ import annotations

import tensorflow as tf
from keras import Model, layers
from tensorflow import Tensor

from backends.architecture import DiscriminatorSpec, GeneratorSpec, discriminator_channels


class Conv(layers.Conv2D):
    """Zero padding `padding` on every side; Keras's SAME at stride 2 would pad only after."""

    def __init__(self, filters: int, kernel: int, stride: int = 1, padding: int = 0, **kwargs):
        super().__init__(filters, kernel, stride, padding="valid", **kwargs)
        self.zeros = padding

    def build(self, shape: tuple[int | None, ...]) -> None:
        # Without the size: Keras would refuse one that is too small until it is padded.
        super().build((None, None, None, shape[-1]))

    def call(self, x: Tensor) -> Tensor:
        p = self.zeros
        return super().call(tf.pad(x, [[0, 0], [p, p], [p, p], [0, 0]]) if p else x)


class ConvTranspose(layers.Conv2DTranspose):
    """3x3, stride 2, doubling the size: of the full output the first row and column are dropped."""

    def __init__(self, filters: int, **kwargs):
        super().__init__(filters, 3, 2, padding="valid", **kwargs)

    def call(self, x: Tensor) -> Tensor:
        return super().call(x)[:, 1:, 1:, :]


def instance_norm(x: Tensor, epsilon: float) -> Tensor:
    """Each channel of each image to mean 0, biased variance 1. No affine, no running statistics."""
    mean, variance = tf.nn.moments(x, [1, 2], keepdims=True)
    return tf.nn.batch_normalization(x, mean, variance, None, None, epsilon)


def reflect(x: Tensor, padding: int) -> Tensor:
    """Reflection without repeating the edge."""
    return tf.pad(x, [[0, 0], [padding, padding], [padding, padding], [0, 0]], mode="REFLECT")


class ResidualBlock(layers.Layer):
    def __init__(self, channels: int, epsilon: float, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.conv0 = Conv(channels, 3, name="conv0", dtype=self.dtype)
        self.conv1 = Conv(channels, 3, name="conv1", dtype=self.dtype)

    def call(self, x: Tensor) -> Tensor:
        y = self.conv0(reflect(x, 1))
        y = tf.nn.relu(instance_norm(y, self.epsilon))
        y = self.conv1(reflect(y, 1))
        return x + instance_norm(y, self.epsilon)


class Generator(Model):
    def __init__(self, spec: GeneratorSpec, **kwargs):
        super().__init__(**kwargs)
        f, dtype = spec.filters, self.dtype
        self.epsilon = spec.norm_epsilon
        self.stem = Conv(f, 7, name="stem", dtype=dtype)
        self.down0 = Conv(2 * f, 3, stride=2, padding=1, name="down0", dtype=dtype)
        self.down1 = Conv(4 * f, 3, stride=2, padding=1, name="down1", dtype=dtype)
        self.blocks = [f"block{i}" for i in range(spec.blocks)]
        for name in self.blocks:
            setattr(self, name, ResidualBlock(4 * f, self.epsilon, name=name, dtype=dtype))
        self.up0 = ConvTranspose(2 * f, name="up0", dtype=dtype)
        self.up1 = ConvTranspose(f, name="up1", dtype=dtype)
        self.head = Conv(spec.out_channels, 7, name="head", dtype=dtype)

    def call(self, x: Tensor) -> Tensor:
        """(N, H, W, in_channels) in [-1, 1] to (N, H, W, out_channels); H and W multiples of 4."""
        x = tf.nn.relu(instance_norm(self.stem(reflect(x, 3)), self.epsilon))
        x = tf.nn.relu(instance_norm(self.down0(x), self.epsilon))
        x = tf.nn.relu(instance_norm(self.down1(x), self.epsilon))
        for name in self.blocks:
            x = getattr(self, name)(x)
        x = tf.nn.relu(instance_norm(self.up0(x), self.epsilon))
        x = tf.nn.relu(instance_norm(self.up1(x), self.epsilon))
        return tf.tanh(self.head(reflect(x, 3)))


class Discriminator(Model):
    def __init__(self, spec: DiscriminatorSpec, **kwargs):
        super().__init__(**kwargs)
        dtype = self.dtype
        self.epsilon, self.slope = spec.norm_epsilon, spec.slope
        channels = discriminator_channels(spec)
        self.convs = [f"conv{i}" for i in range(spec.layers + 1)]
        for i, name in enumerate(self.convs):
            stride = 2 if i < spec.layers else 1
            setattr(self, name, Conv(channels[i], 4, stride, padding=1, name=name, dtype=dtype))
        self.head = Conv(1, 4, padding=1, name="head", dtype=dtype)

    def call(self, x: Tensor) -> Tensor:
        """(N, H, W, in_channels) in [-1, 1] to (N, h, w, 1): one score per patch."""
        for i, name in enumerate(self.convs):
            x = getattr(self, name)(x)
            if i > 0:
                x = instance_norm(x, self.epsilon)
            x = tf.nn.leaky_relu(x, self.slope)
        return self.head(x)
