"""The networks as tables: parameters, sizes, receptive fields and FLOPs, against hand and paper."""

import math
from dataclasses import replace

import pytest

from backends.architecture import (
    DiscriminatorSpec,
    NormSpec,
    ResNetSpec,
    UNetSpec,
    discriminator_layers,
    dropped_layers,
    network_layers,
    parameter_shapes,
    resnet_layers,
    unet_layers,
)
from backends.cost import (
    forward_flops,
    layer_flops,
    output_sizes,
    receptive_fields,
)
from backends.model import Model
from harness.cli import main
from harness.config.load import load_any, load_experiment
from harness.config.presets import preset_names
from harness.tools.layer_table import network_rows

# As the authors of pix2pix define their unet_256 for this norm.
PIX2PIX = UNetSpec(norm=NormSpec("batch", affine=True), bias=False)


def count(layers):
    return sum(math.prod(shape) for shape in parameter_shapes(layers).values())


def parameters(spec):
    return count(network_layers(spec))


def preset(name, network):
    return getattr(load_experiment(None, name, []).networks(), network)


@pytest.mark.parametrize(
    ("spec", "published"),
    [
        # As the authors' code prints for ResNet-9 and the 70x70 PatchGAN with biases.
        (ResNetSpec(), 11_378_179),
        (DiscriminatorSpec(), 2_764_737),
        # As it prints for pix2pix, `--netG unet_256 --norm batch`.
        (PIX2PIX, 54_413_955),
    ],
)
def test_parameter_counts_are_the_published_ones(spec, published):
    assert parameters(spec) == published


@pytest.mark.parametrize(
    ("name", "published"), [("domainnet-resnet", 11_383_491), ("domainnet-unet", 30_616_003)]
)
def test_tables_of_system_4_have_the_counts_that_its_authors_state(name, published):
    assert parameters(preset(name, "g_ab")) == parameters(preset(name, "g_ba")) == published


def test_the_pixel_discriminator_by_hand():
    spec = DiscriminatorSpec(kind="pixel", filters=8, in_channels=3, norm=NormSpec(affine=True))
    # 3 to 8 without norm, 8 to 16 with a learnt scale and offset, 16 to 1; a bias each.
    assert parameters(spec) == (3 * 8 + 8) + (8 * 16 + 16 + 2 * 16) + (16 + 1)
    # Without biases in front of norms: only the middle layer has one.
    assert parameters(replace(spec, bias=False)) == parameters(spec) - 16
    assert parameters(replace(spec, norm_first=True)) == parameters(spec) + 2 * 8
    layers = discriminator_layers(spec)
    assert output_sizes(layers, 32) == (32, 32, 32) and receptive_fields(layers)[-1] == 1


@pytest.mark.parametrize(("layers", "sees"), [(1, 16), (2, 34), (3, 70), (4, 142)])
def test_receptive_fields_of_patchgans_are_the_published_ones(layers, sees):
    table = discriminator_layers(DiscriminatorSpec(layers=layers))
    assert receptive_fields(table)[-1] == sees
    field = 1
    for layer in reversed(table):
        field = (field - 1) * layer.stride + layer.kernel
    assert field == sees


def test_patches_of_a_256_image():
    assert output_sizes(discriminator_layers(DiscriminatorSpec()), 256)[-1] == 30
    # Four halvings, and a head in TensorFlow's SAME.
    spec = preset("domainnet-resnet", "d_a")
    assert output_sizes(discriminator_layers(spec), 256) == (128, 64, 32, 16, 16)


def test_a_strided_discriminator_has_no_layer_of_stride_one_but_its_head():
    spec = DiscriminatorSpec(kind="strided", layers=5, filters=2)
    assert [layer.stride for layer in discriminator_layers(spec)] == [2, 2, 2, 2, 2, 1]
    assert [layer.out_channels for layer in discriminator_layers(spec)] == [2, 4, 8, 16, 16, 1]
    assert [layer.norm is None for layer in discriminator_layers(spec)] == [
        *(True, False, False, False, False, True)
    ]


def test_receptive_fields_of_both_ways_up_by_hand():
    # A pixel behind a 3x3 transposed convolution of stride 2 meets 2 old ones along a side at most.
    # Of 3 doubled pixels in a row, 2 are of different old ones. Both before down-sampling see 7,
    # then 9 and 13 pixels; pixels are 4 apart, later 2, in the end 1; the head sees 7.
    for upsampling in ("transposed", "resize_conv"):
        layers = resnet_layers(ResNetSpec(blocks=0, upsampling=upsampling))
        assert receptive_fields(layers) == (7, 9, 13, 17, 19, 25)
    unet = unet_layers(UNetSpec(depth=2))
    assert receptive_fields(unet) == (4, 10, 14, 16)


def test_resnets_keep_the_image_size_or_change_it_by_their_paddings():
    # The 7x7 layers and residual blocks pad by reflection as much as `padding` says.
    assert output_sizes(resnet_layers(ResNetSpec()), 256)[-1] == 256
    model = load_experiment(None, "mnist-svhn", []).networks()
    assert (model.shape_a, model.shape_b) == ((28, 28, 1), (32, 32, 3))
    there, back = resnet_layers(model.g_ab), resnet_layers(model.g_ba)
    assert output_sizes(there, 28)[-1] == 32 and output_sizes(back, 32)[-1] == 28
    assert (there[0].padding, there[-1].padding) == (5, 3)
    assert (back[0].padding, back[-1].padding) == (3, 1)
    assert (there[0].in_channels, there[-1].out_channels) == (1, 3)
    assert (back[0].in_channels, back[-1].out_channels) == (3, 1)
    for network in ("d_a", "d_b"):
        layers = discriminator_layers(getattr(model, network))
        assert output_sizes(layers, model.input_shape(network)[0])[-1] == 2


def test_a_unet_by_hand():
    layers = unet_layers(UNetSpec(depth=5, filters=2, out_channels=1))
    table = [(layer.name, layer.in_channels, layer.out_channels) for layer in layers]
    assert table == [
        *(("down0", 3, 2), ("down1", 2, 4), ("down2", 4, 8), ("down3", 8, 16), ("down4", 16, 16)),
        # Behind the innermost, what comes up and, of the same number of channels, the skip.
        *(("up4", 16, 16), ("up3", 32, 8), ("up2", 16, 4), ("up1", 8, 2), ("head", 4, 1)),
    ]
    assert output_sizes(layers, 32) == (16, 8, 4, 2, 1, 2, 4, 8, 16, 32)
    # No norm at the ends of the way down, nor behind the head.
    normed = [layer.name for layer in layers if layer.norm]
    assert normed == ["down1", "down2", "down3", "up4", "up3", "up2", "up1"]
    ends = unet_layers(UNetSpec(depth=5, norm_ends=True))
    assert [layer.name for layer in ends if not layer.norm] == ["head"]
    assert UNetSpec(depth=5).multiple == 32
    assert [layer.kernel for layer in unet_layers(UNetSpec(depth=2, kernel=3))] == [3, 3, 3, 4]


def test_a_unet_without_skips_is_one_layer_down_and_the_head():
    layers = unet_layers(UNetSpec(depth=1, filters=2))
    assert [(layer.in_channels, layer.out_channels) for layer in layers] == [(3, 2), (2, 3)]


@pytest.mark.parametrize(
    ("depth", "dropped"),
    [(8, ("up7", "up6", "up5")), (3, ("up2", "up1")), (2, ("up1",)), (1, ())],
)
def test_dropout_is_behind_the_three_innermost_doublings_but_the_head(depth, dropped):
    assert dropped_layers(UNetSpec(depth=depth, dropout=0.5)) == dropped
    assert dropped_layers(UNetSpec(depth=depth)) == dropped_layers(ResNetSpec()) == ()


def test_transposed_kernels_are_stored_out_before_in():
    shapes = parameter_shapes(resnet_layers(ResNetSpec(filters=8)))
    assert shapes["up0/kernel"] == (3, 3, 16, 32)
    assert shapes["down1/kernel"] == (3, 3, 16, 32)
    resized = parameter_shapes(resnet_layers(ResNetSpec(filters=8, upsampling="resize_conv")))
    assert resized["up0/kernel"] == (3, 3, 32, 16)
    assert count(resnet_layers(ResNetSpec(upsampling="resize_conv"))) == 11_378_179


def test_forward_flops_of_single_layers_by_hand():
    head = discriminator_layers(DiscriminatorSpec(filters=1))[-1]
    # 31x29 in, 30x28 out, 4x4 kernel, 8 channels to 1, two operations a multiply-add.
    assert forward_flops((head,), 31, 29) == 2 * 30 * 28 * 16 * 8
    both = ResNetSpec(filters=1, blocks=0), ResNetSpec(filters=1, upsampling="resize_conv")
    transposed, resized = (
        next(layer for layer in resnet_layers(spec) if layer.name == "up1") for spec in both
    )
    # Once an input pixel; once an output pixel, of which there are four times as many.
    assert layer_flops((transposed,), 8, 6) == (2 * 8 * 6 * 9 * 2,)
    assert layer_flops((resized,), 8, 6) == (4 * 2 * 8 * 6 * 9 * 2,)
    assert layer_flops((head, head), 8, 8) == (2 * 7 * 7 * 128, 2 * 6 * 6 * 128)


def test_every_preset_has_a_table_that_adds_up():
    for name in preset_names():
        model = load_any(None, name, []).networks()
        if not isinstance(model, Model):  # of dense layers there is no table
            continue
        for table in network_rows(model):
            network = table.title.split(" on ")[0].split(", ")[0]
            assert table.parameters == count(model.layers(network)), name
            height, width, _ = model.input_shape(network)
            assert table.flops == forward_flops(model.layers(network), height, width), name
            outputs = [row.output[:2] for row in table.rows]
            assert outputs == [(side, side) for side in output_sizes(model.layers(network), height)]


def test_networks_that_are_alike_share_a_table_and_others_do_not():
    titles = [t.title for t in network_rows(load_experiment(None, "paper", []).networks())]
    assert titles == ["g_ab, g_ba on 256 x 256 x 3", "d_a, d_b on 256 x 256 x 3"]
    titles = [t.title for t in network_rows(load_experiment(None, "mnist-svhn", []).networks())]
    assert titles == [
        *("g_ab on 28 x 28 x 1", "g_ba on 32 x 32 x 3", "d_a on 28 x 28 x 1", "d_b on 32 x 32 x 3")
    ]


def test_the_command_prints_counts_flops_and_receptive_fields(capsys):
    assert main(["models", "--preset", "domainnet-unet"]) == 0
    text = capsys.readouterr().out
    assert "30,616,003 parameters" in text and "g_ab, g_ba on 256 x 256 x 3" in text
    assert main(["models", "--preset", "paper", "--set", "model.discriminator_layers=2"]) == 0
    text = capsys.readouterr().out
    assert "11,378,179 parameters" in text and "34 px" in text and "70 px" not in text
    assert main(["models", "--preset", "nothing"]) == 2
