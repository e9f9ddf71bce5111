"""What networks cost and see, from their layer tables: sizes, FLOPs, traffic, receptive field."""

from __future__ import annotations

import math
from dataclasses import dataclass

from backends.architecture import (
    DiscriminatorSpec,
    GeneratorSpec,
    Layer,
    network_layers,
    parameter_shapes,
)

# Of a number, by the name of its precision.
ELEMENT_BYTES = {"float32": 4, "float64": 8, "bfloat16": 2}
# Adam reads parameter, gradient and both moments, and writes parameter and moments.
ADAM_TOUCHES = 7


@dataclass(frozen=True)
class Cost:
    """Floating-point operations, and bytes that go to and from memory.

    Operations: of convolutions only, a multiply-add counts as two. Bytes: the least that there can
    be if every operation reads its inputs once, writes its output once, and no cache keeps anything
    from one to the next (the compulsory traffic of a roofline: Williams et al. 2009). Operations
    that move anything: convolutions, their two backward products, norms together with the
    activation behind, and Adam. Padding and the doubling of pixels are part of a convolution.

    Left out, since it can be part of what stands beside it or is small: sums of residual blocks,
    concatenations, dropout, biases, losses, image pools, clipping, casts between precisions.
    """

    flops: int = 0
    bytes: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.flops + other.flops, self.bytes + other.bytes)

    def __rmul__(self, times: int) -> Cost:
        return Cost(times * self.flops, times * self.bytes)

    @property
    def intensity(self) -> float | None:
        """FLOPs a byte, where anything is moved."""
        return self.flops / self.bytes if self.bytes else None


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


@dataclass(frozen=True)
class NetworkCost:
    """What passes of one batch through a network, or through several, are made of.

    `product`: of each convolution once. A backward pass has two, with as many operations as the
    forward one, and as many bytes: of input, kernel and output each reads two and writes the third.
    `touch`: everything behind a norm or an activation read or written once. `update`: Adam.
    """

    product: Cost
    touch: Cost
    update: Cost

    def __add__(self, other: NetworkCost) -> NetworkCost:
        return NetworkCost(
            self.product + other.product, self.touch + other.touch, self.update + other.update
        )

    @property
    def forward(self) -> Cost:
        """A norm reads and writes."""
        return self.product + 2 * self.touch

    @property
    def backward_to_input(self) -> Cost:
        """Through frozen kernels. A norm reads its input and a gradient, and writes another."""
        return self.product + 3 * self.touch

    @property
    def backward(self) -> Cost:
        """To the input, that of the first layer included, and to the kernels."""
        return self.backward_to_input + self.product

    @property
    def penalty(self) -> Cost:
        """Forward, back to the image, and backward through both.

        The derivative of the pass to the image: two products a convolution; a norm reads its input,
        a gradient and what comes back, and writes what goes to the first two.
        """
        back_through_backward = 2 * self.product + 5 * self.touch
        return self.forward + self.backward_to_input + back_through_backward + self.backward


def network_cost(
    spec: GeneratorSpec | DiscriminatorSpec,
    height: int,
    width: int,
    batch: int,
    compute: str,
    stored: str,
) -> NetworkCost:
    """Of `batch` images of that height and width.

    Activations and kernels are in the precision `compute`, what Adam meets in `stored`: keys of
    ELEMENT_BYTES.
    """
    layers = network_layers(spec)
    # Nothing is behind a discriminator's head, unless it ends in a tanh as generators do, or alike.
    bare = (
        layers[-1:]
        if isinstance(spec, DiscriminatorSpec) and not (spec.tanh or spec.sigmoid)
        else ()
    )
    moved = touched = 0
    size = (height, width)
    for layer in layers:
        before = math.prod(size) * layer.in_channels
        size = (layer.output_size(size[0]), layer.output_size(size[1]))
        after = math.prod(size) * layer.out_channels
        kernel = layer.kernel**2 * layer.in_channels * layer.out_channels
        moved += batch * (before + after) + kernel
        touched += 0 if layer in bare else batch * after
    element = ELEMENT_BYTES[compute]
    parameters = sum(math.prod(shape) for shape in parameter_shapes(layers).values())
    return NetworkCost(
        product=Cost(batch * forward_flops(layers, height, width), element * moved),
        touch=Cost(bytes=element * touched),
        update=Cost(bytes=ADAM_TOUCHES * ELEMENT_BYTES[stored] * parameters),
    )


def phase_costs(
    generators: NetworkCost,
    discriminators: NetworkCost,
    identity: bool,
    shown: int = 1,
    penalty: bool = False,
) -> dict[str, Cost]:
    """Of one training step, by `backends.interface.PHASES`; both networks of a kind together.

    Generators run on the image, the other's translation and, with the identity loss, on their own
    domain; discriminators frozen on the fake, then on a real image and on `shown` fakes. Each pass
    reads the kernels anew: a backend that makes several at once moves less. Fakes are made once,
    though an update order that begins with the discriminators makes them twice.
    """
    passes = 3 if identity else 2
    trained = (1 + shown) * (discriminators.forward + discriminators.backward)
    return {
        "host": Cost(),
        "generators_forward": passes * generators.forward + discriminators.forward,
        "generators_backward": passes * generators.backward + discriminators.backward_to_input,
        "discriminators": trained + discriminators.penalty if penalty else trained,
        "optimisers": generators.update + discriminators.update,
    }
