"""Joules read from a made-up powercap folder and a made-up NVML; nothing is ever raised."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.energy import Meter

RANGE = 1_000_000_000  # microjoules


class Nvml:
    """As the module pynvml: GPUs with their names, and millijoules so far by handle."""

    def __init__(self, **names: str) -> None:
        self.names = names
        self.millijoules = {uuid: 1000 * (i + 1) for i, uuid in enumerate(names)}
        self.begun = False

    def nvmlInit(self) -> None:
        self.begun = True

    def nvmlDeviceGetCount(self) -> int:
        return len(self.names)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        return list(self.names)[index]

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        if uuid.removeprefix("GPU-") not in self.names:
            raise RuntimeError("not found")
        return uuid.removeprefix("GPU-")

    def nvmlDeviceGetName(self, gpu: str) -> str:
        return self.names[gpu]

    def nvmlDeviceGetTotalEnergyConsumption(self, gpu: str) -> int:
        if not self.begun or gpu not in self.millijoules:
            raise RuntimeError("not supported")
        return self.millijoules[gpu]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"):
        monkeypatch.delenv(name, raising=False)


def zone(powercap: Path, folder: str, name: str, microjoules: int) -> Path:
    made = powercap / folder
    made.mkdir(parents=True)
    (made / "name").write_text(f"{name}\n")
    (made / "max_energy_range_uj").write_text(f"{RANGE}\n")
    (made / "energy_uj").write_text(f"{microjoules}\n")
    return made / "energy_uj"


def test_packages_add_up_and_nothing_is_counted_twice(tmp_path):
    first = zone(tmp_path, "intel-rapl:0", "package-0", 2_000_000)
    second = zone(tmp_path, "intel-rapl:1", "package-1", 5_000_000)
    zone(tmp_path, "intel-rapl:0:0", "core", 900_000_000)
    zone(tmp_path, "intel-rapl:2", "psys", 900_000_000)
    zone(tmp_path, "intel-rapl-mmio:0", "package-0", 900_000_000)
    meter = Meter("cpu", powercap=tmp_path)
    assert meter.source == "RAPL" and meter.joules() == 7
    before = meter.joules()
    first.write_text("2500000")
    second.write_text("6000000")
    assert meter.since(before) == pytest.approx(1.5)


def test_a_counter_that_begins_again_goes_on(tmp_path):
    counter = zone(tmp_path, "intel-rapl:0", "package-0", RANGE - 1_000_000)
    meter = Meter("cpu", powercap=tmp_path)
    before = meter.joules()
    counter.write_text("3000000")
    assert meter.since(before) == pytest.approx(4)
    counter.write_text("2000000")  # around once more
    assert meter.since(before) == pytest.approx(4 + 999)


@pytest.mark.parametrize("broken", ["missing", "words", "name", "empty"])
def test_what_cannot_be_read_is_none_and_never_zero(tmp_path, broken):
    counter = zone(tmp_path, "intel-rapl:0", "package-0", 2_000_000)
    zone(tmp_path, "intel-rapl:1", "package-1", 5_000_000)
    if broken == "missing":  # the other package alone is not the processor
        counter.unlink()
    elif broken == "words":
        counter.write_text("no permission")
    elif broken == "name":
        (counter.parent / "name").write_bytes(b"\xff")
    meter = Meter("cpu", powercap=tmp_path if broken != "empty" else tmp_path / "none")
    assert meter.source is None and meter.joules() is None
    assert math.isnan(meter.since(None)) and math.isnan(meter.since(3.0))


def test_a_file_that_only_its_owner_may_read_is_none(tmp_path, monkeypatch):
    counter = zone(tmp_path, "intel-rapl:0", "package-0", 2_000_000)
    read = Path.read_text

    def refused(path: Path, *arguments: Any) -> str:
        if path == counter:
            raise PermissionError(13, "Permission denied", str(path))
        return read(path, *arguments)

    assert Meter("cpu", powercap=tmp_path).source == "RAPL"
    monkeypatch.setattr(Path, "read_text", refused)
    assert Meter("cpu", powercap=tmp_path).source is None


def test_a_reading_that_fails_on_the_way_is_none_and_the_next_counts_on(tmp_path):
    counter = zone(tmp_path, "intel-rapl:0", "package-0", 2_000_000)
    meter = Meter("cpu", powercap=tmp_path)
    before = meter.joules()
    counter.rename(tmp_path / "away")
    assert meter.joules() is None and math.isnan(meter.since(before))
    (tmp_path / "away").rename(counter)
    counter.write_text("9000000")
    assert meter.since(before) == 7


def test_a_gpu_counts_in_joules():
    nvml = Nvml(one="A")
    meter = Meter("cuda", nvml=nvml)
    assert meter.source == "NVML" and meter.joules() == 1
    before = meter.joules()
    nvml.millijoules["one"] += 2500
    assert meter.since(before) == 2.5


@pytest.mark.parametrize(
    ("visible", "joules"),
    [(None, 1), ("0", 1), ("1,0", 2), (" 1 , 0", 2), ("GPU-two", 2), ("GPU-other", None),
     ("", None), ("-1", None), ("7", None), ("MIG-two", None)],
)  # fmt: skip
def test_the_gpu_is_the_first_that_is_visible(monkeypatch, visible, joules):
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    meter = Meter("cuda", nvml=Nvml(one="A", two="A"))
    assert meter.joules() == joules
    assert meter.source == (None if joules is None else "NVML")


def test_of_unlike_gpus_the_first_is_known_only_by_their_slots(monkeypatch):
    assert Meter("cuda", nvml=Nvml(slow="A", fast="B")).joules() is None
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    assert Meter("cuda", nvml=Nvml(slow="A", fast="B")).joules() == 1


def test_a_gpu_without_a_counter_and_a_machine_without_a_driver_are_none(monkeypatch):
    old = Nvml(one="A")
    old.millijoules.clear()
    assert Meter("cuda", nvml=old).source is None and Meter("cuda", nvml=old).joules() is None
    monkeypatch.setitem(sys.modules, "pynvml", None)  # as if not installed
    assert Meter("cuda").source is None
