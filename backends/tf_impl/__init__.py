"""CycleGAN in TensorFlow."""

import importlib
import os
import sys

from backends.interface import Runtime

PACKAGES = ("tensorflow", "tensorflow-cpu", "keras")
COLOUR = "#D55E00"
# Keras imports these for parts that nobody uses here, and does without them where they are missing:
# a third of the seconds that a start takes.
UNUSED = ("sklearn", "matplotlib")


def prepare(runtime: Runtime) -> None:
    """Before TensorFlow is imported: it asks the environment whether to use oneDNN."""
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
