"""Networks of both backends, alone: their sizes, and the U-Net against one written out anew."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
import torch
from torch import nn
from torch.nn import functional as F

from backends.architecture import (
    DiscriminatorSpec,
    NormSpec,
    ResNetSpec,
    UNetSpec,
    network_layers,
    parameter_shapes,
)
from backends.tf_impl import networks as of_tf
from backends.torch_impl import networks as of_torch
from harness.config.load import load_experiment

pytestmark = pytest.mark.usefixtures("tensorflow")
AFFINE = NormSpec(affine=True)


def preset(name, network="g_ab"):
    return getattr(load_experiment(None, name, []).networks(), network)


def built(spec, size, precision="float64"):
    """The PyTorch network, and Keras's with its variables made."""
    discriminator = isinstance(spec, DiscriminatorSpec)
    mine = of_torch.Discriminator(spec) if discriminator else of_torch.generator(spec)
    theirs = (of_tf.Discriminator if discriminator else of_tf.generator)(
        spec, name="net", dtype=precision
    )
    theirs(tf.zeros((1, size, size, spec.in_channels), precision))
    return mine.to(getattr(torch, precision)), theirs


@pytest.mark.parametrize(
    ("spec", "size", "count"),
    [
        (ResNetSpec(), 8, 11_378_179),
        (ResNetSpec(upsampling="resize_conv"), 8, 11_378_179),
        (DiscriminatorSpec(), 32, 2_764_737),
        (preset("domainnet-resnet"), 8, 11_383_491),
        (preset("domainnet-unet"), 256, 30_616_003),
        (UNetSpec(norm=NormSpec("batch", affine=True), bias=False), 256, 54_413_955),
        (DiscriminatorSpec(kind="pixel", filters=8, norm=AFFINE), 4, 225),
    ],
    ids=["ResNet-9", "resize", "PatchGAN", "domainnet-resnet", "domainnet-unet", "pix2pix", "1x1"],
)
def test_networks_are_those_of_the_table_which_has_the_published_number_of_weights(
    spec, size, count
):
    assert weights_of(spec) == count
    # All but the number of filters as in the real ones, which take a second each to draw.
    narrow = replace(spec, filters=2)
    mine, theirs = built(narrow, size, "float32")
    assert sum(p.numel() for p in mine.parameters()) == weights_of(narrow)
    assert sum(int(np.prod(v.shape)) for v in theirs.trainable_variables) == weights_of(narrow)


def weights_of(spec):
    return sum(math.prod(shape) for shape in parameter_shapes(network_layers(spec)).values())


# ------------------------------------------------------------------- a U-Net written out anew


class Block(nn.Module):
    """One level of pix2pix's generator around the next: Isola et al. 2017, appendix 6.1.1.

    Going down: LeakyReLU, convolution, norm; going up: ReLU, transposed convolution, norm. The
    outermost has no activation in front and tanh behind; what goes in is put in front of what
    comes out of all others.
    """

    def __init__(self, spec, level, down, up, down_norm, up_norm, inner):
        super().__init__()
        self.spec, self.outermost, self.inner = spec, level == 0, inner
        self.down, self.up, self.down_norm, self.up_norm = down, up, down_norm, up_norm

    def forward(self, x):
        # In float32 as TensorFlow's op holds it.
        y = x if self.outermost else F.leaky_relu(x, float(np.float32(self.spec.slope)))
        y = self.down_norm(self.down(y))
        y = F.relu(self.inner(y) if self.inner else y)
        y = self.up(y)
        if self.outermost:
            return torch.tanh(y)
        return torch.cat((x, self.up_norm(y)), 1)


class Same(nn.Module):
    """As `layer` in TensorFlow's SAME: half of what is missing in front, the odd one behind.

    For even sizes and stride 2: of a kernel of 3 one pixel behind, of 4 one on either side. A
    transposed convolution is its transpose: of what it puts out too much, that goes.
    """

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        kernel = self.layer.kernel_size[0]
        before, after = (0, 1) if kernel == 3 else (1, 1)
        if isinstance(self.layer, nn.ConvTranspose2d):
            y, side = self.layer(x), 2 * x.shape[-1]
            return y[..., before : before + side, before : before + side]
        return self.layer(F.pad(x, (before, after, before, after)))


def layers_of(spec):
    """Table's layers as PyTorch's own, by canonical name; norms by `<name>_norm`."""
    found = {}
    for layer in network_layers(spec):
        kind = nn.Conv2d if layer.kind == "conv" else nn.ConvTranspose2d
        size = (layer.in_channels, layer.out_channels, layer.kernel, 2)
        if spec.padding == "same":
            made = Same(kind(*size, bias=layer.bias))
        else:
            made = kind(*size, padding=1, bias=layer.bias)
        normed = nn.InstanceNorm2d(layer.out_channels, affine=layer.norm and layer.norm.affine)
        found[layer.name] = made
        found[f"{layer.name}_norm"] = normed if layer.norm else nn.Identity()
    return found


def reference(spec, weights):
    """Nested from the inside out, with the canonical `weights`.

    pix2pix has the skip's channels before those that come up, the table after: a kernel that takes
    both has its halves exchanged, which is another name for the same weights.
    """
    layers = layers_of(spec)
    for name, array in weights.items():
        owner, _, kind = name.rpartition("/")
        if kind == "kernel" and owner[:4] != "down" and owner != f"up{spec.depth - 1}":
            array = np.roll(array, array.shape[3] // 2, axis=3)
        module = getattr(layers[owner], "layer", layers[owner])
        attribute = {"kernel": "weight", "scale": "weight", "offset": "bias"}.get(kind, kind)
        array = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array
        getattr(module, attribute).data = torch.from_numpy(np.ascontiguousarray(array))
    inner = None
    for level in reversed(range(spec.depth)):
        up = f"up{level}" if level else "head"
        names = (f"down{level}", up, f"down{level}_norm", f"{up}_norm")
        inner = Block(spec, level, *(layers[name] for name in names), inner)
    return inner


def drawn(spec):
    draw = np.random.default_rng(1)
    shapes = parameter_shapes(network_layers(spec))
    return {name: draw.normal(0.02, 0.2, shape) for name, shape in shapes.items()}


def loaded(spec, size):
    weights, (mine, theirs) = drawn(spec), built(spec, size)
    for name, parameter in mine.named_parameters():
        array = weights[name.replace(".", "/").replace("weight", "kernel")]
        array = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array
        parameter.data = torch.from_numpy(np.ascontiguousarray(array))
    for variable in theirs.trainable_variables:
        variable.assign(weights[variable.path.removeprefix("net/")])
    return weights, mine, theirs


UNETS = {
    "pix2pix": UNetSpec(depth=4, filters=3, out_channels=1),
    "pix2pix, narrow kernels": UNetSpec(depth=4, filters=3, kernel=4, bias=False, norm=AFFINE),
    "system 4": UNetSpec(
        *(1, 3, 3, 5, 3, AFFINE, True, False),
        slope=0.0,
        padding="same",
        transposed_crop="last",
    ),
    "SAME, 4x4": UNetSpec(depth=3, filters=2, padding="same"),
}


@pytest.mark.parametrize("spec", UNETS.values(), ids=UNETS)
@torch.no_grad()
def test_unets_are_those_of_nested_blocks(spec):
    size = 2**spec.depth if not spec.norm_ends else 2 ** (spec.depth + 1)
    weights, mine, theirs = loaded(spec, size)
    images = np.random.default_rng(2).uniform(-1, 1, (2, size, size, spec.in_channels))
    x = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
    network = reference(spec, weights).double()
    expected = network(x).permute(0, 2, 3, 1).numpy()
    assert expected.shape == (2, size, size, spec.out_channels) and expected.std() > 0.01
    assert np.abs(mine(x).permute(0, 2, 3, 1).numpy() - expected).max() < 1e-12
    assert np.abs(theirs(tf.constant(images)).numpy() - expected).max() < 1e-12


def test_a_norm_of_a_single_pixel_leaves_its_offset():
    """The innermost of system 4's U-Net: where PyTorch's own instance norm refuses."""
    spec = UNetSpec(depth=3, filters=2, norm=AFFINE, norm_ends=True)
    weights, mine, theirs = loaded(spec, 8)
    images = np.random.default_rng(2).uniform(-1, 1, (2, 8, 8, 3))
    with torch.no_grad():
        x = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
        found = {n: t.numpy() for n, t in of_torch.activations(mine, x).items()}
    other = {n: t.numpy() for n, t in of_tf.activations(theirs, tf.constant(images), True).items()}
    offset = weights["down2_norm/offset"]
    assert found["down2_norm"].shape == (2, 8, 1, 1) and found["down2"].std() > 0.1
    assert found["down2_norm"][:, :, 0, 0] == pytest.approx(np.stack([offset] * 2), abs=1e-12)
    assert other["down2_norm"][:, 0, 0] == pytest.approx(np.stack([offset] * 2), abs=1e-12)
    assert np.abs(found["output"].transpose(0, 2, 3, 1) - other["output"]).max() < 1e-12


# ------------------------------------------------------------------------------------ dropout


def test_dropout_keeps_what_it_is_told_and_makes_up_for_the_rest():
    """Through the layer above: its norm would hide a factor, so there is none."""
    spec = UNetSpec(depth=2, filters=2, norm=None, dropout=0.25)
    weights, mine, theirs = loaded(spec, 8)
    draw = np.random.default_rng(3)
    images = draw.uniform(-1, 1, (2, 8, 8, 3))
    mask = (draw.random((2, 4, 4, 2)) > 0.4).astype(np.uint8)
    layers = {n: x for n, x in weights.items() if n.startswith("head/")}
    x = torch.from_numpy(images).permute(0, 3, 1, 2)
    with torch.no_grad():
        inside = of_torch.activations(mine, x)
        dropped = inside["up1"] * torch.from_numpy(mask).permute(0, 3, 1, 2) / 0.75
        given = F.relu(torch.cat((dropped, inside["down0"]), 1))
        kernel = torch.from_numpy(layers["head/kernel"].transpose(3, 2, 0, 1).copy())
        bias = torch.from_numpy(layers["head/bias"])
        expected = torch.tanh(F.conv_transpose2d(given, kernel, bias, 2, 1))
        whole = inside["output"]
        found = mine(x, (torch.from_numpy(mask).permute(0, 3, 1, 2),))
    assert (found - expected).abs().max() < 1e-12 and (found - whole).abs().max() > 1e-3
    other = theirs(tf.constant(images), (tf.constant(mask),)).numpy()
    assert np.abs(other - expected.permute(0, 2, 3, 1).numpy()).max() < 1e-12
    assert np.abs(theirs(tf.constant(images)).numpy() - whole.permute(0, 2, 3, 1).numpy()).max() < (
        1e-12
    )
