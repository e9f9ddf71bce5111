"""Device, threads and precision, PyTorch. Read beside tf_impl/device.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from backends.interface import PEAK_SIZES, PeakMemory, Peaks, Runtime, fastest, resident_peak

# Fields of Runtime that here change how something is computed, but not what. `deterministic` is for
# having the same again, not for having it otherwise.
NEUTRAL_OPTIONS = ("onednn", "channels_last")


def configure(runtime: Runtime) -> torch.device:
    """Put the process into the state that `runtime` asks for. Raises ValueError if it cannot."""
    if runtime.device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device cuda: PyTorch sees no GPU")
    if runtime.device == "cuda" and runtime.precision == "float64":
        raise ValueError("precision float64: for the CPU only")
    torch.set_num_threads(runtime.threads)
    torch.backends.mkldnn.set_flags(runtime.onednn)
    torch.backends.cuda.matmul.allow_tf32 = runtime.tf32
    torch.backends.cudnn.allow_tf32 = runtime.tf32
    torch.backends.cudnn.benchmark = runtime.device == "cuda" and not runtime.deterministic
    set_deterministic(runtime.deterministic)
    return torch.device(runtime.device)


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


def environment(runtime: Runtime) -> dict[str, Any]:
    """As it is in force, not as it was asked for."""
    cuda = runtime.device == "cuda"
    tf32 = cuda and torch.backends.cudnn.allow_tf32
    return {
        "framework": "PyTorch",
        "versions": {
            "torch": torch.__version__,
            "numpy": np.__version__,
            "cuda": torch.version.cuda if cuda else None,
            "cudnn": str(torch.backends.cudnn.version()) if cuda else None,
        },
        "device": torch.cuda.get_device_name() if cuda else "cpu",
        "device_kind": runtime.device,
        "threads": torch.get_num_threads(),
        "precision": runtime.precision + (" (TF32)" if tf32 else ""),
        "deterministic": not cuda or torch.are_deterministic_algorithms_enabled(),
        "compiled": "eager" if runtime.compile == "none" else f"torch.compile, {runtime.compile}",
        "neutral_options": NEUTRAL_OPTIONS,
    }


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def peak_memory(device: torch.device) -> PeakMemory:
    if device.type == "cuda":
        return PeakMemory(torch.cuda.max_memory_allocated(), "device")
    return resident_peak()


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


def to_tensor(
    images: np.ndarray, device: torch.device, dtype: torch.dtype, channels_last: bool
) -> Tensor:
    """NHWC, uint8 in [0, 255] or floats in [-1, 1] already, to NCHW in [-1, 1]."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    tensor = torch.from_numpy(images).to(device, non_blocking=True)
    tensor = tensor.permute(0, 3, 1, 2).contiguous(memory_format=layout)
    return tensor.to(dtype) / 127.5 - 1 if tensor.dtype == torch.uint8 else tensor.to(dtype)


def to_images(tensor: Tensor, rounding: str) -> np.ndarray:
    """NCHW in [-1, 1] to uint8 NHWC; rounds halves to even, or all down, and clips."""
    scaled = (tensor + 1) * 127.5
    rounded = torch.round(scaled) if rounding == "half_even" else torch.floor(scaled)
    return to_numpy(torch.clamp(rounded, 0, 255).to(torch.uint8))


def to_numpy(tensor: Tensor) -> np.ndarray:
    """NCHW to NHWC."""
    return tensor.detach().permute(0, 2, 3, 1).contiguous().cpu().numpy()
