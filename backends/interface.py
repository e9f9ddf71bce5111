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
from typing import Any, Literal, Protocol

import numpy as np

from backends.architecture import (
    DiscriminatorSpec,
    GeneratorSpec,
    Layer,
    discriminator_layers,
    generator_layers,
    parameter_shapes,
    statistic_shapes,
)

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
RECORDED = LOSS_TERMS + ACCURACIES

# Image pool, Shrivastava et al. 2017 as the CycleGAN authors have it: what to do with a new fake.
POOL_PASS, POOL_STORE, POOL_SWAP = 0, 1, 2


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
        spec = getattr(self, network)
        if isinstance(spec, GeneratorSpec):
            return generator_layers(spec)
        return discriminator_layers(spec)

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

    def zero_gradient_biases(self) -> frozenset[str]:
        """Biases in front of a norm, which takes them out: their gradient is zero."""
        return frozenset(
            f"{network}/{layer.name}/bias"
            for network in NETWORKS
            for layer in self.layers(network)
            if layer.bias and layer.norm
        )


@dataclass(frozen=True)
class Objective:
    """What is minimised, and by which optimiser. Defaults: the CycleGAN authors' PyTorch code.

    Weights: `lambda_a * cycle_a`, `lambda_a * identity * identity_a`, and the same for b;
    adversarial terms weigh 1; each discriminator's loss is halved if `halve_discriminator`.

    `update_order`: whether the generators' gradients meet the discriminators before or after these
    were updated; the fakes that the discriminators see are the same. `epsilon_hat`: Adam's epsilon
    is added before the bias correction (Kingma & Ba 2015, end of section 2), as Keras does.
    """

    lambda_a: float = 10.0
    lambda_b: float = 10.0
    identity: float = 0.5
    pool_size: int = 50
    halve_discriminator: bool = True
    update_order: Literal["generators_first", "discriminators_first"] = "generators_first"
    beta1: float = 0.5
    beta2: float = 0.999
    epsilon: float = 1e-8
    epsilon_hat: bool = False

    @property
    def discriminator_weight(self) -> float:
        """Of a discriminator's loss, real plus fake term, in what is minimised."""
        return 0.5 if self.halve_discriminator else 1.0


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


@dataclass(frozen=True)
class PoolDecision:
    """What the image pool does with each new fake of a batch, in order.

    `action` int32 (N,): POOL_PASS returns the new image; POOL_STORE also writes it into `slot`;
    POOL_SWAP returns the image in `slot` and writes the new one there. `slot` int32 (N,).
    """

    action: np.ndarray
    slot: np.ndarray


@dataclass(frozen=True)
class Batch:
    """One step's images, uint8 (N, H, W, C), and everything random or scheduled about the step."""

    a: np.ndarray
    b: np.ndarray
    pool_a: PoolDecision
    pool_b: PoolDecision
    learning_rate: float


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
        """Both generators (discriminators frozen), then both discriminators on pooled fakes.

        Does not wait for this step's end; handing over the images may wait for the step before.
        """

    def losses(self) -> np.ndarray:
        """(steps, len(RECORDED)) of the steps since the last call. Waits for the device.

        Means over elements of tensors in [-1, 1]; a discriminator's is its real term plus its fake
        term, before the factor 1/2; accuracies are shares of patches on the right side of the
        middle between the two targets.
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

    def apply_gradients(self, gradients: State, learning_rate: float) -> None:
        """One step of both optimisers on given gradients by canonical name, all of them."""

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
