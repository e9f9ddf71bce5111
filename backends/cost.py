"""What networks cost and see, from their layer tables: sizes, FLOPs, receptive field."""

from __future__ import annotations

from backends.architecture import Layer


def output_sizes(layers: tuple[Layer, ...], size: int) -> tuple[int, ...]:
    """Height or width behind every layer for an image of `size` pixels."""
    sizes = []
    for layer in layers:
        size = layer.output_size(size)
        sizes.append(size)
    return tuple(sizes)


def layer_flops(layers: tuple[Layer, ...], height: int, width: int) -> tuple[int, ...]:
    """Floating-point operations of each convolution for one image; a multiply-add counts as two."""
    flops = []
    for layer in layers:
        out_height, out_width = layer.output_size(height), layer.output_size(width)
        # A transposed convolution does its work once an input pixel, a convolution once an output.
        transposed = layer.kind == "transposed_conv"
        positions = height * width if transposed else out_height * out_width
        flops.append(2 * positions * layer.kernel**2 * layer.in_channels * layer.out_channels)
        height, width = out_height, out_width
    return tuple(flops)


def forward_flops(layers: tuple[Layer, ...], height: int, width: int) -> int:
    """Floating-point operations of the convolutions for one image; a multiply-add counts as two."""
    return sum(layer_flops(layers, height, width))


def receptive_fields(layers: tuple[Layer, ...]) -> tuple[int, ...]:
    """Pixels of the input, along a side, that one pixel behind each layer may depend on.

    Along the longest path, which goes through every layer; norms, which see whole images, aside.
    """
    field, pixel = 1.0, 1.0  # of the input: seen; between neighbours behind the layer
    fields = []
    for layer in layers:
        if layer.kind == "conv":
            field += (layer.kernel - 1) * pixel
            pixel *= layer.stride
        else:
            # A window of doubled pixels, or of a kernel's places two apart, meets so many old ones.
            window = layer.kernel // 2 + 1 if layer.kind == "resize_conv" else -(-layer.kernel // 2)
            field += (window - 1) * pixel
            pixel /= 2
        fields.append(round(field))
    return tuple(fields)


def train_step_flops(
    generators: tuple[int, int],
    discriminators: tuple[int, int],
    batch: int,
    identity: bool,
    shown: int = 1,
    penalty: bool = False,
) -> int:
    """Floating-point operations of one training step, convolutions only.

    `generators`, `discriminators`: `forward_flops` of the two networks of each kind. A backward
    pass costs two forward ones; through a frozen network, one. Generators run on the image, the
    other's translation and, with the identity loss, on their own domain; discriminators frozen on
    the fake, then on a real image and on `shown` fakes. A gradient penalty takes a forward pass,
    one back to the image, and a backward pass through both.
    """
    generator_passes = 3 if identity else 2
    generator = 3 * generator_passes * sum(generators)
    passes = 2 * 1 + 3 * (1 + shown) + (6 if penalty else 0)
    return batch * (generator + passes * sum(discriminators))
