"""Generators and discriminators, as docs/conventions.md describes their layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
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
from torch import Tensor
from torch.nn import functional as F

from harness.config.sections import ModelSection, NormSection

Masks = Sequence[np.ndarray]
NO_NORM = NormSection(kind="none")


def generator(w: Weights, model: ModelSection, x: Tensor, growth: int, kept: Masks) -> Tensor:
    """`growth`: pixels by which the translation is higher and wider than the image.

    `kept`: masks of the layers with dropout, in forward order; none where nothing is dropped.
    """
    if model.generator == "unet":
        return unet(w, model, x, kept)
    return resnet(w, model, x, growth)


def resnet(w: Weights, model: ModelSection, x: Tensor, growth: int) -> Tensor:
    n, bias, same = model.norm, model.bias, model.padding == "same"
    # A larger translation has more around the stem, a smaller one less around the head.
    around_stem, around_head = 3 + max(0, growth) // 2, 3 - max(0, -growth) // 2
    x = conv(w, "stem", reflected(x, around_stem), bias or model.stem_bias)
    x = F.relu(norm(w, "stem", x, n))
    for layer in ("down0", "down1"):
        x = F.relu(norm(w, layer, conv(w, layer, x, bias, stride=2, around=1, same=same), n))
    for block in range(model.blocks):
        first, second = f"block{block}/conv0", f"block{block}/conv1"
        y = F.relu(norm(w, first, conv(w, first, reflected(x, 1), bias), n))
        x = x + norm(w, second, conv(w, second, reflected(y, 1), bias), n)
    for layer in ("up0", "up1"):
        if model.upsampling == "resize_conv":
            x = conv(w, layer, reflected(doubled(x), 1), bias)
        else:
            x = transposed_conv(w, layer, x, bias, model.transposed_crop)
        x = F.relu(norm(w, layer, x, n))
    return torch.tanh(conv(w, "head", reflected(x, around_head), bias=True))


def unet(w: Weights, model: ModelSection, x: Tensor, kept: Masks) -> Tensor:
    depth, bias, same = model.depth, model.bias, model.padding == "same"
    skips: list[Tensor] = []
    for i in range(depth):
        if i > 0:
            x = leaky_relu(x, model.unet_slope)
        x = conv(w, f"down{i}", x, bias, stride=2, around=1, same=same)
        at_an_end = i in (0, depth - 1)
        x = norm(
            w, f"down{i}", x, NO_NORM if at_an_end and not model.unet_norm_ends else model.norm
        )
        skips.append(x)
    x = skips.pop()
    masks = list(kept)
    for i in range(depth - 1, 0, -1):
        x = transposed_conv(w, f"up{i}", F.relu(x), bias, model.transposed_crop)
        x = norm(w, f"up{i}", x, model.norm)
        if masks:
            x = dropped(x, masks.pop(0), model.dropout)
        x = torch.cat([x, skips.pop()], dim=1)
    return torch.tanh(transposed_conv(w, "head", F.relu(x), True, model.transposed_crop))


def discriminator(w: Weights, model: ModelSection, x: Tensor) -> Tensor:
    """Scores (N, 1, h, w)."""
    padding = model.discriminator_padding or model.padding
    bias = model.bias if model.discriminator_bias is None else model.discriminator_bias
    around, strides = 1, [2] * model.discriminator_layers
    if model.discriminator == "patch":
        strides.append(1)
    elif model.discriminator == "pixel":
        around, strides = 0, [1, 1]
    for i, stride in enumerate(strides):
        n = model.discriminator_norm or model.norm
        if i == 0 and not model.discriminator_norm_first:
            n = NO_NORM
        has_bias = bias or n.kind == "none"
        x = conv(w, f"conv{i}", x, has_bias, stride, around, same=padding == "same")
        x = leaky_relu(norm(w, f"conv{i}", x, n), model.slope)
    scores = conv(w, "head", x, True, 1, around, same=padding == "same")
    return torch.tanh(scores) if model.discriminator_tanh else scores
