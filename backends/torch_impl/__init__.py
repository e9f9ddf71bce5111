"""CycleGAN in PyTorch."""

import os

from backends.interface import Runtime

PACKAGES = ("torch",)
COLOUR = "#0072B2"


def prepare(runtime: Runtime) -> None:
    """Before PyTorch is imported, and with it cuBLAS, which asks the environment."""
    if runtime.deterministic:
        # What NVIDIA asks for where there may be several streams; `:16:8` would do as well.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
