"""Device, threads and precision, PyTorch. Read beside tf_impl/device.py."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor

from backends.interface import PeakMemory, Runtime, resident_peak

# Fields of Runtime that here change how something is computed, but not what.
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
    torch.backends.cudnn.benchmark = runtime.device == "cuda"
    return torch.device(runtime.device)


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
        "deterministic": not cuda,
        "compiled": "eager",
        "neutral_options": NEUTRAL_OPTIONS,
    }


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def peak_memory(device: torch.device) -> PeakMemory:
    if device.type == "cuda":
        return PeakMemory(torch.cuda.max_memory_allocated(), "device")
    return resident_peak()


def matrix_peak(device: torch.device, precision: str) -> float:
    """FLOP/s of the fastest of a few large matrix products."""
    side = 2048 if device.type == "cpu" else 8192
    matrix = torch.ones((side, side), device=device, dtype=getattr(torch, precision))
    seconds = []
    for _ in range(8):
        began = time.perf_counter()
        _ = matrix @ matrix
        synchronize(device)
        seconds.append(time.perf_counter() - began)
    return 2 * side**3 / min(seconds)


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
