"""The machine that trains: its device, by name, and its threads."""

from __future__ import annotations

from dataclasses import dataclass

from harness.system import provenance
from harness.system.errors import UserError
from harness.system.gpu import find_gpu, why_no_gpu


@dataclass(frozen=True)
class Machine:
    """`why`: a clause, where the CPU is used for want of a GPU that CUDA can use."""

    device: str
    device_name: str
    threads: int
    why: str = ""


def find_machine(device: str | None) -> Machine:
    """Raises UserError where a GPU is asked for and none is there."""
    asked, device = device, device or provenance.default_device()
    if device not in ("cpu", "cuda"):
        raise UserError(f"device: {device!r} is unknown; cpu or cuda")
    if device == "cuda" and find_gpu() is None:
        raise UserError(f"device cuda: {why_no_gpu()}; use --device cpu")
    threads = provenance.default_threads()
    why = "" if asked or device == "cuda" else why_no_gpu()
    return Machine(device, provenance.device_name(device, threads), threads, why)
