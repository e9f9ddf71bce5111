"""What every backend does, and the values that pass in and out. NumPy only.

Images are uint8 NHWC. Parameters have canonical names (`g_ab/stem/kernel`) and TensorFlow's
layouts: convolution kernels HWIO, transposed ones (height, width, out, in). `ab` is a direction,
`_a` the domain that a term is measured in.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np

from backends.model import Model
from backends.objective import Objective

Direction = Literal["ab", "ba"]
Domain = Literal["a", "b"]
State = Mapping[str, np.ndarray]
Precision = Literal["float32", "float64", "bfloat16"]
Compilation = Literal["none", "default", "reduce-overhead", "max-autotune"]

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

# What a training step spends its time on. `host`: all that Python does around it, handing images
# over included; `generators_forward`: the PASSES and the losses, with the frozen discriminators';
# `discriminators`: the pools, then forward and backward.
PHASES = (
    "host",
    "generators_forward",
    "generators_backward",
    "discriminators",
    "optimisers",
)


@dataclass(frozen=True)
class Runtime:
    """Where and how to compute.

    On the CPU: `threads` is the parallelism within an operation; `onednn` allows that library's
    kernels.

    `channels_last`: whether a framework that can store images either way has channels last in
    memory, all through a step, or first. None: as suits the device. TensorFlow and JAX choose by
    themselves, whatever is said here: their graphs have channels last, and on a GPU a pass over
    layouts turns that around where it expects to gain by it.

    `precision` bfloat16: convolutions and what lies between them, forward and backward. Weights,
    moments, statistics of norms, images that generators put out, scores and losses are float32.

    `compile`: what a framework offers beyond its usual way, at the price of a slow first step. A
    mode of torch.compile for every network, of which the last two replay CUDA graphs; in TensorFlow
    any of them is XLA for the whole step, which in JAX is the usual way: it has nothing beyond.
    What is computed stays the same, but for rounding.

    `deterministic`: two runs are the same to the last bit also on a GPU, at a price; on a CPU they
    are without. What a framework cannot do so it refuses, with an error. Its promise is for one
    machine and one installation: another model of GPU, driver, CUDA or cuDNN, or another version of
    the framework may round differently, and so does the other framework, TF32 or not.

    `traced`: False has TensorFlow call its operations one by one, and JAX compile them quickly into
    slower code, where no compilation is asked for. A graph of a step takes seconds to make, which
    only long runs are worth. PyTorch has no such graph.

    `replicas`: devices that train together, each on its share of every batch, with the numbers of
    one device but for rounding: as many GPUs, or parts of the CPU, whose threads they share. JAX
    here takes one.
    """

    device: Literal["cpu", "cuda"] = "cpu"
    threads: int = 1
    precision: Precision = "float32"
    tf32: bool = False
    onednn: bool = True
    channels_last: bool | None = None
    compile: Compilation = "none"
    deterministic: bool = False
    traced: bool = True
    replicas: int = 1

    @property
    def stored(self) -> Literal["float32", "float64"]:
        """What weights, moments, pools and losses are kept in."""
        return "float64" if self.precision == "float64" else "float32"


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


@dataclass(frozen=True)
class Peaks:
    """What a device reaches at its best, in the precision of the runtime.

    `matrix`: FLOP/s of a large matrix product; `convolution`: of a 3x3 one, 256 channels to 256,
    forward; `bandwidth`: bytes/s, read and written, of adding one large array to another.
    """

    matrix: float
    convolution: float
    bandwidth: float


# What peaks are measured with, by device: side of the matrix, images and their side in pixels, and
# numbers in the arrays that are added, far more than a cache holds.
PEAK_SIZES = {"cpu": (2048, 4, 64, 2**26), "cuda": (8192, 32, 128, 2**28)}


class Laps:
    """Seconds by PHASES. Each ends when the device is done with what was asked of it till then."""

    def __init__(self, synchronize: Callable[[], None]):
        self._synchronize = synchronize
        self.begin()

    def begin(self) -> None:
        """From zero."""
        self._synchronize()
        self._since = time.perf_counter()
        self.seconds = dict.fromkeys(PHASES, 0.0)

    def end(self, phase: str, again: str | None = None) -> None:
        """What has passed since the lap before, or since the beginning, was `phase`.

        `again`: another phase that was gone through once more in it, which is taken off.
        """
        self._synchronize()
        now = time.perf_counter()
        taken = now - self._since - (self.seconds[again] if again else 0.0)
        self.seconds[phase] += max(0.0, taken)  # a hiccup the first time would leave less
        self._since = now


def fastest(work: Callable[[], object], synchronize: Callable[[], None], times: int = 8) -> float:
    """Least seconds of `work`, done `times` times until the device is done."""
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        synchronize()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def check_capability(runtime: Runtime, gpu: str, capability: tuple[int, int] | None) -> None:
    """Raises ValueError where a GPU lacks the arithmetic that `runtime` asks for.

    bfloat16 and TF32 came with compute capability 8.0 (CUDA C++ Programming Guide, arithmetic of
    tensor cores). Older GPUs emulate the one, or fail in cuDNN, and take the other for float32.
    None: the framework does not know it; nothing is refused then.
    """
    if capability is None or tuple(capability) >= (8, 0):
        return
    has = f"{gpu} has compute capability {capability[0]}.{capability[1]}, this needs 8.0 or more"
    if runtime.precision == "bfloat16":
        raise ValueError(f"runtime.precision: bfloat16: {has}; take float32")
    if runtime.tf32:
        raise ValueError(f"runtime.tf32: true: {has}; take false")


def check_count(runtime: Runtime, gpus: int) -> None:
    """Raises ValueError where there are fewer GPUs than replicas."""
    if 1 < runtime.replicas > gpus:
        raise ValueError(
            f"runtime.replicas: {runtime.replicas}, but the framework sees {gpus} GPU(s); take as"
            " many at most"
        )


def resident_peak() -> PeakMemory:
    """High-water mark of this process's own memory."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        kilobytes = int(status.partition("VmHWM:")[2].split()[0])
    except (OSError, IndexError, ValueError):
        # Elsewhere than on Linux; the parent's peak before the process began may be in it.
        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return PeakMemory(1024 * kilobytes, "resident")


class Common(Protocol):
    """What backends of every kind of model do."""

    def environment(self) -> dict[str, Any]:
        """JSON-ready: framework, versions, device, threads, precision actually in force.

        `versions`: of Python packages. `libraries`: of what the framework computes with on a GPU,
        `cuda_build` and `architectures` (the CUDA and the kinds of GPU it was built for), `cudnn`
        and `cuda_runtime` (as this process has loaded them, None where it has not); empty on the
        CPU.

        `channels_last`: whether images are stored so; None where the framework decides by itself.

        `deterministic`: whether the same steps again are the same to the last bit.

        `replicas`: devices that train together.

        `neutral_options`: fields of Runtime that here change how, but not what, is computed.
        """

    def load_state(self, state: State) -> None:
        """Set weights, running statistics, Adam moments and step, and image pools.

        Takes the keys of the model's `state_shapes`; values are cast to `Runtime.stored`.
        Raises ValueError that names a missing, unknown or misshapen entry, and changes nothing.
        """

    def state(self) -> dict[str, np.ndarray]:
        """The inverse of `load_state`: what another backend needs to go on from here."""

    def losses(self) -> np.ndarray:
        """(steps, len(objective.recorded)) of the steps since the last call. Waits for the device.

        Of a CycleGAN, RECORDED: means over elements of tensors in [-1, 1]; a discriminator's is its
        real term plus its fake term (one for each batch that the pool shows), before the factor 1/2
        and the penalty; accuracies are shares of patches on the right side of `Objective.middle`;
        penalties are before their weight, zero without.
        """

    def synchronize(self) -> None:
        """Wait until the device has done everything asked so far."""

    def reset_peak_memory(self) -> None:
        """Count the peak anew, and hand back what the device holds for nothing. Waits for it.

        To be called after warm-up: what kernels tried out against each other took is then neither
        in the peak nor kept from the other process on the device. On the CPU nothing happens: a
        process cannot lower its own high-water mark.
        """

    def peak_memory(self) -> PeakMemory:
        """Since `reset_peak_memory`, or since the backend was built.

        On a GPU what the framework's allocator has given out: the context, and kernels loaded into
        it, are not in it, some 0.3 to 0.7 GB a process.
        """

    def peaks(self) -> Peaks:
        """The device's best, measured now: it takes a few seconds."""


class Backend(Common, Protocol):
    """A CycleGAN in one framework."""

    def __init__(self, model: Model, objective: Objective, runtime: Runtime) -> None:
        """Build networks and optimisers. Weights are undefined until `load_state`."""

    def train_step(self, batch: Batch) -> None:
        """One update of all four networks, in the order that the objective says.

        Does not wait for this step's end; handing over the images may wait for the step before.
        """

    def timed_step(self, batch: Batch) -> dict[str, float]:
        """`train_step` in pieces, waiting for the device after each: seconds by PHASES.

        Together they take a little longer than a step that is left alone.
        """

    def translate(
        self, images: np.ndarray, direction: Direction, averaged: bool = False
    ) -> np.ndarray:
        """uint8 (N, H, W, C) of one domain to uint8 of the other, image by image.

        Batch norms use their running statistics. `averaged`: by the moving average of weights and
        statistics; the objective must ask for one.
        """

    def patch_scores(self, images: np.ndarray, domain: Domain) -> np.ndarray:
        """What a domain's discriminator says of uint8 (N, H, W, C), image by image.

        (N, h, w), a score per patch, in `Runtime.stored`. Batch norms use their running statistics.
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
        """What every layer of one of NETWORKS puts out, NHWC in `Runtime.stored`.

        `images` are uint8 or already floats in [-1, 1]. Keys: `input` (images as the network gets
        them), canonical layer names (convolutions before their norm, `<layer>_norm` after it) in
        forward order, `output`. With `training`, batch norms use and update their statistics as in
        a training step.
        """


def check_state(state: State, expected: Mapping[str, tuple[int, ...]]) -> None:
    """Raises ValueError that names the first missing, unknown or misshapen entry."""
    for name, shape in expected.items():
        if name not in state:
            raise ValueError(f"state: {name} is missing")
        if state[name].shape != shape:
            raise ValueError(f"state: {name} has shape {state[name].shape}, expected {shape}")
        kind, words = ("i", "whole numbers") if name == "step" else ("f", "floats")
        if state[name].dtype.kind != kind:
            raise ValueError(f"state: {name} is {state[name].dtype}, expected {words}")
    for name in state:
        if name not in expected:
            raise ValueError(f"state: {name} is unknown to this model")
