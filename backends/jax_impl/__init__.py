"""CycleGAN in JAX."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from backends.releases import GpuBuild, Variable

if TYPE_CHECKING:
    from backends.interface import Runtime

PACKAGES = ("jax", "jaxlib")
COLOUR = "#009E73"  # Okabe and Ito: bluish green
# As read from the libraries of its plugins; for which drivers its documentation says.
GPU_BUILDS = (
    GpuBuild(
        "JAX 0.9.2 for CUDA 13", "jax-cuda13-pjrt", "0.9.2", cuda=(13, 0),
        compiled=((7, 5), (8, 0), (9, 0), (10, 0), (12, 0)), portable=((12, 0), None),
    ),
    GpuBuild(
        "JAX 0.9.2 for CUDA 12", "jax-cuda12-pjrt", "0.9.2", cuda=(12, 0), portable=((12, 0), None),
        compiled=((5, 0), (6, 0), (7, 0), (8, 0), (9, 0), (10, 0), (12, 0)),
    ),
)  # fmt: skip
# What Runtime says, and which types sums of arrays have.
OVERRIDES = (
    "JAX_DISABLE_*", "JAX_ENABLE_*", "JAX_DEFAULT_*", "JAX_NUMPY_*", "JAX_DEBUG_*",
    "JAX_PLATFORM_NAME", "JAX_NUM_CPU_DEVICES",
)  # fmt: skip
VARIABLES = (
    Variable("XLA_PYTHON_CLIENT_PREALLOCATE",
             lambda value: value not in ("0", "false", "False"),
             "JAX then takes three quarters of a GPU's memory, also what other backends need"),
)  # fmt: skip


def prepare(runtime: Runtime) -> None:
    """Before JAX is imported: it asks the environment.

    PJRT_NPROC: threads of XLA's CPU client, for operations side by side and within one. There is
    one such client in a process, and XLA shares its threads out as it likes: JAX has no setting for
    either kind alone, and none that could be changed later.
    """
    if "jax" in sys.modules:
        return
    os.environ["PJRT_NPROC"] = str(runtime.threads)
    os.environ["JAX_PLATFORMS"] = "cuda,cpu" if runtime.device == "cuda" else "cpu"
    # Otherwise JAX takes three quarters of a GPU's memory at once, also what other backends need,
    # and never more, where those may have nearly all. Under both its names JAX refuses the share.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    if "XLA_PYTHON_CLIENT_MEM_FRACTION" not in os.environ:
        os.environ.setdefault("XLA_CLIENT_MEM_FRACTION", "0.95")
