"""GPUs as the driver and NVML tell of them, both made up; nothing is ever raised."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from fake_gpus import Card, Driver, Nvml, machine

from harness.system import provenance
from harness.system.gpu import (
    MOMENTARY,
    Gpu,
    find_gpu,
    gpu_state,
    lasting,
    visible_gpus,
    why_no_gpu,
)
from harness.system.machine import device_memory

T400 = Card("NVIDIA T400", 2 * 2**30, (7, 5), number=1)
A100 = Card("NVIDIA A100-SXM4-80GB", 80 * 2**30, (8, 0), number=2)
SLICE = Card("NVIDIA A100-SXM4-80GB MIG 3g.40gb", 40 * 2**30, (8, 0), number=9, slice_of=2)
NO_LIBRARY = OSError("libcuda.so.1: cannot open shared object file: No such file or directory")


def test_the_gpu_is_the_first_that_cuda_shows_with_all_its_facts():
    with machine(T400, A100):
        assert find_gpu() == Gpu(
            "NVIDIA T400", T400.uuid, 2 * 2**30, (7, 5), "580.95.05", (13, 0), "0000:01:00.0"
        )
        assert [gpu.name for gpu in visible_gpus()] == ["NVIDIA T400", "NVIDIA A100-SXM4-80GB"]
        assert why_no_gpu() == ""


@pytest.mark.parametrize("visible", ["1", "1,0", A100.uuid])
def test_names_memory_and_state_follow_what_is_visible(visible):
    with machine(T400, A100, CUDA_VISIBLE_DEVICES=visible):
        assert provenance.gpu_name() == provenance.device_name("cuda", 2) == A100.name
        assert device_memory("cuda") == A100.memory
        assert provenance.describe("cuda")["gpu"]["uuid"] == A100.uuid


def test_a_slice_is_a_gpu_of_its_own_whose_card_is_asked_for_the_rest():
    whole = Card("NVIDIA A100-SXM4-80GB", 80 * 2**30, (8, 0), number=2, watts=300.0, mig=1)
    with machine(whole, SLICE):
        gpu = find_gpu()
        assert gpu.uuid == SLICE.uuid and gpu.is_slice and gpu.memory == 40 * 2**30
        state = gpu_state(gpu)
    assert state["power_limit_watts"] == 300 and state["mig"] is True
    assert state["free_bytes"] == SLICE.free


def test_a_slice_whose_card_may_not_be_asked_has_no_state_of_it():
    with machine(SLICE, driver=Driver([SLICE]), nvml=Nvml([SLICE])):
        state = gpu_state(find_gpu())
    assert state["power_limit_watts"] is None and state["compute_mode"] is None
    assert state["free_bytes"] == SLICE.free


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"driver": NO_LIBRARY}, "there is no NVIDIA driver (libcuda.so.1)"),
        ({"driver": OSError("libcuda.so.1: file too short")},
         "the NVIDIA driver cannot be loaded (libcuda.so.1: file too short)"),
        ({"driver": Driver([], code=100)},
         "the NVIDIA driver finds no GPU (CUDA_ERROR_NO_DEVICE, 100)"),
        ({"driver": Driver([T400], code=803)},
         "the NVIDIA driver fails: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, 803 (its library and the"
         " kernel module are of different versions; restart the machine)"),
        ({"driver": Driver([T400], code=719)}, "the NVIDIA driver fails: error, 719"),
        ({"CUDA_VISIBLE_DEVICES": ""},
         "CUDA_VISIBLE_DEVICES='' leaves no NVIDIA GPU of the 2 in this machine visible"),
        ({"CUDA_VISIBLE_DEVICES": "7", "nvml": False},
         "CUDA_VISIBLE_DEVICES='7' leaves no NVIDIA GPU visible"),
        ({"CUDA_VISIBLE_DEVICES": "-1", "driver": Driver([], code=100), "nvml": Nvml([])},
         "the NVIDIA driver finds no GPU (CUDA_ERROR_NO_DEVICE, 100)"),
        ({"driver": Driver([T400]), "CUDA_VISIBLE_DEVICES": "GPU-0"},
         "CUDA_VISIBLE_DEVICES='GPU-0' leaves no NVIDIA GPU of the 2 in this machine visible"),
    ],
)  # fmt: skip
def test_without_a_gpu_the_cpu_is_used_and_the_reason_is_told(given, why):
    with machine(T400, A100, **given):
        assert find_gpu() is None and visible_gpus() == () and why_no_gpu() == why
        assert provenance.gpu_name() is None and provenance.default_device() == "cpu"
        assert device_memory("cuda") is None
        assert provenance.describe("cuda")["gpu"] is None


def test_a_library_that_is_no_driver_is_no_gpu():
    with machine(driver=object()):
        assert find_gpu() is None and "cannot be asked" in why_no_gpu()


def test_without_nvml_there_is_a_gpu_whose_state_is_unknown():
    with machine(A100, nvml=False):
        gpu = find_gpu()
        state = gpu_state(gpu)
    assert gpu.name == A100.name and gpu.driver is None and gpu.driver_cuda == (13, 0)
    assert state.pop("clocks") == state.pop("max_clocks")
    assert set(state.values()) == {None}


def test_the_driver_is_told_the_order_before_it_begins_unless_the_user_has():
    class Watching(Driver):
        def cuInit(self, flags):
            self.order = os.environ.get("CUDA_DEVICE_ORDER")
            return super().cuInit(flags)

    with machine(A100, driver=Watching([A100])) as driver:
        find_gpu()
        assert driver.order == os.environ["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    with machine(A100, driver=Watching([A100]), CUDA_DEVICE_ORDER="FASTEST_FIRST") as driver:
        find_gpu()
        assert driver.order == "FASTEST_FIRST"


def test_the_driver_is_asked_once_and_not_at_all_for_a_cpu():
    with machine(A100) as driver:
        provenance.describe("cpu")
        device_memory("cpu")
        provenance.device_name("cpu", 2)
        assert driver.begun == 0
        for _ in range(3):
            provenance.describe("cuda")
            provenance.default_device()
        assert driver.begun == 1


def test_two_cards_of_one_name_are_told_apart():
    said = []
    for watts in (150.0, 450.0):
        with machine(Card("NVIDIA GeForce RTX 4090", watts=watts, default_watts=450.0)):
            said.append(provenance.describe("cuda"))
    slow, fast = said
    assert slow["gpu"]["name"] == fast["gpu"]["name"]
    assert slow["gpu"]["power_limit_watts"] == 150 and fast["gpu"]["power_limit_watts"] == 450
    assert slow["gpu"]["default_power_limit_watts"] == 450
    assert slow["driver"] == "580.95.05" and slow["gpu"]["capability"] == [9, 0]
    assert json.loads(json.dumps(said)) == said


def test_the_state_is_what_nvml_says_now():
    others = {1: 3 * 2**30, os.getpid(): 2**30}
    card = Card(mode=3, reasons=0x1 | 0x4 | 0x40, processes=others)
    with machine(card):
        state = gpu_state(find_gpu())
    assert state["compute_mode"] == "EXCLUSIVE_PROCESS" and state["persistence"] is True
    assert state["ecc"] is False, "now; after a restart it would be on"
    assert state["throttle_reasons"] == ["idle", "power limit", "hardware thermal slowdown"]
    assert state["other_processes"] == {"count": 1, "bytes": 3 * 2**30}, "but for this one"
    assert state["max_clocks"] == {"graphics_mhz": 1755, "memory_mhz": 1593}
    assert state["clocks"] == {"graphics_mhz": 345, "memory_mhz": 1593}


def test_what_a_card_does_not_support_is_none_and_the_rest_is_there():
    card = Card(
        silent=("nvmlDeviceGetEccMode", "nvmlDeviceGetPowerManagementLimit"), processes={1: None}
    )
    with machine(card):
        state = gpu_state(find_gpu())
    assert state["ecc"] is None and state["power_limit_watts"] is None
    assert state["default_power_limit_watts"] == 350
    assert state["other_processes"] == {"count": 1, "bytes": None}


def test_an_older_nvml_has_another_name_for_what_holds_clocks_back():
    class Old(Nvml):
        nvmlDeviceGetCurrentClocksEventReasons = None

        def __getattribute__(self, name):
            if name == "nvmlDeviceGetCurrentClocksEventReasons":
                raise AttributeError(name)
            return super().__getattribute__(name)

        def nvmlDeviceGetCurrentClocksThrottleReasons(self, card):
            return 0x20

    with machine(A100, nvml=Old([A100])):
        assert gpu_state(find_gpu())["throttle_reasons"] == ["thermal limit"]


def test_a_card_that_nvml_does_not_know_by_its_uuid_is_found_in_its_slot():
    class Shy(Nvml):
        def nvmlDeviceGetHandleByUUID(self, name):
            raise RuntimeError("not found")

    with machine(T400, A100, nvml=Shy([T400, A100]), CUDA_VISIBLE_DEVICES="1"):
        state = gpu_state(find_gpu())
    assert state["power_limit_watts"] == 350 and state["free_bytes"] == A100.free


def test_workers_of_one_program_are_no_others():
    """What it has started, and other modules of the harness that its own parent has started."""
    sleep = "import time; print(flush=True); time.sleep(60)"
    ask = """if True:
        import json, subprocess, sys
        from harness.system.gpu import _our_processes
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        print(json.dumps([child.pid, *_our_processes()]))
        child.communicate(b"\\n")
    """
    command = [sys.executable, "-c", sleep]
    started = [
        subprocess.Popen([*command, name], stdout=subprocess.PIPE)
        for name in ("harness.training.worker", "another")
    ]
    try:
        for process in started:
            process.stdout.readline()
        done = subprocess.run(
            [sys.executable, "-c", ask], capture_output=True, text=True, check=True
        )
        child, *ours = json.loads(done.stdout)
        worker, other = (process.pid for process in started)
        assert {child, worker} < set(ours) and other not in ours and os.getpid() not in ours
    finally:
        for process in started:
            process.kill()
            process.communicate()


def test_what_lasts_of_an_environment_is_what_is_compared():
    with machine(A100):
        made = {"threads": 2, **provenance.describe("cuda")}
    kept = lasting(made)
    assert set(made["gpu"]) - set(kept["gpu"]) == set(MOMENTARY) and kept["threads"] == 2
    assert kept["gpu"]["power_limit_watts"] == 350
    assert lasting({"gpu": None}) == {"gpu": None} and lasting({}) == {}
