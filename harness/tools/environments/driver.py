"""Which builds of the frameworks the NVIDIA driver of this machine can run.

The driver is asked through its own library, `libcuda.so.1`, which frameworks load, too:
`nvidia-smi` may be missing in a container, or be there and fail.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.tools.environments.stamps import ROOT, Version, dotted

LIBRARY = "libcuda.so.1"
# Seconds. The driver starts every GPU when it is first asked: many GPUs without persistence mode
# take long.
PATIENCE = 60.0
# From cuda.h: CUDA_ERROR_NO_DEVICE and two attributes of a device.
NO_DEVICE = 100
CAPABILITY_MAJOR, CAPABILITY_MINOR = 75, 76

# Builds for CUDA 13: drivers from 580 on, GPUs from Turing on.
CUDA_13, OLDEST_FOR_13 = (13, 0), (7, 5)
# Builds for CUDA 12: drivers from 525 on, and with every framework GPUs up to Hopper.
CUDA_12, FIRST_TOO_NEW_FOR_12 = (12, 0), (10, 0)


@dataclass(frozen=True)
class Driver:
    """`cuda`: the newest CUDA it runs, (13, 0); `capabilities`: of every GPU, (9, 0) is Hopper.

    `fault`: why no GPU can be used although a driver is there; empty where one can.
    """

    cuda: Version = (0, 0)
    capabilities: tuple[Version, ...] = ()
    fault: str = ""


@dataclass(frozen=True)
class Build:
    """`name`: cpu, cuda (for CUDA 13 where a framework has such a build) or cuda12; `why`: a clause
    for the user."""

    name: str
    why: str


def build_for(driver: Driver | None) -> Build:
    """What suits this machine; `driver` None: there is none."""
    if driver is None:
        return Build("cpu", "no NVIDIA driver here")
    if driver.fault or not driver.capabilities:
        return Build("cpu", driver.fault or "the NVIDIA driver shows no GPU")
    supports = f"the driver supports CUDA {dotted(driver.cuda)}"
    if driver.cuda < CUDA_12:
        return Build("cpu", f"{supports}: too old, update it to 580 or newer")
    newest, oldest = max(driver.capabilities), min(driver.capabilities)
    if newest >= FIRST_TOO_NEW_FOR_12 and driver.cuda < CUDA_13:
        return Build("cuda", f"{supports}: frameworks will need 580 or newer for this GPU")
    if newest >= FIRST_TOO_NEW_FOR_12:
        return Build("cuda", supports)
    if driver.cuda < CUDA_13:
        return Build("cuda12", f"{supports}: builds for CUDA 12")
    if oldest < OLDEST_FOR_13:
        gpu = f"a GPU of compute capability {dotted(oldest)}"
        return Build("cuda12", f"{gpu}: builds for CUDA 12")
    return Build("cuda", supports)


def ask_driver() -> Driver | None:
    """In a process of its own, which may hang or crash; None where there is no driver.

    The machine is asked, whatever CUDA_VISIBLE_DEVICES hides from this shell.
    """
    environment = {k: v for k, v in os.environ.items() if k != "CUDA_VISIBLE_DEVICES"}
    try:
        done = subprocess.run(
            [sys.executable, "-ES", "-m", "harness.tools.environments.driver"],
            cwd=str(ROOT),
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return Driver(fault=f"the NVIDIA driver did not answer within {PATIENCE:.0f} s")
    except ValueError:
        return Driver(fault="the NVIDIA driver's library crashed when it was asked")
    if answer is None:
        return None
    return Driver(
        (answer["cuda"][0], answer["cuda"][1]),
        tuple((major, minor) for major, minor in answer["capabilities"]),
        answer["fault"],
    )


def read_driver(load: Callable[[str], Any] = ctypes.CDLL) -> dict[str, Any] | None:
    """Fields of a Driver, read in this process; None where the library is not there.

    `load`: opens a shared library, raises OSError where it cannot.
    """
    try:
        library = load(LIBRARY)
    except OSError:
        return None
    number = ctypes.c_int()

    def call(name: str, *arguments: Any) -> int:
        status = getattr(library, name)(ctypes.byref(number), *arguments)
        if status:
            raise OSError(f"{name} answers {status}")
        return number.value

    fields: dict[str, Any] = {"cuda": (0, 0), "capabilities": [], "fault": ""}
    try:
        version = call("cuDriverGetVersion")  # 13000 is 13.0
        fields["cuda"] = (version // 1000, version % 1000 // 10)
        status = library.cuInit(0)
        if status == NO_DEVICE:
            return fields
        if status:
            raise OSError(f"cuInit answers {status}")
        for index in range(call("cuDeviceGetCount")):
            device = call("cuDeviceGet", index)
            major = call("cuDeviceGetAttribute", CAPABILITY_MAJOR, device)
            fields["capabilities"].append(
                (major, call("cuDeviceGetAttribute", CAPABILITY_MINOR, device))
            )
    except OSError as error:
        fields["fault"] = f"the NVIDIA driver is there and fails ({error})"
    except AttributeError as error:
        fields["fault"] = f"{LIBRARY} is no NVIDIA driver ({error})"
    return fields


if __name__ == "__main__":
    print(json.dumps(read_driver()))
