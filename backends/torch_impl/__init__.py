"""CycleGAN in PyTorch."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from backends.releases import GpuBuild, Variable

if TYPE_CHECKING:
    from backends.interface import Runtime

PACKAGES = ("torch",)
COLOUR = "#0072B2"
# As read from its files. Its cuDNN begins with Turing, and PyTorch asks it about every visible GPU.
GPU_BUILDS = (
    GpuBuild(
        "PyTorch 2.13 of PyPI", "torch", "2.13.0", cuda=(13, 0),
        compiled=((7, 5), (8, 0), (8, 6), (9, 0), (10, 0), (12, 0)), oldest=(7, 5),
    ),
    GpuBuild(
        "PyTorch 2.13 for CUDA 12.6", "torch", "2.13.0+cu126", cuda=(12, 0), compiled=None
    ),
)  # fmt: skip
# What runtime.tf32 and runtime.compile say, and how products are computed.
OVERRIDES = (
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "TORCHDYNAMO_DISABLE", "TORCH_COMPILE_DISABLE",
    "TORCH_COMPILE_OVERRIDE_BACKENDS", "TORCHINDUCTOR_USE_FAST_MATH", "PYTORCH_TUNABLEOP_*",
)  # fmt: skip
VARIABLES = (
    Variable("ATEN_CPU_CAPABILITY", str.strip,
             "PyTorch is then kept from the processor's faster instructions, others are not"),
)  # fmt: skip


def prepare(runtime: Runtime) -> None:
    """Before PyTorch is imported, and with it cuBLAS, which asks the environment."""
    if runtime.deterministic:
        # What NVIDIA asks for where there may be several streams; `:16:8` would do as well.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
