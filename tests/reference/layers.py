"""Convolutions, norms and activations, and what goes around an image before them.

Images are float64 (N, C, H, W). Kernels are as in a state: (height, width, in, out), transposed
ones (height, width, out, in).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from harness.config.sections import NormSection


@dataclass(frozen=True)
class Weights:
    """What one network (`network`: g_ab, ...) has in a state.

    `arrays`: canonical name -> float64; batch norms put their new running statistics there.
    `training`: they do, and use the statistics of the batch.
    """

    arrays: dict[str, Tensor]
    network: str
    training: bool

    def get(self, name: str) -> Tensor:
        return self.arrays[f"{self.network}/{name}"]

    def set(self, name: str, value: Tensor) -> None:
        self.arrays[f"{self.network}/{name}"] = value.detach()

    def kernel(self, layer: str, shape: tuple[int, ...]) -> Tensor:
        """As PyTorch has it: (out, in, height, width), transposed ones (in, out, height, width).

        Raises ValueError for one that has not the canonical `shape`.
        """
        kernel = self.get(f"{layer}/kernel")
        if kernel.shape != shape:
            raise ValueError(f"{layer}: kernel {tuple(kernel.shape)}, expected {shape}")
        return kernel.permute(3, 2, 0, 1).contiguous()

    def bias(self, layer: str, has_bias: bool) -> Tensor | None:
        return self.get(f"{layer}/bias") if has_bias else None


def from_levels(images: np.ndarray) -> Tensor:
    """uint8 (N, H, W, C) to [-1, 1]."""
    values = torch.from_numpy(images.astype(np.float64) / 127.5 - 1)
    return values.permute(0, 3, 1, 2).contiguous()


def to_levels(images: Tensor, rounding: str) -> np.ndarray:
    """[-1, 1] to uint8 (N, H, W, C). `rounding`: half_even or down."""
    levels = ((images + 1) * 127.5).permute(0, 2, 3, 1).numpy()
    whole = np.rint(levels) if rounding == "half_even" else np.floor(levels)
    return np.clip(whole, 0, 255).astype(np.uint8)


def conv(
    w: Weights, layer: str, x: Tensor, out: int, size: int, bias: bool, stride: int = 1,
    around: int = 0, same: bool = False,
) -> Tensor:  # fmt: skip
    """`out` channels by a `size` x `size` kernel.

    Zeros around the image: `around` on every side, or as TensorFlow's SAME.
    """
    kernel = w.kernel(layer, (size, size, x.shape[1], out))
    if same:
        (top, bottom), (left, right) = (same_padding(n, size, stride) for n in x.shape[2:])
    else:
        top = bottom = left = right = around
    padded = F.pad(x, (left, right, top, bottom))
    return F.conv2d(padded, kernel, w.bias(layer, bias), stride)


def same_padding(side: int, kernel: int, stride: int) -> tuple[int, int]:
    """Pixels before and after: ceil(side / stride) come out, and an odd one goes after."""
    out = -(-side // stride)
    missing = max(0, (out - 1) * stride + kernel - side)
    return missing // 2, missing - missing // 2


def reflected(x: Tensor, pixels: int) -> Tensor:
    """The image mirrored at its outermost pixels, which are not repeated."""
    return F.pad(x, (pixels,) * 4, mode="reflect")


def transposed_conv(
    w: Weights, layer: str, x: Tensor, out: int, size: int, bias: bool, crop: str
) -> Tensor:
    """Twice as high and wide. Pixel i of the input adds kernel[k] to pixel 2 i + k of the output.

    Of a 3x3 kernel's 2 n + 1 rows and columns the `crop` ("first" or "last") goes; of a 4x4
    kernel's 2 n + 2 both go.
    """
    height, width = x.shape[2:]
    kernel = w.kernel(layer, (size, size, out, x.shape[1]))
    full = F.conv_transpose2d(x, kernel, w.bias(layer, bias), stride=2)
    start = 1 if size == 4 or crop == "first" else 0
    return full[:, :, start : start + 2 * height, start : start + 2 * width]


def doubled(x: Tensor) -> Tensor:
    """Every pixel four times."""
    return x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)


def leaky_relu(x: Tensor, slope: float) -> Tensor:
    """The slope is a float32, in every precision: docs/conventions.md."""
    return torch.where(x > 0, x, float(np.float32(slope)) * x)


def dropped(x: Tensor, kept: np.ndarray, rate: float) -> Tensor:
    """`kept`: uint8 (N, H, W, C), 1 where an activation stays."""
    images = []
    for image, mask in zip(x, kept, strict=True):
        images.append(image * torch.from_numpy(mask.astype(np.float64)).permute(2, 0, 1))
    return torch.stack(images) / (1 - rate)


def norm(w: Weights, layer: str, x: Tensor, section: NormSection) -> Tensor:
    """The norm behind `layer`. Variances of what is normalised are biased."""
    if section.kind == "none":
        return x
    name = f"{layer}_norm"
    if section.kind == "instance":
        x = torch.stack([normalised(image, *moments(image[None]), section) for image in x])
    elif w.training:
        mean, variance = moments(x)
        values = x.numel() // x.shape[1]
        running = variance * values / (values - 1) if section.unbiased else variance
        m = section.momentum
        w.set(f"{name}/mean", (1 - m) * w.get(f"{name}/mean") + m * mean)
        w.set(f"{name}/variance", (1 - m) * w.get(f"{name}/variance") + m * running)
        x = normalised(x, mean, variance, section)
    else:
        x = normalised(x, w.get(f"{name}/mean"), w.get(f"{name}/variance"), section)
    if section.affine:
        x = x * per_channel(w.get(f"{name}/scale")) + per_channel(w.get(f"{name}/offset"))
    return x


def moments(images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance of each channel of (N, C, H, W)."""
    mean = images.mean((0, 2, 3))
    return mean, ((images - per_channel(mean)) ** 2).mean((0, 2, 3))


def normalised(x: Tensor, mean: Tensor, variance: Tensor, section: NormSection) -> Tensor:
    return (x - per_channel(mean)) / torch.sqrt(per_channel(variance) + section.epsilon)


def per_channel(values: Tensor) -> Tensor:
    return values[:, None, None]
