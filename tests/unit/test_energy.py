"""Joules read from a made-up powercap folder and a made-up NVML; nothing is ever raised."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from fake_gpus import Card, Nvml, machine

from harness.system.energy_meter import Meter

RANGE = 1_000_000_000  # microjoules
ONE, TWO = Card(number=1, millijoules=1000), Card(number=2, millijoules=2000)


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


def test_a_gpu_counts_in_joules_and_it_is_the_one_that_cuda_uses():
    nvml = Nvml([ONE, TWO])
    with machine(ONE, TWO, nvml=nvml, CUDA_VISIBLE_DEVICES="1"):
        meter = Meter("cuda")
        assert meter.source == "NVML" and meter.joules() == 2
        before = meter.joules()
        nvml.nvmlDeviceGetTotalEnergyConsumption = lambda card: card.millijoules + 2500
        assert meter.since(before) == 2.5


@pytest.mark.parametrize(
    "given",
    [
        {"CUDA_VISIBLE_DEVICES": ""},  # hidden
        {"nvml": False},
        {"nvml": Nvml([TWO])},  # another card than CUDA's
        {"driver": OSError("no driver")},
    ],
)
def test_where_nothing_counts_it_is_none(given):
    with machine(ONE, **given):
        assert Meter("cuda").source is None and Meter("cuda").joules() is None


def test_a_gpu_without_a_counter_and_a_slice_are_none():
    old = Card(silent=("nvmlDeviceGetTotalEnergyConsumption",))
    with machine(old):
        assert Meter("cuda").source is None
    with machine(ONE, Card("a slice", number=7, slice_of=1)):
        assert Meter("cuda").source is None, "the card counts other slices as well"
