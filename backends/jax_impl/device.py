"""Device, threads and precision, JAX. Read beside torch_impl/device.py."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import metadata
from typing import Any

import jax
import jax.numpy as jnp
import jaxlib
import numpy as np
from jax import Array

from backends import loaded_libraries
from backends.interface import (
    PEAK_SIZES,
    PeakMemory,
    Peaks,
    Runtime,
    check_capability,
    fastest,
    resident_peak,
)
from backends.jax_impl.networks import convolution

# No field of Runtime here changes how something is computed, but not what: `onednn`, `compile` and
# `channels_last` change nothing at all.
NEUTRAL_OPTIONS: tuple[str, ...] = ()
# The compiler's: the same operations, in slower code that is there sooner.
LEAST_EFFORT = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
# XLA's, for a GPU: the second also keeps it from choosing convolutions by the clock (jaxlib 0.9.2).
DETERMINISTIC = {"xla_gpu_deterministic_ops": True, "xla_gpu_exclude_nondeterministic_ops": True}
# By itself XLA leaves out roundings to bfloat16 between operations that it merges. Which ones those
# are depends on the device; PyTorch and TensorFlow round behind every operation.
ROUNDED = {"xla_allow_excess_precision": False}


def configure(runtime: Runtime) -> jax.Device:
    """The device that `runtime` asks for. Raises ValueError if it is not there as asked."""
    if runtime.replicas > 1:
        raise ValueError(
            f"runtime.replicas: {runtime.replicas} devices, but JAX here trains on one; take 1"
        )
    if runtime.device == "cuda":
        # As many GPUs as PyTorch takes: JAX would open a context on each.
        jax.config.update("jax_cuda_visible_devices", "0")
    try:
        device = jax.devices(runtime.device)[0]
    except RuntimeError as error:
        why = why_none(runtime.device, error)
        raise ValueError(f"device {runtime.device}: JAX sees none: {why}") from None
    if runtime.device == "cuda":
        found = getattr(device, "compute_capability", None)
        capability = tuple(int(part) for part in found.split(".")) if found else None
        check_capability(runtime, device.device_kind, capability)
    elif threads() != runtime.threads:
        raise ValueError(f"threads: JAX has started with another number, {threads()}")
    return device


def why_none(kind: str, error: RuntimeError) -> str:
    """The build, or as JAX says it."""
    if kind == "cuda" and not metadata.entry_points(group="jax_plugins"):
        return "it is installed without CUDA, which comes with jax[cuda12] or jax[cuda13]"
    return str(error).splitlines()[0]


def threads() -> int:
    """Of XLA's CPU client: what it was told before it started, or as many as there are cores."""
    return int(os.environ.get("PJRT_NPROC") or len(os.sched_getaffinity(0)))


@contextmanager
def settings(runtime: Runtime, device: jax.Device) -> Iterator[None]:
    """Settings of JAX that hold for a process or a thread, here only for what is traced or computed
    within.

    Without x64 there is no float64. "float32": all bits in products, where GPUs take TF32.
    """
    products = "tensorfloat32" if runtime.tf32 else "float32"
    x64 = runtime.precision == "float64"
    with jax.enable_x64(x64), jax.default_matmul_precision(products), jax.default_device(device):
        yield


def graph(runtime: Runtime) -> Callable[..., Callable]:
    """jax.jit, which compiles a function at its first call for arrays of these shapes.

    With LEAST_EFFORT where Runtime asks for no graphs: JAX would compile every operation by itself,
    which takes twice as long (2 CPU cores, JAX 0.9). On a GPU that is to be deterministic by a
    compiler that refuses what is not. Nothing is promised across versions of JAX or CUDA, or other
    hardware.
    """
    fixed = runtime.deterministic and runtime.device == "cuda"
    options = DETERMINISTIC if fixed else {}
    if not (runtime.traced or runtime.compile != "none" or fixed):
        options = LEAST_EFFORT
    if runtime.precision == "bfloat16":
        options = options | ROUNDED
    return partial(jax.jit, compiler_options=options)


def environment(runtime: Runtime, device: jax.Device) -> dict[str, Any]:
    """As it is in force, not as it was asked for."""
    cuda = runtime.device == "cuda"
    with settings(runtime, device):
        tf32 = cuda and jax.config.jax_default_matmul_precision == "tensorfloat32"
    return {
        "framework": "JAX",
        "versions": {
            "jax": jax.__version__,
            "jaxlib": jaxlib.__version__,
            "numpy": np.__version__,
        },
        "libraries": libraries() if cuda else {},
        "device": device.device_kind if cuda else "cpu",
        "device_kind": runtime.device,
        "threads": threads(),
        "precision": runtime.precision + (" (TF32)" if tf32 else ""),
        "channels_last": None,  # XLA chooses for every operation
        "deterministic": not cuda or runtime.deterministic,
        "replicas": runtime.replicas,
        "compiled": "jax.jit",
        "neutral_options": NEUTRAL_OPTIONS,
    }


def libraries() -> dict[str, Any]:
    """What this process has loaded. JAX does not say what it was built for."""
    return {"cuda_build": None, "architectures": None, **loaded_libraries.find()}


def reset_peak_memory() -> None:
    """JAX has no call for it: the peak is that since the process began, nothing is handed back."""


def peak_memory(device: jax.Device) -> PeakMemory:
    if device.platform == "cpu":
        return resident_peak()
    return PeakMemory(device.memory_stats()["peak_bytes_in_use"], "device")


def peaks(device: jax.Device, precision: str) -> Peaks:
    """Measured with random numbers: of zeros and ones a GPU makes less heat, and runs faster."""
    side, images, size, numbers = PEAK_SIZES["cpu" if device.platform == "cpu" else "cuda"]

    def random(*shape: int, dtype: str = precision) -> Array:
        drawn = np.random.default_rng(0).standard_normal(shape, np.float32)
        return jnp.asarray(drawn).astype(dtype)

    def seconds(work: Callable[..., Array], *arrays: Array) -> float:
        compiled = jax.jit(work)
        compiled(*arrays).block_until_ready()
        return fastest(lambda: compiled(*arrays).block_until_ready(), lambda: None)

    matrix, other = random(side, side), random(numbers, dtype="float32")
    image, kernel = random(images, size, size, 256), random(3, 3, 256, 256)
    return Peaks(
        matrix=2 * side**3 / seconds(jnp.matmul, matrix, matrix),
        convolution=2 * images * size**2 * 9 * 256**2
        / seconds(lambda x, k: convolution(x, k, 1, "SAME"), image, kernel),
        bandwidth=3 * 4 * numbers / seconds(jnp.add, other, other),
    )  # fmt: skip


def copied(tree: Any) -> Any:
    """Arrays of NumPy for JAX alone: on a CPU it reads them later, whatever is in them then.

    Even where `may_alias` is False (JAX 0.9).
    """
    return jax.tree.map(np.array, tree)


def to_device(tree: Any, device: jax.Device) -> Any:
    return jax.device_put(copied(tree), device)


def to_tensor(images: Array, levels: Array) -> Array:
    """NHWC, uint8 in [0, 255] or floats in [-1, 1] already, to NHWC in [-1, 1].

    `levels`: as backends.model.levels.
    """
    if images.dtype == "uint8":
        return levels[images.astype("int32")]
    return images.astype(levels.dtype)


def to_images(tensor: Array, rounding: str) -> Array:
    """NHWC in [-1, 1] to uint8 NHWC; rounds halves to even, or all down, and clips."""
    scaled = (tensor + 1) * 127.5
    rounded = jnp.round(scaled) if rounding == "half_even" else jnp.floor(scaled)
    return jnp.clip(rounded, 0, 255).astype("uint8")
