"""Generators and discriminators, as docs/conventions.md describes their layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from harness.config.sections import ModelSection, NormSection
from reference.layers import (
    Weights,
    conv,
    doubled,
    dropped,
    leaky_relu,
    norm,
    reflected,
    transposed_conv,
)

Masks = Sequence[np.ndarray]
NO_NORM = NormSection(kind="none")


def generator(
    w: Weights, model: ModelSection, x: Tensor, channels: int, growth: int, kept: Masks
) -> Tensor:
    """`channels` of the translation; `growth`: pixels by which it is higher and wider than `x`.

    `kept`: masks of the layers with dropout, in forward order; none where nothing is dropped.
    """
    if model.generator == "unet":
        return unet(w, model, x, channels, kept)
    return resnet(w, model, x, channels, growth)


def resnet(w: Weights, model: ModelSection, x: Tensor, channels: int, growth: int) -> Tensor:
    n, bias, same = model.norm, model.bias, model.padding == "same"
    f = model.filters
    # A larger translation has more around the stem, a smaller one less around the head.
    around_stem, around_head = 3 + max(0, growth) // 2, 3 - max(0, -growth) // 2
    x = conv(w, "stem", reflected(x, around_stem), f, 7, bias or model.stem_bias)
    x = F.relu(norm(w, "stem", x, n))
    for layer, out in (("down0", 2 * f), ("down1", 4 * f)):
        x = conv(w, layer, x, out, 3, bias, stride=2, around=1, same=same)
        x = F.relu(norm(w, layer, x, n))
    for block in range(model.blocks):
        first, second = f"block{block}/conv0", f"block{block}/conv1"
        y = F.relu(norm(w, first, conv(w, first, reflected(x, 1), 4 * f, 3, bias), n))
        x = x + norm(w, second, conv(w, second, reflected(y, 1), 4 * f, 3, bias), n)
    for layer, out in (("up0", 2 * f), ("up1", f)):
        if model.upsampling == "resize_conv":
            x = conv(w, layer, reflected(doubled(x), 1), out, 3, bias)
        else:
            x = transposed_conv(w, layer, x, out, 3, bias, model.transposed_crop)
        x = F.relu(norm(w, layer, x, n))
    return torch.tanh(conv(w, "head", reflected(x, around_head), channels, 7, bias=True))


def unet(w: Weights, model: ModelSection, x: Tensor, channels: int, kept: Masks) -> Tensor:
    depth, size, bias = model.depth, model.unet_kernel, model.bias
    same, crop = model.padding == "same", model.transposed_crop
    skips: list[Tensor] = []
    for i in range(depth):
        layer = f"down{i}"
        if i > 0:
            x = leaky_relu(x, model.unet_slope)
        x = conv(w, layer, x, width(model.filters, i), size, bias, stride=2, around=1, same=same)
        if model.unet_norm_ends or i not in (0, depth - 1):
            x = norm(w, layer, x, model.norm)
        skips.append(x)
    x = skips.pop()
    masks = list(kept)
    for i in range(depth - 1, 0, -1):
        layer, out = f"up{i}", width(model.filters, i - 1)
        x = transposed_conv(w, layer, F.relu(x), out, size, bias, crop)
        x = norm(w, layer, x, model.norm)
        if masks:
            x = dropped(x, masks.pop(0), model.dropout)
        x = torch.cat([x, skips.pop()], dim=1)
    return torch.tanh(transposed_conv(w, "head", F.relu(x), channels, 4, True, crop))


def width(filters: int, doublings: int) -> int:
    """Channels after so many doublings: at most eight times the first."""
    return min(filters * 2**doublings, filters * 8)


def discriminator(w: Weights, model: ModelSection, x: Tensor) -> Tensor:
    """Scores (N, 1, h, w)."""
    padding = model.discriminator_padding or model.padding
    bias = model.bias if model.discriminator_bias is None else model.discriminator_bias
    size, around, strides = 4, 1, [2] * model.discriminator_layers
    if model.discriminator == "patch":
        strides.append(1)
    elif model.discriminator == "pixel":
        size, around, strides = 1, 0, [1, 1]
    for i, stride in enumerate(strides):
        n = model.discriminator_norm or model.norm
        if i == 0 and not model.discriminator_norm_first:
            n = NO_NORM
        has_bias = bias or n.kind == "none"
        out = width(model.discriminator_filters, i)
        x = conv(w, f"conv{i}", x, out, size, has_bias, stride, around, same=padding == "same")
        x = leaky_relu(norm(w, f"conv{i}", x, n), model.slope)
    scores = conv(w, "head", x, 1, size, True, 1, around, same=padding == "same")
    if model.discriminator_sigmoid:
        return torch.sigmoid(scores)
    return torch.tanh(scores) if model.discriminator_tanh else scores
