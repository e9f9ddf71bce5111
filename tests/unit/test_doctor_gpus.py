"""What facts about a GPU mean for a comparison; the GPUs are made up."""

from __future__ import annotations

import re

import pytest
from fake_gpus import Card, Driver, Nvml, machine

import backends
from harness.system.gpu import gpu_is_expected, gpu_state, visible_gpus, why_no_gpu
from harness.tools.doctor import examine as examining
from harness.tools.doctor.examine import examine
from harness.tools.doctor.gpus import check_gpus

GIB = 2**30
BOTH = ("torch", "tf")
OTHERS = "other processes on the GPU"
A100 = Card("NVIDIA A100", 40 * GIB, (8, 0), free=39 * GIB)
H100, T4 = Card(), Card("Tesla T4", 15 * GIB, (7, 5), free=14 * GIB)
V100 = Card("Tesla V100", 16 * GIB, (7, 0), free=15 * GIB)
B200 = Card("NVIDIA B200", 180 * GIB, (10, 0))
RTX5090 = Card("NVIDIA GeForce RTX 5090", 32 * GIB, (12, 0), free=31 * GIB)


def checks(*cards, names=BOTH, builds=None, environment=None, **given):
    """By name. `builds`: others than the usual ones."""
    usual_ones = {name: next(iter(backends.gpu_builds(name)), None) for name in names}
    builds = {**usual_ones, **(builds or {})}
    with machine(*cards, **given):
        gpus = visible_gpus()
        state = gpu_state(gpus[0]) if gpus else {}
        usual = not gpu_is_expected()
        found = list(check_gpus(gpus, why_no_gpu(), usual, state, builds, environment or {}))
    assert all(bool(each.fix) is (each.state != "ok") for each in found)
    return {each.name: each for each in found}


def test_a_usual_gpu_is_all_right():
    found = checks(A100)
    assert {each.state for each in found.values()} == {"ok"}
    assert found["GPU"].found == "NVIDIA A100, 40.0 GiB, compute capability 8.0"
    assert found["driver"].found == "580.95.05, for CUDA up to 13.0"
    assert {"compute mode", "GPU memory", "power limit"} < set(found)


@pytest.mark.parametrize(
    ("given", "state"),
    [
        ({"driver": OSError("libcuda.so.1: cannot open shared object file: No such file")}, "ok"),
        ({"driver": Driver([], code=100), "nvml": Nvml([])}, "ok"),
        ({"driver": Driver([A100], code=803)}, "warning"),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, "warning"),
        ({"driver": Driver([], code=100), "nvml": Nvml([A100])}, "warning"),
    ],
)
def test_without_a_gpu_the_reason_is_told(given, state):
    [found] = checks(A100, **given).values()
    assert found.name == "GPU" and found.state == state
    assert found.found.startswith("none: ") and "the CPU is used" in found.found
    hidden = "CUDA_VISIBLE_DEVICES" in given
    assert ("unset CUDA_VISIBLE_DEVICES" in found.fix) is hidden


@pytest.mark.parametrize(
    ("version", "names", "says"),
    [
        (12040, BOTH, "PyTorch 2.13 of PyPI needs CUDA 13.0"),
        (12040, ("tf",), None),
        (11080, BOTH, "PyTorch 2.13 of PyPI needs CUDA 13.0, TensorFlow 2.21 needs CUDA 12.0"),
        (12040, ("tf", "jax"), "; JAX 0.9.2 for CUDA 13 needs CUDA 13.0"),
        (13000, (*BOTH, "jax"), None),
    ],
)
def test_a_driver_that_is_too_old_for_a_build_is_told(version, names, says):
    found = checks(A100, names=names, driver=Driver([A100], version=version))["driver"]
    assert found.state == ("warning" if says else "ok")
    assert found.found.endswith(says or f"CUDA up to {version // 1000}.{version % 1000 // 10}")


@pytest.mark.parametrize(
    ("card", "name", "state", "says", "fix"),
    [
        (Card(mode=0), "compute mode", "ok", "DEFAULT", ""),
        (Card(mode=2), "compute mode", "problem", "PROHIBITED: .*", "-c DEFAULT"),
        (Card(mode=3), "compute mode", "problem", "EXCLUSIVE_PROCESS: .*",
         "BACKENDS=torch, then BACKENDS=tf"),
        (Card(free=79 * GIB), "GPU memory", "ok", "79.0 of 80.0 GiB free", ""),
        (Card(free=3 * GIB), "GPU memory", "warning", "3.0 of 80.0 GiB free", "smaller images"),
        (Card(free=GIB), "GPU memory", "problem", "1.0 of 80.0 GiB free", "smaller images"),
        (Card(processes={1: 3 * GIB}), OTHERS, "warning", "1, with 3.0 GiB", "end them"),
        (Card(processes={1: None}), OTHERS, "warning", "1", "end them"),
        (Card(processes={}), OTHERS, "ok", "none", ""),
        (Card(watts=150.0, default_watts=450.0), "power limit", "warning",
         "150 W, 450 W by default: slower .*", "nvidia-smi -pl 450"),
        (Card(reasons=0x20), "GPU clocks", "warning", "held back by .*", "cooling"),
        (Card(reasons=0x80), "GPU clocks", "warning", "held back by .*", "cooling"),
    ],
)  # fmt: skip
def test_what_slows_a_gpu_or_keeps_a_process_from_it_is_told(card, name, state, says, fix):
    check = checks(card)[name]
    assert check.state == state and re.fullmatch(says, check.found) and fix in check.fix


@pytest.mark.parametrize("bits", [0x1, 0x4])
def test_clocks_that_idleness_or_the_power_limit_holds_back_are_not_told(bits):
    assert "GPU clocks" not in checks(Card(reasons=bits))


def test_an_old_card_beside_a_new_one_keeps_pytorch_from_both():
    old = Card("Quadro K620", 2 * GIB, (5, 0), number=5)
    new = Card("NVIDIA A100", 40 * GIB, (8, 0), number=6, free=39 * GIB)
    for cards in ((old, new), (new, old)):
        found = checks(*cards)["older GPU"]
        assert found.state == "problem" and "Quadro K620" in found.found
        assert f"CUDA_VISIBLE_DEVICES={new.uuid}" in found.fix
    assert "older GPU" not in checks(old, new, CUDA_VISIBLE_DEVICES="1")
    assert "older GPU" not in checks(old, new, names=("tf", "jax"))
    older_build = {"torch": backends.gpu_builds("torch")[1]}
    assert "older GPU" not in checks(old, new, builds=older_build)
    assert "older GPU" not in checks(A100, T4)


@pytest.mark.parametrize(
    ("card", "torch", "tf", "jax"),
    [
        (V100, "has no code", None, "has no code"),
        (T4, None, None, None),
        (A100, None, None, None),
        (Card("RTX 4090", capability=(8, 9)), None, None, None),
        (H100, None, "at its first use", None),
        (B200, None, "has no code", None),
        (RTX5090, None, "has no code", None),
        # Later than any of which something is known.
        (Card("A later one", capability=(13, 0)), "has no code", "has no code", None),
    ],
)
def test_what_builds_hold_for_a_card_is_told(card, torch, tf, jax):
    found = checks(card, names=(*BOTH, "jax"))
    for name, said in (("torch", torch), ("tf", tf), ("jax", jax)):
        check = found.get(f"kernels of {name}")
        assert (said in check.found) if said else check is None


def test_on_blackwell_there_is_pytorch_and_on_volta_tensorflow():
    assert checks(B200)["kernels of tf"].fix.startswith("BACKENDS=torch")
    assert checks(V100)["kernels of torch"].fix.startswith("BACKENDS=tf")
    assert checks(B200, names=("tf",))["kernels of tf"].fix == "another build"
    assert "kernels of tf" not in checks(B200, names=("torch",))
    assert checks(B200, names=(*BOTH, "jax"))["kernels of tf"].fix.startswith("BACKENDS=torch,jax,")
    older = {name: backends.gpu_builds(name)[1] for name in ("torch", "jax")}
    assert not {"kernels of torch", "kernels of jax"} & checks(V100, builds=older).keys()


def test_three_backends_need_more_of_a_gpus_memory_than_two():
    card = Card(free=9 * GIB // 2)
    assert checks(card)["GPU memory"].state == "ok"
    assert checks(card, names=(*BOTH, "jax"))["GPU memory"].state == "warning"


@pytest.mark.parametrize(
    ("size", "state"),
    [(None, "warning"), ("268435456", "warning"), ("4294967296", "ok"), ("4G", "warning")],
)
def test_kernels_compiled_at_first_use_need_a_place(size, state):
    environment = {} if size is None else {"CUDA_CACHE_MAXSIZE": size}
    assert checks(H100, environment=environment)["kernels of tf"].state == state


def test_cards_without_bfloat16_and_further_cards_are_told():
    assert "bfloat16" in checks(T4)["precision"].found
    assert "precision" not in checks(A100)
    assert "the first of 2 visible ones" in checks(A100, H100)["GPU"].found


def test_without_nvml_there_is_still_what_the_driver_says():
    assert set(checks(A100, nvml=False)) == {"GPU", "driver"}


def test_a_backend_of_which_nothing_is_known_is_left_alone():
    found = checks(B200, names=("jax",), builds={"jax": None})
    assert {each.state for each in found.values()} == {"ok"} and "kernels of jax" not in found


@pytest.mark.parametrize(
    ("cards", "asked"),
    [((), (False, False)), ((A100,), (True, False)), ((Card(mode=3),), (True, True))],
)
def test_an_examination_probes_as_the_gpu_allows_and_ends_what_it_has_started(
    monkeypatch, tmp_path, cards, asked
):
    ended, given = [], []

    class Probe:
        def stop(self):
            ended.append(self)

    def start(gpu, one_by_one):
        given.append((gpu, one_by_one))
        return (Probe(),)

    monkeypatch.setattr(examining, "start_probes", start)
    monkeypatch.setattr(examining, "check_machine", lambda: ())
    monkeypatch.setattr(examining, "look", lambda names: [])
    monkeypatch.setattr(examining, "check_versions", lambda: ())
    with machine(*cards):
        walk = examine(tmp_path)
        assert next(walk).name == "GPU"
        walk.close()  # as Ctrl-C does
    assert given == [asked] and len(ended) == 1
