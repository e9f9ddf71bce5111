"""ResNet generator and PatchGAN discriminator, PyTorch. Read beside tf_impl/networks.py.

Tensors are NCHW; attribute names are the canonical layer names of backends/architecture.py.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from backends.architecture import DiscriminatorSpec, GeneratorSpec, discriminator_channels


def conv(in_channels: int, out_channels: int, kernel: int, stride: int = 1, padding: int = 0):
    """Zero padding `padding` on every side."""
    return nn.Conv2d(in_channels, out_channels, kernel, stride, padding)


def conv_transpose(in_channels: int, out_channels: int):
    """3x3, stride 2, doubling the size: of the full output the first row and column are dropped."""
    return nn.ConvTranspose2d(in_channels, out_channels, 3, 2, padding=1, output_padding=1)


def instance_norm(x: Tensor, epsilon: float) -> Tensor:
    """Each channel of each image to mean 0, biased variance 1. No affine, no running statistics."""
    return F.instance_norm(x, eps=epsilon)


def reflect(x: Tensor, padding: int) -> Tensor:
    """Reflection without repeating the edge."""
    return F.pad(x, (padding, padding, padding, padding), mode="reflect")


class ResidualBlock(nn.Module):
    def __init__(self, channels: int, epsilon: float):
        super().__init__()
        self.epsilon = epsilon
        self.conv0 = conv(channels, channels, 3)
        self.conv1 = conv(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv0(reflect(x, 1))
        y = F.relu(instance_norm(y, self.epsilon))
        y = self.conv1(reflect(y, 1))
        return x + instance_norm(y, self.epsilon)


class Generator(nn.Module):
    def __init__(self, spec: GeneratorSpec):
        super().__init__()
        f = spec.filters
        self.epsilon = spec.norm_epsilon
        self.stem = conv(spec.in_channels, f, 7)
        self.down0 = conv(f, 2 * f, 3, stride=2, padding=1)
        self.down1 = conv(2 * f, 4 * f, 3, stride=2, padding=1)
        self.blocks = [f"block{i}" for i in range(spec.blocks)]
        for name in self.blocks:
            setattr(self, name, ResidualBlock(4 * f, self.epsilon))
        self.up0 = conv_transpose(4 * f, 2 * f)
        self.up1 = conv_transpose(2 * f, f)
        self.head = conv(f, spec.out_channels, 7)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) in [-1, 1] to (N, out_channels, H, W); H and W multiples of 4."""
        x = F.relu(instance_norm(self.stem(reflect(x, 3)), self.epsilon))
        x = F.relu(instance_norm(self.down0(x), self.epsilon))
        x = F.relu(instance_norm(self.down1(x), self.epsilon))
        for name in self.blocks:
            x = getattr(self, name)(x)
        x = F.relu(instance_norm(self.up0(x), self.epsilon))
        x = F.relu(instance_norm(self.up1(x), self.epsilon))
        return torch.tanh(self.head(reflect(x, 3)))


class Discriminator(nn.Module):
    def __init__(self, spec: DiscriminatorSpec):
        super().__init__()
        # In float32 as TensorFlow's op holds it, so that float64 runs agree to float64.
        self.epsilon, self.slope = spec.norm_epsilon, float(np.float32(spec.slope))
        channels = (spec.in_channels, *discriminator_channels(spec))
        self.convs = [f"conv{i}" for i in range(spec.layers + 1)]
        for i, name in enumerate(self.convs):
            stride = 2 if i < spec.layers else 1
            setattr(self, name, conv(channels[i], channels[i + 1], 4, stride, padding=1))
        self.head = conv(channels[-1], 1, 4, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) in [-1, 1] to (N, 1, h, w): one score per patch."""
        for i, name in enumerate(self.convs):
            x = getattr(self, name)(x)
            if i > 0:
                x = instance_norm(x, self.epsilon)
            x = F.leaky_relu(x, self.slope)
        return self.head(x)
