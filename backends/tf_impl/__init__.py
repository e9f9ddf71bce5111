"""CycleGAN in TensorFlow."""

import os

from backends.interface import Runtime


def prepare(runtime: Runtime) -> None:
    """Before TensorFlow is imported: it asks the environment whether to use oneDNN."""
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = str(int(runtime.onednn))
