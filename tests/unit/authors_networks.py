"""The CycleGAN authors' networks put together anew from PyTorch's layers, in their nesting.

Only so do parameters have the names that they have in checkpoints.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

# In float32, as the backends hold it.
SLOPE = float(np.float32(0.2))


def norm_of(kind: str, channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels) if kind == "batch" else nn.InstanceNorm2d(channels)


class Block(nn.Module):
    def __init__(self, channels: int, norm: str, dropout: bool):
        super().__init__()

        def half():
            conv = nn.Conv2d(channels, channels, 3, bias=norm == "instance")
            return [nn.ReflectionPad2d(1), conv, norm_of(norm, channels)]

        between = [nn.ReLU(), nn.Dropout(0.5)] if dropout else [nn.ReLU()]
        self.conv_block = nn.Sequential(*half(), *between, *half())

    def forward(self, x):
        return x + self.conv_block(x)


class ResNet(nn.Module):
    def __init__(self, f: int, blocks: int, norm: str = "instance", dropout: bool = False):
        super().__init__()
        bias = norm == "instance"

        def layer(conv, channels):
            return [conv, norm_of(norm, channels), nn.ReLU()]

        def up(channels):
            size = {"stride": 2, "padding": 1, "output_padding": 1, "bias": bias}
            return layer(nn.ConvTranspose2d(channels, channels // 2, 3, **size), channels // 2)

        def down(channels):
            size = {"stride": 2, "padding": 1, "bias": bias}
            return layer(nn.Conv2d(channels, channels * 2, 3, **size), channels * 2)

        self.model = nn.Sequential(
            *(nn.ReflectionPad2d(3), *layer(nn.Conv2d(3, f, 7, bias=bias), f)),
            *(*down(f), *down(2 * f)),
            *(Block(4 * f, norm, dropout) for _ in range(blocks)),
            *(*up(4 * f), *up(2 * f), nn.ReflectionPad2d(3), nn.Conv2d(f, 3, 7), nn.Tanh()),
        )

    def forward(self, x):
        return self.model(x)


class Level(nn.Module):
    """One level of a U-Net and what is inside: `outside` channels in and out, `channels` below."""

    def __init__(self, outside: int, channels: int, inside: nn.Module | None, norm: str):
        super().__init__()
        size = {"stride": 2, "padding": 1, "bias": norm == "instance"}
        below = channels if inside is None else 2 * channels
        down = [nn.LeakyReLU(SLOPE), nn.Conv2d(outside, channels, 4, **size)]
        up = [nn.ReLU(), nn.ConvTranspose2d(below, outside, 4, **size), norm_of(norm, outside)]
        middle = [] if inside is None else [norm_of(norm, channels), inside]
        self.model = nn.Sequential(*down, *middle, *up)

    def forward(self, x):
        # The other code's activation works in place, so that its skips have gone through it.
        return torch.cat([nn.functional.leaky_relu(x, SLOPE), self.model(x)], 1)


class Outermost(nn.Module):
    def __init__(self, f: int, inside: nn.Module, norm: str):
        super().__init__()
        down = nn.Conv2d(3, f, 4, stride=2, padding=1, bias=norm == "instance")
        up = nn.ConvTranspose2d(2 * f, 3, 4, stride=2, padding=1)
        self.model = nn.Sequential(down, inside, nn.ReLU(), up, nn.Tanh())

    def forward(self, x):
        return self.model(x)


class UNet(nn.Module):
    def __init__(self, f: int, depth: int, norm: str = "instance"):
        super().__init__()
        level = None
        channels = [f * min(2**i, 8) for i in range(depth)]
        for outside, below in zip(channels[-2::-1], channels[:0:-1], strict=True):
            level = Level(outside, below, level, norm)
        self.model = Outermost(f, level, norm)

    def forward(self, x):
        return self.model(x)


class Patch(nn.Module):
    def __init__(self, f: int, layers: int = 3, norm: str = "instance"):
        super().__init__()

        def layer(before, after, stride):
            size = {"stride": stride, "padding": 1, "bias": norm == "instance"}
            return [nn.Conv2d(before, after, 4, **size), norm_of(norm, after), nn.LeakyReLU(SLOPE)]

        channels = [f * min(2**i, 8) for i in range(layers + 1)]
        strides = [*[2] * (layers - 1), 1]
        pairs = zip(channels, channels[1:], strides, strict=False)
        self.model = nn.Sequential(
            *(nn.Conv2d(3, f, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE)),
            *(each for sizes in pairs for each in layer(*sizes)),
            nn.Conv2d(channels[-1], 1, 4, padding=1),
        )

    def forward(self, x):
        return self.model(x)


class Pixel(nn.Module):
    def __init__(self, f: int):
        super().__init__()
        self.net = nn.Sequential(
            *(nn.Conv2d(3, f, 1), nn.LeakyReLU(SLOPE)),
            *(nn.Conv2d(f, 2 * f, 1), nn.InstanceNorm2d(2 * f), nn.LeakyReLU(SLOPE)),
            nn.Conv2d(2 * f, 1, 1),
        )

    def forward(self, x):
        return self.net(x)


def drawn(network: nn.Module, seed: int) -> nn.Module:
    """With random parameters and statistics, in evaluation mode."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith("num_batches_tracked"):
                continue
            noise = torch.randn(tensor.shape, generator=draw) * 0.1
            tensor.copy_(noise.abs() + 0.5 if name.endswith("running_var") else noise)
    return network.eval()
