"""CycleGAN in TensorFlow."""

import os

from backends.interface import Runtime

PACKAGES = ("tensorflow", "tensorflow-cpu", "keras")


def prepare(runtime: Runtime) -> None:
    """Before TensorFlow is imported: it asks the environment whether to use oneDNN."""
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = str(int(runtime.onednn))
    if runtime.deterministic:
        # An image pool is written to at one place at a time: there is no order to fix. To fix it
        # all the same, TensorFlow would take the whole pool to the host and back every time.
        os.environ.setdefault("TF_DISABLE_SCATTER_OP_DETERMINISM", "1")
