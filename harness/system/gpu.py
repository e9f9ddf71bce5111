"""NVIDIA GPUs of this machine: which one CUDA will use, and the state it is in. Never raises.

Which one, the driver's own library says, libcuda.so.1: it follows CUDA_VISIBLE_DEVICES, knows
slices of a card (MIG), and is there in containers that have no nvidia-smi. Limits, clocks and what
else runs come from NVML (package nvidia-ml-py), which follows neither and is asked by UUID.
Functions and numbers are those of the CUDA Driver API and the NVML API Reference, NVIDIA.
"""

from __future__ import annotations

import ctypes
import os
import re
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil

LIBRARY = "libcuda.so.1"
KERNEL_MODULE = Path("/proc/driver/nvidia/version")
# Of the driver's errors those that a user can do something about: name, code and usual cause.
ERRORS = {
    3: "CUDA_ERROR_NOT_INITIALIZED, 3",
    34: "CUDA_ERROR_STUB_LIBRARY, 34 (a toolkit's stub is loaded in place of the driver's library)",
    46: "CUDA_ERROR_DEVICE_UNAVAILABLE, 46 (another process has it, or it may not be used)",
    101: "CUDA_ERROR_INVALID_DEVICE, 101",
    304: "CUDA_ERROR_OPERATING_SYSTEM, 304 (/dev/nvidia* cannot be used from here)",
    802: "CUDA_ERROR_SYSTEM_NOT_READY, 802 (the NVIDIA Fabric Manager may not be running)",
    803: "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, 803 (its library and the kernel module are of"
    " different versions; restart the machine)",
    804: "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE, 804 (a forward-compatibility library is loaded"
    " that this GPU does not support)",
    999: "CUDA_ERROR_UNKNOWN, 999 (the kernel module nvidia_uvm may be missing or need a restart)",
}
NO_DEVICE = 100
CAPABILITY_MAJOR, CAPABILITY_MINOR = 75, 76  # CUdevice_attribute
# Compute capability that bfloat16 and TF32 begin with (CUDA C++ Programming Guide, NVIDIA).
BFLOAT16 = (8, 0)
GRAPHICS, MEMORY = 0, 2  # nvmlClockType_t
COMPUTE_MODES = {
    0: "DEFAULT", 1: "EXCLUSIVE_THREAD", 2: "PROHIBITED", 3: "EXCLUSIVE_PROCESS"
}  # fmt: skip
# Of `gpu_state`: what is another a second later.
MOMENTARY = ("clocks", "other_processes", "free_bytes", "throttle_reasons")
# Bits of nvmlDeviceGetCurrentClocksEventReasons, called throttle reasons before.
THROTTLE_REASONS = {
    0x1: "idle",
    0x2: "application clocks",
    0x4: "power limit",
    0x8: "hardware slowdown",
    0x10: "sync boost",
    0x20: "thermal limit",
    0x40: "hardware thermal slowdown",
    0x80: "power brake",
    0x100: "display clocks",
}


@dataclass(frozen=True)
class Gpu:
    """A GPU, or a slice of one, as CUDA sees it.

    `uuid`: "GPU-..." or "MIG-...". `memory`: bytes in all. `capability`: compute capability, (9, 0)
    of an H100. `driver`: the version, "580.95.05". `driver_cuda`: the highest CUDA version that the
    driver supports, (13, 0). `bus_id`: of the card in its slot, "0000:65:00.0".
    """

    name: str
    uuid: str
    memory: int
    capability: tuple[int, int]
    driver: str | None
    driver_cuda: tuple[int, int]
    bus_id: str | None = None

    @property
    def has_bfloat16(self) -> bool:
        """And TF32."""
        return self.capability >= BFLOAT16

    @property
    def is_slice(self) -> bool:
        return self.uuid.startswith("MIG-")


@dataclass(frozen=True)
class _VisibleGpus:
    """`gpus`: all that CUDA may use, in its order. `why`: a clause, where there is none.

    `expected`: a driver is here, and CUDA_VISIBLE_DEVICES or an error keeps its GPUs from use.
    """

    gpus: tuple[Gpu, ...]
    why: str = ""
    expected: bool = True


class DriverError(Exception):
    """What a function of the driver returned, other than success."""

    def __init__(self, code: int):
        super().__init__(code)
        self.code = code


def find_gpu() -> Gpu | None:
    """The GPU that CUDA will use: the first visible one. Asked once per process."""
    return next(iter(visible_gpus()), None)


def visible_gpus() -> tuple[Gpu, ...]:
    """All that CUDA may use, in its order: by slot, as nvidia-smi lists them."""
    return _ask_driver().gpus


def why_no_gpu() -> str:
    """Why `find_gpu` finds none, as a clause: "there is no NVIDIA driver (libcuda.so.1)"."""
    return _ask_driver().why


def gpu_is_expected() -> bool:
    """Where `find_gpu` finds none: whether one is hidden, or a driver is here that fails."""
    return _ask_driver().expected


def gpu_state(gpu: Gpu) -> dict[str, Any]:
    """What NVML says of it now, JSON-ready; None where it does not say.

    `power_limit_watts`, `default_power_limit_watts`; `max_clocks {graphics_mhz, memory_mhz}`;
    `persistence`, `ecc`, `mig` (true: switched on); `compute_mode`, one of COMPUTE_MODES. And
    MOMENTARY: `clocks`, as `max_clocks`; `other_processes {count, bytes}`: those that compute
    there, but for this one and other parts of this program; `free_bytes`; `throttle_reasons`: what
    holds the clocks back. Of a slice `other_processes` and `free_bytes` are its own, all else is
    the whole card's.

    In a container NVML counts processes by the numbers they have outside: then this program's own
    may be among the others, or none are seen.
    """
    # A slice has free memory and processes of its own, and all else is the card's.
    own = _ask("nvmlDeviceGetHandleByUUID", gpu.uuid)
    card = _ask("nvmlDeviceGetDeviceHandleFromMigDeviceHandle", own) if gpu.is_slice else own
    if card is None:
        card = _ask("nvmlDeviceGetHandleByPciBusId", gpu.bus_id)
    if own is None and not gpu.is_slice:
        own = card

    def watts(function: str) -> float | None:
        milliwatts = _ask(function, card)
        return None if milliwatts is None else milliwatts / 1000

    def switched_on(function: str) -> bool | None:
        value = _ask(function, card)  # a number, or [now, after a restart]
        return None if value is None else bool(value[0] if isinstance(value, list) else value)

    def clocks(function: str) -> dict[str, int | None]:
        kinds = {"graphics_mhz": GRAPHICS, "memory_mhz": MEMORY}
        return {name: _ask(function, card, kind) for name, kind in kinds.items()}

    reasons = _ask("nvmlDeviceGetCurrentClocksEventReasons", card)
    if reasons is None:  # its name before
        reasons = _ask("nvmlDeviceGetCurrentClocksThrottleReasons", card)
    held_back = None
    if reasons is not None:
        held_back = [reason for bit, reason in THROTTLE_REASONS.items() if reasons & bit]
    memory = _ask("nvmlDeviceGetMemoryInfo", own)
    return {
        "power_limit_watts": watts("nvmlDeviceGetPowerManagementLimit"),
        "default_power_limit_watts": watts("nvmlDeviceGetPowerManagementDefaultLimit"),
        "max_clocks": clocks("nvmlDeviceGetMaxClockInfo"),
        "persistence": switched_on("nvmlDeviceGetPersistenceMode"),
        "compute_mode": COMPUTE_MODES.get(_ask("nvmlDeviceGetComputeMode", card)),
        "ecc": switched_on("nvmlDeviceGetEccMode"),
        "mig": switched_on("nvmlDeviceGetMigMode"),
        "clocks": clocks("nvmlDeviceGetClockInfo"),
        "other_processes": _other_processes(own),
        "free_bytes": None if memory is None else int(memory.free),
        "throttle_reasons": held_back,
    }


def lasting(environment: Mapping[str, Any]) -> dict[str, Any]:
    """What environment.json says, without the state that a GPU was in at that very moment."""
    gpu = environment.get("gpu")
    if not isinstance(gpu, Mapping):
        return dict(environment)
    kept = {name: value for name, value in gpu.items() if name not in MOMENTARY}
    return {**environment, "gpu": kept}


def load_driver() -> Any:
    """The driver's library. Raises OSError where there is none."""
    return ctypes.CDLL(LIBRARY)


@cache
def load_nvml() -> Any:
    """The module pynvml, ready to be asked. Raises whatever it does without a driver."""
    # Only where there is a GPU to ask about: it loads a library of the driver's.
    import pynvml

    pynvml.nvmlInit()
    return pynvml


@cache
def _ask_driver() -> _VisibleGpus:
    # Before the driver starts, and for all processes that inherit it: else CUDA puts the fastest
    # first, and an index in CUDA_VISIBLE_DEVICES is another card than nvidia-smi shows under it.
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    try:
        driver = load_driver()
    except OSError as error:
        if "cannot open shared object file: No such file" in str(error):
            return _VisibleGpus((), f"there is no NVIDIA driver ({LIBRARY})", expected=False)
        return _VisibleGpus((), f"the NVIDIA driver cannot be loaded ({error})")
    try:
        _check(driver.cuInit(0))
        count = _number(driver.cuDeviceGetCount)
        if count == 0:
            raise DriverError(NO_DEVICE)
        return _VisibleGpus(tuple(_describe(driver, index) for index in range(count)))
    except DriverError as error:
        return _without(error.code)
    except Exception as error:  # such as a function that a library of that name does not have
        return _VisibleGpus((), f"the NVIDIA driver cannot be asked ({error})")


def _without(code: int) -> _VisibleGpus:
    """A driver that returns `code` in place of a GPU."""
    if code != NO_DEVICE:
        return _VisibleGpus((), f"the NVIDIA driver fails: {ERRORS.get(code, f'error, {code}')}")
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = _ask("nvmlDeviceGetCount")
    if hidden is not None and count != 0:
        of = f" of the {count} in this machine" if count else ""
        why = f"CUDA_VISIBLE_DEVICES={hidden[:100]!r} leaves no NVIDIA GPU{of} visible"
        return _VisibleGpus((), why)
    why = "the NVIDIA driver finds no GPU (CUDA_ERROR_NO_DEVICE, 100)"
    return _VisibleGpus((), why, expected=bool(count))


def _describe(driver: Any, index: int) -> Gpu:
    name, bus_id = (ctypes.create_string_buffer(size) for size in (256, 32))
    memory, device = ctypes.c_size_t(), _number(driver.cuDeviceGet, index)
    _check(driver.cuDeviceGetName(name, len(name), device))
    _check(driver.cuDeviceTotalMem_v2(ctypes.byref(memory), device))
    located = driver.cuDeviceGetPCIBusId(bus_id, len(bus_id), device) == 0
    version = _number(driver.cuDriverGetVersion)
    return Gpu(
        name=name.value.decode(errors="replace"),
        uuid=_uuid(driver, device, name.value),
        memory=memory.value,
        capability=(
            _number(driver.cuDeviceGetAttribute, CAPABILITY_MAJOR, device),
            _number(driver.cuDeviceGetAttribute, CAPABILITY_MINOR, device),
        ),
        driver=_driver_version(),
        driver_cuda=(version // 1000, version % 1000 // 10),
        bus_id=bus_id.value.decode(errors="replace") if located else None,
    )


def _uuid(driver: Any, device: int, name: bytes) -> str:
    """Of a slice its own: the older function of that name gives the whole card's."""
    own, card = ctypes.create_string_buffer(16), ctypes.create_string_buffer(16)
    _check(driver.cuDeviceGetUuid_v2(own, device))
    older = getattr(driver, "cuDeviceGetUuid", None)
    differs = older is not None and older(card, device) == 0 and card.raw != own.raw
    prefix = "MIG" if differs or b" MIG " in name else "GPU"
    return f"{prefix}-{uuid.UUID(bytes=own.raw)}"


def _driver_version() -> str | None:
    if (version := _ask("nvmlSystemGetDriverVersion")) is not None:
        return version
    with suppress(OSError):
        module = KERNEL_MODULE.read_text("utf-8")
        match = re.search(r"Module\S*(?: for \S+)?\s+(\d+[\d.]+)", module)
        return match.group(1) if match else None
    return None


def _number(function: Callable[..., int], *arguments: int) -> int:
    """Of a function of the driver that writes an int to where its first argument points."""
    value = ctypes.c_int()
    _check(function(ctypes.byref(value), *arguments))
    return value.value


def _check(code: int) -> None:
    if code:
        raise DriverError(code)


def _ask(function: str, *arguments: Any) -> Any:
    """What a function of NVML answers; None without NVML, or where it may not be asked."""
    try:
        return getattr(load_nvml(), function)(*arguments)
    except Exception:
        return None


def _other_processes(handle: Any) -> dict[str, int | None] | None:
    running = _ask("nvmlDeviceGetComputeRunningProcesses", handle)
    if running is None:
        return None
    ours = _our_processes()
    sizes = [process.usedGpuMemory for process in running if process.pid not in ours]
    # Windows' driver, below WSL too, does not say how much one has.
    return {"count": len(sizes), "bytes": None if None in sizes else sum(sizes)}


def _our_processes() -> set[int]:
    """This one, what it has started, and other workers of what has started it."""
    ours = {os.getpid()}
    with suppress(psutil.Error):
        me = psutil.Process()
        ours |= {child.pid for child in me.children(recursive=True)}
        parent = me.parent()
        for sibling in parent.children() if parent else ():
            with suppress(psutil.Error):
                if any(part.startswith("harness.") for part in sibling.cmdline()):
                    ours.add(sibling.pid)
    return ours
