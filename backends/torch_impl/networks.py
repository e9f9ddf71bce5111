"""ResNet and U-Net generators, PatchGAN discriminators, PyTorch.

Read beside tf_impl/networks.py. Tensors are NCHW; attribute names are the canonical layer names
of backends/architecture.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from backends.architecture import (
    DiscriminatorSpec,
    GeneratorSpec,
    NormSpec,
    ResNetSpec,
    UNetSpec,
    dropped_layers,
    same_padding,
    unet_channels,
    unet_norms,
)

Kept = Sequence[Tensor]  # which activations dropout leaves, (N, C, H, W), a tensor a layer


CUDNN = torch.backends.cudnn.enabled


@dataclass(frozen=True)
class Kernels:
    """Which of several ways to the same numbers layers take: it depends on device and layout.

    `whole_batch`: one kernel for an instance norm of all images, which wants channels first; else
    one for every image. `pads_in_pieces`: reflection that leaves channels last where they are,
    which CUDA's kernel for it does not.
    """

    whole_batch: bool = False
    pads_in_pieces: bool = False


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
            # Of all multiples of the stride the same is added, and only those are exported: what
            # the exporter would make of a size that it does not know takes it minutes.
            sizes = (stride, stride) if torch.compiler.is_exporting() else x.shape[2:]
            rows, columns = (same_padding(size, kernel, stride) for size in sizes)
            x = F.pad(x, (*columns, *rows))
        return super().forward(x)


class ConvTranspose(nn.ConvTranspose2d):
    """3x3 or 4x4, stride 2, doubling the size: the rest of the full output is dropped."""

    def __init__(self, before: int, after: int, kernel: int, crop: str, bias: bool):
        # With padding 1 and, for 3x3, output padding 1 PyTorch itself drops the first ones.
        padding = 0 if kernel == 3 and crop == "last" else 1
        rest = padding if kernel == 3 else 0
        super().__init__(before, after, kernel, 2, padding, output_padding=rest, bias=bias)
        self.drop_last = padding == 0

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return y[:, :, :-1, :-1] if self.drop_last else y


class ResizeConv(Conv):
    """Every pixel twice in both directions, then 3x3 under reflection padding."""

    def __init__(self, before: int, after: int, bias: bool):
        super().__init__(before, after, 3, bias=bias)
        self.kernels = Kernels()

    def forward(self, x: Tensor) -> Tensor:
        x = F.interpolate(x, scale_factor=2, mode="nearest")
        return super().forward(reflect(x, 1, self.kernels))


class Norm(nn.Module):
    """Each channel to mean 0, biased variance 1: over each image, or over the batch; or nothing.

    `centred`: an image's mean is taken out first. Of a single pixel nothing is left then; kernels
    compute x * a + b, and what that leaves is rounding, made 300 times larger.
    """

    def __init__(self, channels: int, spec: NormSpec | None, centred: bool = False):
        super().__init__()
        self.spec, self.centred, self.kernels = spec, centred, Kernels()
        affine = spec is not None and spec.affine
        self.scale = nn.Parameter(torch.ones(channels)) if affine else None
        self.offset = nn.Parameter(torch.zeros(channels)) if affine else None
        if spec is not None and spec.kind == "batch":
            self.register_buffer("mean", torch.zeros(channels))
            self.register_buffer("variance", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        if self.spec is None:
            return x
        epsilon = self.spec.epsilon
        if self.spec.kind == "instance":
            if self.centred:
                x = full(x)
                x = x - torch.mean(x, (2, 3), keepdim=True)
            # Not `F.instance_norm`, which refuses the single pixel of a deep U-Net.
            whole = self.kernels.whole_batch or torch.compiler.is_exporting()
            normalise = torch.instance_norm if whole else image_by_image
            return normalise(x, self.scale, self.offset, None, None, True, 0.0, epsilon, CUDNN)
        if self.training:
            self.average(full(x.detach()))
            return F.batch_norm(x, None, None, self.scale, self.offset, training=True, eps=epsilon)
        return F.batch_norm(x, self.mean, self.variance, self.scale, self.offset, eps=epsilon)

    def average(self, x: Tensor) -> None:
        """Take this batch into the running statistics."""
        variance, mean = torch.var_mean(x, (0, 2, 3), correction=int(self.spec.unbiased))
        self.mean.lerp_(mean, self.spec.momentum)
        self.variance.lerp_(variance, self.spec.momentum)


def image_by_image(x: Tensor, *rest) -> Tensor:
    """`torch.instance_norm`, ten times as fast on a CPU where channels come last (PyTorch 2.13).

    It leaves channels last where they are, for which that function copies into another layout.
    """
    images = [torch.batch_norm(image, *rest) for image in x.split(1)]
    return torch.cat(images) if len(images) > 1 else images[0]


def apart(network: nn.Module) -> bool:
    """Whether images of a batch never meet: what becomes of one does not depend on the others."""
    norms = (module.spec for module in network.modules() if isinstance(module, Norm))
    return all(spec is None or spec.kind != "batch" for spec in norms)


def use_kernels(network: nn.Module, kernels: Kernels) -> None:
    for module in network.modules():
        if hasattr(module, "kernels"):
            module.kernels = kernels


def full(x: Tensor) -> Tensor:
    """In float32, if it was bfloat16."""
    return x.float() if x.dtype == torch.bfloat16 else x


def reflect(x: Tensor, padding: int, kernels: Kernels) -> Tensor:
    """Reflection without repeating the edge."""
    if kernels.pads_in_pieces or torch.are_deterministic_algorithms_enabled():
        return reflect_in_pieces(x, padding)
    return F.pad(x, (padding, padding, padding, padding), mode="reflect")


def reflect_in_pieces(x: Tensor, padding: int) -> Tensor:
    """The same, with a gradient that CUDA adds up in a fixed order: that of `F.pad` it does not."""
    for axis in (2, 3):
        before = x.narrow(axis, 1, padding)
        after = x.narrow(axis, x.shape[axis] - 1 - padding, padding)
        x = torch.cat((before.flip(axis), x, after.flip(axis)), axis)
    return x


def in_place(kernels: Kernels) -> bool:
    """Of what follows a norm: nothing else needs what that, or a convolution, has put out.

    Not where it was of a whole batch: `torch.instance_norm` puts out a view, and to differentiate
    what changes a view in place takes PyTorch three copies of it.
    """
    return not kernels.whole_batch


class ResidualBlock(nn.Module):
    def __init__(self, channels: int, spec: ResNetSpec):
        super().__init__()
        self.conv0 = Conv(channels, channels, 3, bias=spec.bias)
        self.conv0_norm = Norm(channels, spec.norm)
        self.conv1 = Conv(channels, channels, 3, bias=spec.bias)
        self.conv1_norm = Norm(channels, spec.norm)
        self.kernels = Kernels()

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv0_norm(self.conv0(reflect(x, 1, self.kernels)))
        y = F.relu(y, inplace=in_place(self.kernels))
        return x + self.conv1_norm(self.conv1(reflect(y, 1, self.kernels)))


def upsampling(before: int, after: int, spec: ResNetSpec) -> ConvTranspose | ResizeConv:
    if spec.upsampling == "resize_conv":
        return ResizeConv(before, after, spec.bias)
    return ConvTranspose(before, after, 3, spec.transposed_crop, spec.bias)


class ResNet(nn.Module):
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
        self.apart, self.kernels = apart(self), Kernels()

    def forward(self, x: Tensor, kept: Kept = ()) -> Tensor:
        """(N, in_channels, H, W) in [-1, 1] to (N, out_channels, H', W'). Has no dropout."""
        inplace = in_place(self.kernels)
        x = reflect(x, self.stem_padding, self.kernels)
        x = F.relu(self.stem_norm(self.stem(x)), inplace=inplace)
        x = F.relu(self.down0_norm(self.down0(x)), inplace=inplace)
        x = F.relu(self.down1_norm(self.down1(x)), inplace=inplace)
        for name in self.blocks:
            x = getattr(self, name)(x)
        x = F.relu(self.up0_norm(self.up0(x)), inplace=inplace)
        x = F.relu(self.up1_norm(self.up1(x)), inplace=inplace)
        return torch.tanh(full(self.head(reflect(x, self.head_padding, self.kernels))))


class UNet(nn.Module):
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
            norm = Norm(channels[i], norms[i], centred=i == depth - 1)
            setattr(self, f"{name}_norm", norm)
        given, crop = channels[-1], spec.transposed_crop
        for i, name in zip(range(depth - 2, -1, -1), self.ups, strict=True):
            setattr(self, name, ConvTranspose(given, channels[i], kernel, crop, bias))
            setattr(self, f"{name}_norm", Norm(channels[i], spec.norm))
            given = 2 * channels[i]
        self.head = ConvTranspose(given, spec.out_channels, 4, crop, bias=True)
        self.apart, self.kernels = apart(self), Kernels()

    def forward(self, x: Tensor, kept: Kept = ()) -> Tensor:
        """(N, in_channels, H, W) in [-1, 1] to (N, out_channels, H, W).

        `kept`: of every layer with dropout, which of its activations stay; without, all do.
        """
        skips, masks = [], dict(zip(self.dropped, kept, strict=False))
        for name in self.downs:
            skips.append(getattr(self, f"{name}_norm")(getattr(self, name)(x)))
            x = F.leaky_relu(skips[-1], self.slope)
        x = F.relu(skips.pop(), inplace=in_place(self.kernels))
        for name, skip in zip(self.ups, reversed(skips), strict=True):
            x = getattr(self, f"{name}_norm")(getattr(self, name)(x))
            if name in masks:
                x = x * masks[name].to(x.dtype) / (1 - self.rate)
            x = F.relu(torch.cat((x, skip), 1), inplace=True)
        return torch.tanh(full(self.head(x)))


def generator(spec: GeneratorSpec) -> ResNet | UNet:
    return UNet(spec) if isinstance(spec, UNetSpec) else ResNet(spec)


class Discriminator(nn.Module):
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
        self.apart, self.kernels = apart(self), Kernels()

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) in [-1, 1] to (N, 1, h, w): one score per patch."""
        for name in self.convs:
            x = getattr(self, f"{name}_norm")(getattr(self, name)(x))
            x = F.leaky_relu(x, self.slope, inplace=in_place(self.kernels))
        x = full(self.head(x))
        x = torch.sigmoid(x) if self.sigmoid else x
        return torch.tanh(x) if self.tanh else x


def activations(
    network: nn.Module, x: Tensor, kinds: tuple = (Conv, ConvTranspose)
) -> dict[str, Tensor]:
    """What goes in, what every layer puts out by canonical name in forward order, what comes out.

    Networks are in training mode or not, as the caller left them. `kinds`: layers, besides norms.
    """
    outputs = {"input": x}
    layers = [
        (name.replace(".", "/"), module)
        for name, module in network.named_modules()
        if isinstance(module, kinds) or getattr(module, "spec", None)
    ]

    def recorder(name: str):
        # What follows works on the layer's own memory.
        return lambda module, inputs, output: outputs.update({name: output.clone()})

    hooks = [module.register_forward_hook(recorder(name)) for name, module in layers]
    output = network(x)
    for hook in hooks:
        hook.remove()
    return {**outputs, "output": output}
