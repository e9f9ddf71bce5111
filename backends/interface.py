"""What every backend does, and the values that pass in and out. NumPy only.

Images are uint8 NHWC. Parameters have canonical names (`g_ab/stem/kernel`) and TensorFlow's
layouts: convolution kernels HWIO, transposed ones (height, width, out, in). `ab` is a direction,
`_a` the domain that a term is measured in.
"""

from __future__ import annotations

import resource
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np

from backends.architecture import (
    DiscriminatorSpec,
    GeneratorSpec,
    Layer,
    dropped_layers,
    network_layers,
    parameter_shapes,
    statistic_shapes,
)
from backends.cost import output_sizes

Direction = Literal["ab", "ba"]
ImageShape = tuple[int, int, int]
State = Mapping[str, np.ndarray]

NETWORKS = ("g_ab", "g_ba", "d_a", "d_b")
LOSS_TERMS = (
    "adversarial_ab",
    "adversarial_ba",
    "cycle_a",
    "cycle_b",
    "identity_a",
    "identity_b",
    "discriminator_a",
    "discriminator_b",
)
ACCURACIES = ("accuracy_real_a", "accuracy_fake_a", "accuracy_real_b", "accuracy_fake_b")
PENALTIES = ("penalty_a", "penalty_b")
RECORDED = LOSS_TERMS + ACCURACIES + PENALTIES

# What discriminators are to say of real images and of fakes, by least squares (Mao et al. 2017).
REAL, FAKE = 1.0, 0.0

# Image pool, Shrivastava et al. 2017 as the CycleGAN authors have it: what to do with a new fake.
POOL_PASS, POOL_STORE, POOL_SWAP = 0, 1, 2

# The six passes through generators in a step, in the order they are made, and whose they are.
PASSES = {
    "fake_b": "g_ab",
    "fake_a": "g_ba",
    "cycle_a": "g_ba",
    "cycle_b": "g_ab",
    "identity_a": "g_ba",
    "identity_b": "g_ab",
}


@dataclass(frozen=True)
class Model:
    """Four networks and the images (height, width, channels) they are trained on.

    `rounding` of translations to uint8: to the nearest level, halves to the even one, or down.
    """

    shape_a: ImageShape
    shape_b: ImageShape
    g_ab: GeneratorSpec
    g_ba: GeneratorSpec
    d_a: DiscriminatorSpec
    d_b: DiscriminatorSpec
    rounding: Literal["half_even", "down"] = "half_even"

    def layers(self, network: str) -> tuple[Layer, ...]:
        """Layer table of one of NETWORKS, in forward order."""
        return network_layers(getattr(self, network))

    def input_shape(self, network: str) -> ImageShape:
        """Of the images that one of NETWORKS takes in training."""
        return self.shape_a if network in ("g_ab", "d_a") else self.shape_b

    def dropout_shapes(self, network: str) -> tuple[ImageShape, ...]:
        """(height, width, channels) behind every layer of a generator that has dropout."""
        layers, (height, width, _) = self.layers(network), self.input_shape(network)
        sizes = zip(layers, output_sizes(layers, height), output_sizes(layers, width), strict=True)
        shapes = {layer.name: (h, w, layer.out_channels) for layer, h, w in sizes}
        return tuple(shapes[name] for name in dropped_layers(getattr(self, network)))

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Canonical name -> shape of every trainable tensor of the four networks."""
        return {
            f"{network}/{name}": shape
            for network in NETWORKS
            for name, shape in parameter_shapes(self.layers(network)).items()
        }

    def statistic_shapes(self) -> dict[str, tuple[int, ...]]:
        """Canonical name -> shape of every running statistic of the four networks."""
        return {
            f"{network}/{name}": shape
            for network in NETWORKS
            for name, shape in statistic_shapes(self.layers(network)).items()
        }

    def zero_gradients(self) -> dict[str, str]:
        """Parameters that a norm takes out again, so that their gradient is zero.

        Each with the kernel in front of it: biases before a norm; and, where pixels are doubled
        instead of a transposed convolution, offsets of the residual blocks, which reach the norm
        behind as the same constant everywhere.
        """
        found = {}
        for network in NETWORKS:
            spec = getattr(self, network)
            for layer in self.layers(network):
                name = f"{network}/{layer.name}"
                if layer.bias and layer.norm:
                    found[f"{name}/bias"] = f"{name}/kernel"
                doubled = getattr(spec, "upsampling", "") == "resize_conv"
                if doubled and layer.name.endswith("/conv1") and layer.norm and layer.norm.affine:
                    found[f"{name}_norm/offset"] = f"{name}/kernel"
        return found


@dataclass(frozen=True)
class Objective:
    """What is minimised, and by which optimiser. Defaults: the CycleGAN authors' PyTorch code.

    `adversarial`, of scores s of real images r and fakes f, a mean over patches each:

    - least_squares (Mao et al. 2017): discriminator (s_r - 1)^2 + s_f^2, generator (s_f - 1)^2
    - vanilla (Goodfellow et al. 2014, non-saturating, s as logits): softplus(-s_r) + softplus(s_f),
      softplus(-s_f)
    - hinge (Lim & Ye 2017): max(0, 1 - s_r) + max(0, 1 + s_f), -s_f
    - wasserstein (Arjovsky et al. 2017): s_f - s_r, -s_f; after each update every weight of the
      discriminators is clipped to [-clip, clip]
    - wasserstein_gp (Gulrajani et al. 2017): the same without clipping; instead the discriminator's
      loss has `gradient_penalty` * (|g| - 1)^2 added, never halved, g the gradient of an image's
      summed scores at a random mixture of real image and fake, its norm over all pixels

    Each discriminator's loss is halved if `halve_discriminator`; adversarial terms weigh 1 for the
    generators, `lambda_a` * `cycle_a`, and identity_a has the weight of `identity_weight`; the same
    for b. Cycle and identity terms are means of absolute (l1) or of squared (l2) differences.

    `update_order`: whether the generators' gradients meet the discriminators before or after these
    were updated, or both are updated when all gradients are there (simultaneous); the fakes that
    the discriminators see are the same. `pool_size`: images that a pool holds. `epsilon_hat`:
    Adam's epsilon is added before the bias correction (Kingma & Ba 2015, end of section 2), as
    Keras does.
    """

    adversarial: Literal["least_squares", "vanilla", "hinge", "wasserstein", "wasserstein_gp"] = (
        "least_squares"
    )
    clip: float = 0.01
    gradient_penalty: float = 10.0
    lambda_a: float = 10.0
    lambda_b: float = 10.0
    cycle_norm: Literal["l1", "l2"] = "l1"
    identity: float = 0.5
    identity_unit: Literal["relative", "absolute"] = "relative"
    identity_norm: Literal["l1", "l2"] = "l1"
    pool_size: int = 50
    halve_discriminator: bool = True
    update_order: Literal["generators_first", "discriminators_first", "simultaneous"] = (
        "generators_first"
    )
    beta1: float = 0.5
    beta2: float = 0.999
    epsilon: float = 1e-8
    epsilon_hat: bool = False

    @property
    def discriminator_weight(self) -> float:
        """Of a discriminator's loss, real plus fake term, in what is minimised."""
        return 0.5 if self.halve_discriminator else 1.0

    @property
    def weights(self) -> dict[str, float]:
        """Of every term of LOSS_TERMS and PENALTIES in what its networks minimise."""
        penalty = self.gradient_penalty if self.adversarial == "wasserstein_gp" else 0.0
        return {
            "adversarial_ab": 1.0,
            "adversarial_ba": 1.0,
            "cycle_a": self.lambda_a,
            "cycle_b": self.lambda_b,
            "identity_a": self.identity_weight("a"),
            "identity_b": self.identity_weight("b"),
            "discriminator_a": self.discriminator_weight,
            "discriminator_b": self.discriminator_weight,
            "penalty_a": penalty,
            "penalty_b": penalty,
        }

    def identity_weight(self, domain: str) -> float:
        """Of `identity_a` or `identity_b` in what is minimised; `relative`: to the cycle term's."""
        cycle = self.lambda_a if domain == "a" else self.lambda_b
        return self.identity * (cycle if self.identity_unit == "relative" else 1.0)

    @property
    def middle(self) -> float:
        """Between the scores that real images and fakes are to have.

        Least squares, hinge and the logits of vanilla have targets. Wasserstein critics have none:
        there zero is a convention.
        """
        return (REAL + FAKE) / 2 if self.adversarial == "least_squares" else 0.0


@dataclass(frozen=True)
class Runtime:
    """Where and how to compute.

    On the CPU: `threads` is the parallelism within an operation; `onednn` allows that library's
    kernels; `channels_last` is a hint for frameworks that can store images either way.
    """

    device: Literal["cpu", "cuda"] = "cpu"
    threads: int = 1
    precision: Literal["float32", "float64"] = "float32"
    tf32: bool = False
    onednn: bool = True
    channels_last: bool = False


class PoolDecision(NamedTuple):
    """What the image pool does with each new fake of a batch, in order, and what it shows besides.

    `action` int32 (N,): POOL_PASS returns the new image; POOL_STORE also writes it into `slot`;
    POOL_SWAP returns the image in `slot` and writes the new one there. `slot` int32 (N,).
    `drawn` int32 (M,): then the images in these slots are shown too, as a batch of their own.
    """

    action: np.ndarray
    slot: np.ndarray
    drawn: np.ndarray = np.zeros(0, np.int32)


class Batch(NamedTuple):
    """One step's images, uint8 (N, H, W, C), and everything random or scheduled about the step.

    `mix_a`, `mix_b` float64 (N,) in [0, 1): share of the real image in the mixture that a gradient
    penalty is taken at. `kept`: of the PASSES whose generator has dropout, for every layer of
    `Model.dropout_shapes` which activations stay, uint8 (N, h, w, C).
    """

    a: np.ndarray
    b: np.ndarray
    pool_a: PoolDecision
    pool_b: PoolDecision
    mix_a: np.ndarray
    mix_b: np.ndarray
    kept: Mapping[str, tuple[np.ndarray, ...]]
    learning_rate: float  # of the generators
    discriminator_learning_rate: float


@dataclass(frozen=True)
class PeakMemory:
    """`kind`: "device" (accelerator, allocator's own count) or "resident" (the process, CPU)."""

    bytes: int
    kind: Literal["device", "resident"]


def resident_peak() -> PeakMemory:
    """High-water mark of this process's own memory."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        kilobytes = int(status.partition("VmHWM:")[2].split()[0])
    except (OSError, IndexError, ValueError):
        # Elsewhere than on Linux; the parent's peak before the process began may be in it.
        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return PeakMemory(1024 * kilobytes, "resident")


class Backend(Protocol):
    """A CycleGAN in one framework."""

    def __init__(self, model: Model, objective: Objective, runtime: Runtime) -> None:
        """Build networks and optimisers. Weights are undefined until `load_state`."""

    def environment(self) -> dict[str, Any]:
        """JSON-ready: framework, versions, device, threads, precision actually in force.

        `neutral_options`: fields of Runtime that here change how, but not what, is computed.
        """

    def load_state(self, state: State) -> None:
        """Set weights, running statistics, Adam moments and step, and image pools.

        Takes the keys of `state_shapes`; values are cast to the precision of the runtime.
        Raises ValueError that names a missing, unknown or misshapen entry, and changes nothing.
        """

    def state(self) -> dict[str, np.ndarray]:
        """The inverse of `load_state`: what another backend needs to go on from here."""

    def train_step(self, batch: Batch) -> None:
        """One update of all four networks, in the order that the objective says.

        Does not wait for this step's end; handing over the images may wait for the step before.
        """

    def losses(self) -> np.ndarray:
        """(steps, len(RECORDED)) of the steps since the last call. Waits for the device.

        Means over elements of tensors in [-1, 1]; a discriminator's is its real term plus its fake
        term (one for each batch that the pool shows), before the factor 1/2 and the penalty;
        accuracies are shares of patches on the right side of `Objective.middle`; penalties are
        before their weight, zero without.
        """

    def translate(self, images: np.ndarray, direction: Direction) -> np.ndarray:
        """uint8 (N, H, W, C) of one domain to uint8 of the other, image by image.

        Batch norms use their running statistics.
        """

    def gradients(self, batch: Batch) -> dict[str, np.ndarray]:
        """Gradients by canonical name at the current state, which stays as it is.

        Generators: of their summed, weighted loss. Discriminators: of their halved losses, on
        fakes that have passed the pool.
        """

    def apply_gradients(
        self, gradients: State, learning_rate: float, discriminator_learning_rate: float
    ) -> None:
        """One step of both optimisers on given gradients by canonical name, all of them.

        Clipping, where the objective asks for it, is part of the step.
        """

    def activations(
        self, network: str, images: np.ndarray, training: bool = False
    ) -> dict[str, np.ndarray]:
        """What every layer of one of NETWORKS puts out, NHWC in the precision of the runtime.

        `images` are uint8 or already floats in [-1, 1]. Keys: `input` (images as the network gets
        them), canonical layer names (convolutions before their norm, `<layer>_norm` after it) in
        forward order, `output`. With `training`, batch norms use and update their statistics as in
        a training step.
        """

    def synchronize(self) -> None:
        """Wait until the device has done everything asked so far."""

    def peak_memory(self) -> PeakMemory:
        """Since the backend was built."""


def state_shapes(model: Model, objective: Objective) -> dict[str, tuple[int, ...]]:
    """Canonical name -> shape of everything that a state holds."""
    weights = model.parameter_shapes()
    return {
        **weights,
        **{f"adam_m/{name}": shape for name, shape in weights.items()},
        **{f"adam_v/{name}": shape for name, shape in weights.items()},
        **model.statistic_shapes(),
        "step": (),
        "pool_a": (objective.pool_size, *model.shape_a),
        "pool_b": (objective.pool_size, *model.shape_b),
    }


def check_state(state: State, expected: Mapping[str, tuple[int, ...]]) -> None:
    """Raises ValueError that names the first missing, unknown or misshapen entry."""
    for name, shape in expected.items():
        if name not in state:
            raise ValueError(f"state: {name} is missing")
        if state[name].shape != shape:
            raise ValueError(f"state: {name} has shape {state[name].shape}, expected {shape}")
    for name in state:
        if name not in expected:
            raise ValueError(f"state: {name} is unknown to this model")
