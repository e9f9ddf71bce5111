import math

from backends.architecture import (
    DiscriminatorSpec,
    GeneratorSpec,
    discriminator_layers,
    forward_flops,
    generator_layers,
    parameter_shapes,
    train_step_flops,
)


def count(layers):
    return sum(math.prod(shape) for shape in parameter_shapes(layers).values())


def test_parameter_counts_are_the_published_ones():
    # As the authors' code prints for ResNet-9 and the 70x70 PatchGAN with biases.
    assert count(generator_layers(GeneratorSpec())) == 11_378_179
    assert count(discriminator_layers(DiscriminatorSpec())) == 2_764_737


def test_patchgan_makes_a_30x30_map_of_a_256_image_with_receptive_field_70():
    size, field = 256, 1
    layers = discriminator_layers(DiscriminatorSpec())
    for layer in layers:
        size = layer.output_size(size)
    for layer in reversed(layers):
        field = (field - 1) * layer.stride + layer.kernel
    assert (size, field) == (30, 70)


def test_generator_keeps_the_image_size():
    size = 256
    for layer in generator_layers(GeneratorSpec()):
        # The 7x7 layers and residual blocks pad by reflection as much as `padding` says.
        size = layer.output_size(size)
    assert size == 256


def test_transposed_kernels_are_stored_out_before_in():
    shapes = parameter_shapes(generator_layers(GeneratorSpec(filters=8)))
    assert shapes["up0/kernel"] == (3, 3, 16, 32)
    assert shapes["down1/kernel"] == (3, 3, 16, 32)


def test_forward_flops_of_a_layer_by_hand():
    head = discriminator_layers(DiscriminatorSpec(filters=1))[-1]
    # 31x31 in, 30x30 out, 4x4 kernel, 8 channels to 1, two operations a multiply-add.
    assert forward_flops((head,), 31, 31) == 2 * 30 * 30 * 16 * 8


def test_step_flops_count_every_pass():
    # Three generator passes forward and backward; discriminators 1+1 frozen, then 2 x 3.
    assert train_step_flops((10, 10), (1, 1), batch=2, identity=True) == 2 * (20 * 9 + 2 * 8)
    assert train_step_flops((10, 10), (1, 1), batch=1, identity=False) == 20 * 6 + 2 * 8
