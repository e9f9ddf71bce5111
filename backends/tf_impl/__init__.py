"""CycleGAN in TensorFlow."""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING

from backends.releases import GpuBuild, Releases, Variable

if TYPE_CHECKING:
    from backends.interface import Runtime

PACKAGES = ("tensorflow", "tensorflow-cpu", "keras")
COLOUR = "#D55E00"
# As read from its files. Its portable code is refused by drivers and by XLA on Blackwell (10.0 on).
GPU_BUILDS = (
    GpuBuild(
        "TensorFlow 2.21", "tensorflow", "2.21.0", cuda=(12, 0),
        compiled=((6, 0), (7, 0), (8, 0), (8, 9)), portable=((9, 0), (9, 0)),
    ),
)  # fmt: skip
RELEASES = Releases(
    "tensorflow",
    oldest=(2, 16),
    pythons={
        (2, 16): ((3, 9), (3, 12)), (2, 17): ((3, 9), (3, 12)), (2, 18): ((3, 9), (3, 12)),
        (2, 19): ((3, 9), (3, 12)), (2, 20): ((3, 9), (3, 13)),
    },
)  # fmt: skip
# Which framework Keras computes with, whether TensorFlow is its own first version, and what
# runtime.compile, runtime.precision and runtime.deterministic say.
OVERRIDES = (
    "KERAS_*", "TF_USE_LEGACY_KERAS", "TF2_BEHAVIOR", "TF_XLA_FLAGS", "TF_SET_ONEDNN_FPMATH_MODE",
    "TF_DETERMINISTIC_OPS", "TF_CUDNN_*",
)  # fmt: skip
VARIABLES = (
    Variable("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", lambda value: value == "python",
             "protobuf is then slow, and not what TensorFlow is tested with"),
)  # fmt: skip
# Keras imports these for parts that nobody uses here, and does without them where they are missing:
# a third of the seconds that a start takes.
UNUSED = ("sklearn", "matplotlib")


def prepare(runtime: Runtime) -> None:
    """Before TensorFlow is imported, and with it Keras: they ask the environment."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    # Keras would read settings of the user's there, such as channels_first, or write them anew.
    os.environ["KERAS_HOME"] = os.devnull
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = str(int(runtime.onednn))
    if runtime.deterministic:
        # An image pool is written to at one place at a time: there is no order to fix. To fix it
        # all the same, TensorFlow would take the whole pool to the host and back every time.
        os.environ.setdefault("TF_DISABLE_SCATTER_OP_DETERMINISM", "1")
    unused = [name for name in UNUSED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(unused))  # None: an import of it fails
    try:
        importlib.import_module("tensorflow")
    finally:
        for name in unused:
            del sys.modules[name]
