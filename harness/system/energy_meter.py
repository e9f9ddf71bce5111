"""Energy that a device has used so far, where the machine lets one read it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path

from harness.system import gpu

POWERCAP = Path("/sys/class/powercap")


class Meter:
    """Counts the joules of a device; two readings subtracted are what it used in between.

    Of "cuda": the GPU that CUDA will use as a whole, by NVML's counter, which is renewed ten to
    fifty times a second (Volta and newer); of a slice of one (MIG) there is none. Of "cpu": all
    processor packages, by RAPL; Linux, often for the superuser only. It wraps after some minutes of
    full power: a stretch between two readings must be shorter. What other programs and an idle
    device use is in both, and what the rest of the machine uses in neither.

    `source`: "NVML", "RAPL", or None where nothing can be read. `powercap`: where to read.
    Never raises.
    """

    def __init__(self, device: str, powercap: Path = POWERCAP) -> None:
        self.source: str | None = None
        self._read: Callable[[], float] | None = None
        # A driver can fail in any way, and training must not end because nobody counts its joules.
        try:
            self._read = _gpu_counter() if device == "cuda" else _package_counter(powercap)
        except Exception:
            return
        if self.joules() is not None:
            self.source = "NVML" if device == "cuda" else "RAPL"

    def joules(self) -> float | None:
        """Used since some fixed moment; never falls. None where it cannot be read."""
        try:
            return None if self._read is None else self._read()
        except Exception:
            return None

    def since(self, before: float | None) -> float:
        """Joules used since the reading `before`; NaN, as tables have it, where one is missing."""
        now = self.joules()
        return math.nan if now is None or before is None else now - before


class Package:
    """The counter of one processor package, as a folder of Linux's powercap."""

    def __init__(self, zone: Path) -> None:
        self._file = zone / "energy_uj"
        self._range = _number(zone / "max_energy_range_uj")
        self._last, self._wrapped = _number(self._file), 0

    def microjoules(self) -> int:
        """Begins again at zero after `max_energy_range_uj`, which is undone here."""
        now = _number(self._file)
        if now < self._last:
            self._wrapped += self._range
        self._last = now
        return self._wrapped + now


def _package_counter(powercap: Path) -> Callable[[], float]:
    packages = [Package(zone) for zone in _package_zones(powercap)]
    if not packages:
        raise FileNotFoundError(f"{powercap}: no processor package")
    return lambda: sum(package.microjoules() for package in packages) / 1e6


def _package_zones(powercap: Path) -> list[Path]:
    """Zones within a package, and that of the whole platform, would count its energy twice."""
    zones = [zone for zone in powercap.iterdir() if re.fullmatch(r"intel-rapl:\d+", zone.name)]
    return [zone for zone in zones if (zone / "name").read_text("ascii").startswith("package")]


def _number(file: Path) -> int:
    return int(file.read_text("ascii"))


def _gpu_counter() -> Callable[[], float]:
    used = gpu.find_gpu()
    if used is None:
        raise LookupError(gpu.why_no_gpu())
    nvml = gpu.load_nvml()
    # Of a slice NVML counts nothing, and what the whole card uses is also the other slices'.
    handle = nvml.nvmlDeviceGetHandleByUUID(used.uuid)
    return lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000  # millijoules
