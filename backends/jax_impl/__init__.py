"""CycleGAN in JAX."""

import os
import sys

from backends.interface import Runtime

PACKAGES = ("jax", "jaxlib")
COLOUR = "#009E73"  # Okabe and Ito: bluish green


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
