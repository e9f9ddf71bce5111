"""CycleGAN in PyTorch."""

from backends.interface import Runtime


def prepare(runtime: Runtime) -> None:
    """Before PyTorch is imported: it needs nothing."""
