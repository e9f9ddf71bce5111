"""Device, threads and precision, TensorFlow. Read beside torch_impl/device.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow import Tensor
from tensorflow.python.framework import config
from tensorflow.python.util import _pywrap_util_port

from backends import loaded_libraries
from backends.interface import (
    PEAK_SIZES,
    PeakMemory,
    Peaks,
    Runtime,
    check_capability,
    check_count,
    fastest,
    resident_peak,
)

# Fields of Runtime that here change how something is computed, but not what. `deterministic` is for
# having the same again, not for having it otherwise.
NEUTRAL_OPTIONS = ("onednn",)


def configure(runtime: Runtime) -> str:
    """Put the process into the state that `runtime` asks for. Raises ValueError if it cannot."""
    gpus = tf.config.list_physical_devices("GPU")
    if runtime.device == "cuda" and not gpus:
        raise ValueError(f"device cuda: TensorFlow sees no GPU: {why_no_gpu()}")
    if runtime.device == "cuda":
        check_count(runtime, len(gpus))
        details = tf.config.experimental.get_device_details(gpus[0])
        check_capability(runtime, _gpu_name(), details.get("compute_capability"))
    if tf.config.threading.get_intra_op_parallelism_threads() != runtime.threads:
        try:
            tf.config.threading.set_intra_op_parallelism_threads(runtime.threads)
            tf.config.threading.set_inter_op_parallelism_threads(runtime.threads)
        except RuntimeError:
            raise ValueError("threads: TensorFlow has started with another number") from None
    if _pywrap_util_port.IsMklEnabled() and not runtime.onednn:
        raise ValueError("onednn: TensorFlow has started with it")
    if runtime.device == "cpu":
        divide_cpu(runtime.replicas)
    # As many GPUs as PyTorch takes: TensorFlow would open a context on each.
    gpus = gpus[: runtime.replicas] if runtime.device == "cuda" else []
    tf.config.set_visible_devices(gpus, "GPU")
    for gpu in gpus:
        # Otherwise TensorFlow takes all of the memory, also what the other backend needs.
        tf.config.experimental.set_memory_growth(gpu, True)
    tf.config.experimental.enable_tensor_float_32_execution(runtime.tf32)
    set_deterministic(runtime.deterministic)
    return "/GPU:0" if runtime.device == "cuda" else "/CPU:0"


def divide_cpu(replicas: int) -> None:
    """A CPU for each. Raises ValueError where TensorFlow has started with fewer."""
    [cpu] = tf.config.list_physical_devices("CPU")
    parts = [tf.config.LogicalDeviceConfiguration() for _ in range(replicas)]
    if len(tf.config.get_logical_device_configuration(cpu) or [cpu]) >= replicas:
        return
    try:
        tf.config.set_logical_device_configuration(cpu, parts)
    except RuntimeError:
        raise ValueError("runtime.replicas: TensorFlow has started with fewer") from None


def why_no_gpu() -> str:
    """The build; what is wrong with the driver TensorFlow says in warnings alone."""
    if not tf.test.is_built_with_cuda():
        return "TensorFlow not compiled with CUDA enabled"
    return "its warnings on standard error say why"


def set_deterministic(on: bool) -> None:
    """On: the same inputs give the same bits, on the same device and with the same software.

    As TensorFlow's documentation has it: ops then take fixed algorithms, and those that have none
    raise UnimplementedError, but for faults of its own. Nothing is promised across versions of
    TensorFlow or CUDA, or other hardware. Seeds are for random ops, of which there are none here.
    """
    if on:
        config.enable_op_determinism()
    else:
        config.disable_op_determinism()


def environment(runtime: Runtime) -> dict[str, Any]:
    """As it is in force, not as it was asked for."""
    cuda = runtime.device == "cuda"
    tf32 = cuda and tf.config.experimental.tensor_float_32_execution_enabled()
    return {
        "framework": "TensorFlow",
        "versions": {
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
        },
        "libraries": libraries() if cuda else {},
        "device": _gpu_name() if cuda else "cpu",
        "device_kind": runtime.device,
        "threads": tf.config.threading.get_intra_op_parallelism_threads(),
        "precision": runtime.precision + (" (TF32)" if tf32 else ""),
        "channels_last": None,  # TensorFlow chooses for every operation
        "deterministic": not cuda or config.is_op_determinism_enabled(),
        "replicas": runtime.replicas,
        "compiled": "tf.function" + (" with XLA" if runtime.compile != "none" else ""),
        "neutral_options": NEUTRAL_OPTIONS,
    }


def libraries() -> dict[str, Any]:
    """What TensorFlow was built for, and what this process has loaded."""
    build = tf.sysconfig.get_build_info()
    kinds = {"cuda_build": "cuda_version", "architectures": "cuda_compute_capabilities"}
    return {**{name: build.get(key) for name, key in kinds.items()}, **loaded_libraries.find()}


def synchronize(device: str) -> None:
    if device.startswith("/GPU"):
        tf.test.experimental.sync_devices()


def reset_peak_memory(device: str) -> None:
    """TensorFlow hands no memory back: it has no call for it."""
    if device.startswith("/GPU"):
        synchronize(device)
        tf.config.experimental.reset_memory_stats("GPU:0")


def peak_memory(device: str) -> PeakMemory:
    if device.startswith("/GPU"):
        return PeakMemory(tf.config.experimental.get_memory_info("GPU:0")["peak"], "device")
    return resident_peak()


def peaks(device: str, precision: str) -> Peaks:
    """Measured with random numbers: of zeros and ones a GPU makes less heat, and runs faster."""
    cpu, dtype = device.startswith("/CPU"), precision
    side, images, size, numbers = PEAK_SIZES["cpu" if cpu else "cuda"]

    def random(*shape: int, dtype: str = dtype) -> Tensor:
        drawn = np.random.default_rng(0).standard_normal(shape, np.float32)
        return tf.cast(tf.constant(drawn), dtype)

    def seconds(work: Callable[[], object]) -> float:
        return fastest(work, lambda: synchronize(device))

    with tf.device(device):
        matrix, other = random(side, side), random(numbers, dtype="float32")
        total = tf.Variable(tf.zeros_like(other))
        image, kernel = random(images, size, size, 256), random(3, 3, 256, 256)
        return Peaks(
            matrix=2 * side**3 / seconds(lambda: tf.matmul(matrix, matrix)),
            convolution=2 * images * size**2 * 9 * 256**2
            / seconds(lambda: tf.nn.conv2d(image, kernel, 1, "SAME")),
            bandwidth=3 * 4 * numbers / seconds(lambda: total.assign_add(other)),
        )  # fmt: skip


def to_tensor(images: Tensor, levels: Tensor) -> Tensor:
    """NHWC, uint8 in [0, 255] or floats in [-1, 1] already, to NHWC in [-1, 1].

    `levels`: as backends.model.levels.
    """
    if images.dtype == "uint8":
        return tf.gather(levels, tf.cast(images, "int32"))
    return tf.cast(images, levels.dtype)


def to_images(tensor: Tensor, rounding: str) -> Tensor:
    """NHWC in [-1, 1] to uint8 NHWC; rounds halves to even, or all down, and clips."""
    scaled = (tensor + 1) * 127.5
    rounded = tf.round(scaled) if rounding == "half_even" else tf.floor(scaled)
    return tf.cast(tf.clip_by_value(rounded, 0, 255), "uint8")


def _gpu_name() -> str:
    gpu = tf.config.list_physical_devices("GPU")[0]
    return tf.config.experimental.get_device_details(gpu).get("device_name", "GPU")
