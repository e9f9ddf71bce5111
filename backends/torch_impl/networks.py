"""ResNet generator and PatchGAN discriminator, PyTorch. Read beside tf_impl/networks.py.

Tensors are NCHW; attribute names are the canonical layer names of backends/architecture.py.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from backends.architecture import (
    DiscriminatorSpec,
    GeneratorSpec,
    NormSpec,
    discriminator_channels,
    same_padding,
)


class Conv(nn.Conv2d):
    """Zero padding `padding` on every side, or with `same` as much as TensorFlow would add."""

    def __init__(
        self, before: int, after: int, kernel: int, stride=1, padding=0, same=False, bias=True
    ):
        super().__init__(before, after, kernel, stride, 0 if same else padding, bias=bias)
        self.same = same

    def forward(self, x: Tensor) -> Tensor:
        if self.same:
            kernel, stride = self.kernel_size[0], self.stride[0]
            rows, columns = (same_padding(size, kernel, stride) for size in x.shape[2:])
            x = F.pad(x, (*columns, *rows))
        return super().forward(x)


class ConvTranspose(nn.ConvTranspose2d):
    """3x3, stride 2, doubling the size: of the full output one row and column are dropped."""

    def __init__(self, before: int, after: int, crop: str, bias: bool):
        first = int(crop == "first")
        super().__init__(before, after, 3, 2, padding=first, output_padding=first, bias=bias)
        self.crop = crop

    def forward(self, x: Tensor) -> Tensor:
        # With padding 1 and output padding 1 PyTorch itself drops the first ones.
        y = super().forward(x)
        return y if self.crop == "first" else y[:, :, :-1, :-1]


class Norm(nn.Module):
    """Each channel to mean 0, biased variance 1: over each image, or over the batch."""

    def __init__(self, channels: int, spec: NormSpec):
        super().__init__()
        self.spec = spec
        self.scale = nn.Parameter(torch.ones(channels)) if spec.affine else None
        self.offset = nn.Parameter(torch.zeros(channels)) if spec.affine else None
        if spec.kind == "batch":
            self.register_buffer("mean", torch.zeros(channels))
            self.register_buffer("variance", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        epsilon = self.spec.epsilon
        if self.spec.kind == "instance":
            y = F.instance_norm(x, weight=self.scale, bias=self.offset, eps=epsilon)
            if y.requires_grad:
                # PyTorch 2.13 on the CPU: of one image, a channels-last gradient comes out wrong.
                y.register_hook(Tensor.contiguous)
            return y
        if self.training:
            self.average(x.detach())
            return F.batch_norm(x, None, None, self.scale, self.offset, training=True, eps=epsilon)
        return F.batch_norm(x, self.mean, self.variance, self.scale, self.offset, eps=epsilon)

    def average(self, x: Tensor) -> None:
        """Take this batch into the running statistics."""
        variance, mean = torch.var_mean(x, (0, 2, 3), correction=int(self.spec.unbiased))
        self.mean.lerp_(mean, self.spec.momentum)
        self.variance.lerp_(variance, self.spec.momentum)


def reflect(x: Tensor, padding: int) -> Tensor:
    """Reflection without repeating the edge."""
    return F.pad(x, (padding, padding, padding, padding), mode="reflect")


class ResidualBlock(nn.Module):
    def __init__(self, channels: int, spec: GeneratorSpec):
        super().__init__()
        self.conv0 = Conv(channels, channels, 3, bias=spec.bias)
        self.conv0_norm = Norm(channels, spec.norm)
        self.conv1 = Conv(channels, channels, 3, bias=spec.bias)
        self.conv1_norm = Norm(channels, spec.norm)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.conv0_norm(self.conv0(reflect(x, 1))))
        return x + self.conv1_norm(self.conv1(reflect(y, 1)))


class Generator(nn.Module):
    def __init__(self, spec: GeneratorSpec):
        super().__init__()
        f, bias, same, crop = spec.filters, spec.bias, spec.padding == "same", spec.transposed_crop
        self.stem = Conv(spec.in_channels, f, 7, bias=bias)
        self.stem_norm = Norm(f, spec.norm)
        self.down0 = Conv(f, 2 * f, 3, stride=2, padding=1, same=same, bias=bias)
        self.down0_norm = Norm(2 * f, spec.norm)
        self.down1 = Conv(2 * f, 4 * f, 3, stride=2, padding=1, same=same, bias=bias)
        self.down1_norm = Norm(4 * f, spec.norm)
        self.blocks = [f"block{i}" for i in range(spec.blocks)]
        for name in self.blocks:
            setattr(self, name, ResidualBlock(4 * f, spec))
        self.up0 = ConvTranspose(4 * f, 2 * f, crop, bias=bias)
        self.up0_norm = Norm(2 * f, spec.norm)
        self.up1 = ConvTranspose(2 * f, f, crop, bias=bias)
        self.up1_norm = Norm(f, spec.norm)
        self.head = Conv(f, spec.out_channels, 7)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) in [-1, 1] to (N, out_channels, H, W); H and W multiples of 4."""
        x = F.relu(self.stem_norm(self.stem(reflect(x, 3))))
        x = F.relu(self.down0_norm(self.down0(x)))
        x = F.relu(self.down1_norm(self.down1(x)))
        for name in self.blocks:
            x = getattr(self, name)(x)
        x = F.relu(self.up0_norm(self.up0(x)))
        x = F.relu(self.up1_norm(self.up1(x)))
        return torch.tanh(self.head(reflect(x, 3)))


class Discriminator(nn.Module):
    def __init__(self, spec: DiscriminatorSpec):
        super().__init__()
        # In float32 as TensorFlow's op holds it, so that float64 runs agree to float64.
        self.slope = float(np.float32(spec.slope))
        channels, same = (spec.in_channels, *discriminator_channels(spec)), spec.padding == "same"
        self.convs = [f"conv{i}" for i in range(spec.layers + 1)]
        for i, name in enumerate(self.convs):
            stride, bias = 2 if i < spec.layers else 1, spec.bias or i == 0
            layer = Conv(channels[i], channels[i + 1], 4, stride, padding=1, same=same, bias=bias)
            setattr(self, name, layer)
            if i > 0:
                setattr(self, f"{name}_norm", Norm(channels[i + 1], spec.norm))
        self.head = Conv(channels[-1], 1, 4, padding=1, same=same)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) in [-1, 1] to (N, 1, h, w): one score per patch."""
        for i, name in enumerate(self.convs):
            x = getattr(self, name)(x)
            if i > 0:
                x = getattr(self, f"{name}_norm")(x)
            x = F.leaky_relu(x, self.slope)
        return self.head(x)


def activations(network: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """What goes in, what every layer puts out by canonical name in forward order, what comes out.

    Networks are in training mode or not, as the caller left them.
    """
    found = {"input": x}
    layers = [
        (name.replace(".", "/"), module)
        for name, module in network.named_modules()
        if isinstance(module, (Conv, ConvTranspose, Norm))
    ]

    def recorder(name: str):
        return lambda module, inputs, output: found.update({name: output})

    hooks = [module.register_forward_hook(recorder(name)) for name, module in layers]
    output = network(x)
    for hook in hooks:
        hook.remove()
    return {**found, "output": output}
