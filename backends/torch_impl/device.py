"""Device, threads and precision, PyTorch. Read beside tf_impl/device.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

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
NEUTRAL_OPTIONS = ("onednn", "channels_last")


def configure(runtime: Runtime, rank: int = 0) -> torch.device:
    """Put the process into the state that `runtime` asks for. Raises ValueError if it cannot.

    `rank`: of this replica.
    """
    if runtime.device == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device cuda: PyTorch sees no GPU: {why_no_gpu()}")
    if runtime.device == "cuda":
        check_count(runtime, torch.cuda.device_count())
        if runtime.replicas > 1:
            torch.cuda.set_device(rank)
        gpu = torch.cuda.get_device_name()
        check_capability(runtime, gpu, torch.cuda.get_device_capability())
    torch.set_num_threads(max(1, runtime.threads // runtime.replicas))
    torch.backends.mkldnn.set_flags(runtime.onednn)
    torch.backends.cuda.matmul.allow_tf32 = runtime.tf32
    torch.backends.cudnn.allow_tf32 = runtime.tf32
    torch.backends.cudnn.benchmark = runtime.device == "cuda" and not runtime.deterministic
    set_deterministic(runtime.deterministic)
    if runtime.device == "cuda" and runtime.replicas > 1:
        return torch.device("cuda", rank)
    return torch.device(runtime.device)


def why_no_gpu() -> str:
    """As PyTorch says it: the build, or what is wrong with the driver."""
    try:
        torch.cuda.init()
    except Exception as error:
        return str(error).splitlines()[0]
    return "it counts none"


def set_deterministic(on: bool) -> None:
    """On: the same inputs give the same bits, on the same device and with the same software.

    As PyTorch's documentation has it: cuDNN then takes fixed algorithms and times none against each
    other, torch.compile tunes nothing by the clock, what has no such kernel raises RuntimeError. Of
    all that networks here are made of that would be the gradient of reflection padding alone:
    `networks.reflect` takes another way. Nothing is promised across releases, platforms or devices.
    """
    if torch.are_deterministic_algorithms_enabled() != on:  # this imports the compiler's settings
        torch.use_deterministic_algorithms(on)
    torch.backends.cudnn.deterministic = on
    # Nothing here reads memory before it is written: to fill it first would only take time.
    torch.utils.deterministic.fill_uninitialized_memory = not on


def channels_last(runtime: Runtime) -> bool:
    """Whether images are stored so. On a GPU kernels for instance norm want channels first."""
    return runtime.device == "cpu" if runtime.channels_last is None else runtime.channels_last


def environment(runtime: Runtime) -> dict[str, Any]:
    """As it is in force, not as it was asked for."""
    cuda = runtime.device == "cuda"
    tf32 = cuda and torch.backends.cudnn.allow_tf32
    return {
        "framework": "PyTorch",
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
        "libraries": libraries() if cuda else {},
        "device": torch.cuda.get_device_name() if cuda else "cpu",
        "device_kind": runtime.device,
        "threads": torch.get_num_threads(),
        "precision": runtime.precision + (" (TF32)" if tf32 else ""),
        "channels_last": channels_last(runtime),
        "deterministic": not cuda or torch.are_deterministic_algorithms_enabled(),
        "replicas": runtime.replicas,
        "compiled": "eager" if runtime.compile == "none" else f"torch.compile, {runtime.compile}",
        "neutral_options": NEUTRAL_OPTIONS,
    }


def libraries() -> dict[str, Any]:
    """What PyTorch was built for, and what this process has loaded."""
    built_for = {"cuda_build": torch.version.cuda, "architectures": torch.cuda.get_arch_list()}
    return {**built_for, **loaded_libraries.find()}


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def reset_peak_memory(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def peak_memory(device: torch.device, compiled: bool) -> PeakMemory:
    if device.type != "cuda":
        return resident_peak()
    # What a CUDA graph works in counts as reserved, not as allocated.
    torch_peak = torch.cuda.max_memory_reserved if compiled else torch.cuda.max_memory_allocated
    return PeakMemory(torch_peak(), "device")


def peaks(device: torch.device, precision: str) -> Peaks:
    """Measured with random numbers: of zeros and ones a GPU makes less heat, and runs faster."""
    cpu, dtype = device.type == "cpu", getattr(torch, precision)
    side, images, size, numbers = PEAK_SIZES["cpu" if cpu else "cuda"]

    def random(*shape: int, dtype: torch.dtype = dtype) -> Tensor:
        drawn = np.random.default_rng(0).standard_normal(shape, np.float32)
        return torch.from_numpy(drawn).to(device, dtype)

    def seconds(work: Callable[[], object]) -> float:
        return fastest(work, lambda: synchronize(device))

    matrix, other = random(side, side), random(numbers, dtype=torch.float32)
    total = torch.zeros_like(other)
    image, kernel = (
        random(*shape).contiguous(memory_format=torch.channels_last)
        for shape in ((images, 256, size, size), (256, 256, 3, 3))
    )
    with torch.inference_mode():
        return Peaks(
            matrix=2 * side**3 / seconds(lambda: matrix @ matrix),
            convolution=2 * images * size**2 * 9 * 256**2
            / seconds(lambda: torch.conv2d(image, kernel, padding=1)),
            bandwidth=3 * total.nbytes / seconds(lambda: total.add_(other)),
        )  # fmt: skip


def to_device(array: np.ndarray, device: torch.device) -> Tensor:
    """Without waiting for what the device is at.

    From pinned memory: of any other a copy blocks. PyTorch gives a pinned buffer out again only
    when the copies that were made of it have ended, so it may go out of scope here.
    """
    tensor = torch.from_numpy(array)
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def to_nchw(array: np.ndarray, device: torch.device, layout: torch.memory_format) -> Tensor:
    """NHWC to NCHW, which is stored as `layout`."""
    return to_device(array, device).permute(0, 3, 1, 2).contiguous(memory_format=layout)


def to_tensor(images: np.ndarray, levels: Tensor, layout: torch.memory_format) -> Tensor:
    """NHWC, uint8 in [0, 255] or floats in [-1, 1] already, to NCHW in [-1, 1].

    `levels`: as backends.model.levels, on the device that the images are to be on.
    """
    tensor = to_device(images, levels.device)
    values = levels[tensor.int()] if tensor.dtype == torch.uint8 else tensor.to(levels.dtype)
    return values.permute(0, 3, 1, 2).contiguous(memory_format=layout)


def to_images(tensor: Tensor, rounding: str) -> np.ndarray:
    """NCHW in [-1, 1] to uint8 NHWC; rounds halves to even, or all down, and clips."""
    scaled = (tensor + 1) * 127.5
    rounded = torch.round(scaled) if rounding == "half_even" else torch.floor(scaled)
    return to_numpy(torch.clamp(rounded, 0, 255).to(torch.uint8))


def to_numpy(tensor: Tensor) -> np.ndarray:
    """NCHW to NHWC."""
    return tensor.detach().permute(0, 2, 3, 1).contiguous().cpu().numpy()
