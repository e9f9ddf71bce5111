"""Where runs were made: GPUs told apart, and libraries that are each framework's own."""

from __future__ import annotations

import re

import pytest
from fake_gpus import Card, machine
from report_experiment import build

from harness.records.experiment import load
from harness.report import render
from harness.report.comparison.environment import groups, warnings
from harness.report.comparison.findings import find
from harness.report.comparison.notes import about_timing
from harness.report.comparison.timing import flops_per_second
from harness.system import provenance
from harness.system.files import read_json, write_json

DEVICE = "gpu-example"
CARDS = {"torch": Card(), "tf": Card()}
LIBRARIES = {
    "torch": {"cuda_build": "13.0", "cudnn": "9.20.0", "cuda_runtime": "13.0"},
    "tf": {"cuda_build": "12.5.1", "cudnn": "9.28.0", "cuda_runtime": "12.9"},
}


def on_gpus(folder, cards, **changes):
    """Runs as they are recorded now, each on its card; `changes`: backend -> keys."""
    build(folder, devices=(DEVICE,))
    for backend, card in cards.items():
        path = folder / f"runs/{DEVICE}/{backend}-seed0/environment.json"
        with machine(card):
            made = provenance.describe("cuda")
        of = {"libraries": LIBRARIES[backend], "driver": made["driver"], "gpu": made["gpu"]}
        write_json(path, {**read_json(path), **of, **changes.get(backend, {})})
    return load(folder)


def rows(experiment):
    found = find(experiment)
    text = render.markdown(experiment, found, {})
    table = text[text.index("## Environment") :].partition("## Configuration")[0]
    return {cells[1].strip(): [c.strip() for c in cells[2:-1]] for line in table.splitlines()
            if len(cells := line.split("|")) > 3}  # fmt: skip


def test_libraries_are_shown_and_are_no_difference(tmp_path):
    experiment = on_gpus(tmp_path, CARDS)
    assert warnings(experiment) == []
    shown = rows(experiment)["CUDA libraries"]
    assert (
        shown[0] == "built for CUDA 13.0, cuDNN 9.20.0, CUDA runtime 13.0" and "9.28.0" in shown[1]
    )


def test_older_records_have_them_among_the_versions(tmp_path):
    old = {name: {"versions": {"numpy": "2", "cuda": cuda, "cudnn": "9"}, "libraries": {}}
           for name, cuda in (("torch", "13.0"), ("tf", "12.5.1"))}  # fmt: skip
    experiment = on_gpus(tmp_path, CARDS, **old)
    assert warnings(experiment) == []
    shown = rows(experiment)
    assert shown["CUDA libraries"] == [
        "built for CUDA 13.0, cuDNN 9",
        "built for CUDA 12.5.1, cuDNN 9",
    ]
    assert shown["Versions"] == ["numpy 2", "numpy 2"]


def test_facts_of_the_gpu_are_shown_and_none_on_a_cpu(tmp_path):
    card = Card(watts=200.0)
    shown = rows(on_gpus(tmp_path / "gpu", {"torch": card, "tf": card}))
    assert shown["Power limit"] == ["200 W (default 350 W)"] * 2
    assert shown["Clock limits"] == ["graphics 1755 MHz, memory 1593 MHz"] * 2
    expected = "80.0 GiB, compute capability 9.0, driver for CUDA 13.0, ECC off"
    assert shown["GPU"] == [expected] * 2
    assert shown["Driver"] == ["580.95.05"] * 2
    on_a_cpu = rows(load(build(tmp_path / "cpu")))
    assert on_a_cpu["Driver"] == ["none"] * 2
    assert not {"GPU", "Power limit", "Clock limits", "CUDA libraries"} & set(on_a_cpu)


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (
            Card(watts=150.0),
            r"^power limit of the GPU differs: 150 W \(default 350 W\) \(.*tf-seed0\); 350 W \(",
        ),
        (Card(max_mhz=1200), "clock limit of the GPU differs: .*1200 MHz"),
        (Card(memory=40 * 2**30), "^GPU differs: 40.0 GiB"),
    ],
)
def test_what_makes_a_card_another_is_told(tmp_path, other, says):
    (line,) = warnings(on_gpus(tmp_path, {"torch": Card(), "tf": other}))
    assert re.search(says, line)


def test_another_driver_is_told(tmp_path):
    found = warnings(on_gpus(tmp_path, CARDS, tf={"driver": "570.1"}))
    assert found == [
        "driver differs: 570.1 (gpu-example/tf-seed0); 580.95.05 (gpu-example/torch-seed0)"
    ]


def test_what_is_not_known_of_one_is_no_difference(tmp_path):
    assert warnings(on_gpus(tmp_path, CARDS, tf={"gpu": None})) == []


def test_like_cards_in_whatever_state_are_one_environment(tmp_path):
    build(tmp_path, devices=(DEVICE,), seeds=(0, 1))
    for seed, card in enumerate((Card(number=1), Card(number=2, free=1, reasons=0x4))):
        for path in tmp_path.glob(f"runs/*/*-seed{seed}/environment.json"):
            with machine(card):
                write_json(path, {**read_json(path), "gpu": provenance.describe("cuda")["gpu"]})
    assert [group.seeds for group in groups(load(tmp_path))] == [(0, 1), (0, 1)]


# ---------------------------------------------------------------------- what the largest would take


def as_quick(folder):
    record = read_json(folder / "experiment.json")
    write_json(folder / "experiment.json", {**record, "preset": "quick"})
    return load(folder)


def test_a_report_of_the_default_preset_says_what_the_largest_would_take(tmp_path):
    build(tmp_path, devices=("cpu-example", "gpu-example"), dataset="seasons")
    assert "PRESET=paper" not in about_timing(load(tmp_path)), "another preset was chosen"
    experiment = as_quick(tmp_path)
    text = about_timing(experiment)
    paper = 200_000 * 1884.6e9  # steps, FLOP a step
    for device in experiment.devices:
        speeds = [flops_per_second(experiment.of(name, device)) for name in ("torch", "tf")]
        days = sum(paper / speed for speed in speeds) / 86400
        title = experiment.device_title(device)
        (said,) = re.findall(rf"at most about ([\d.,]+) (?:days|hours) on {title}", text)
        assert float(said.replace(",", "")) in (
            pytest.approx(days, rel=0.06), pytest.approx(24 * days, rel=0.06)
        )  # fmt: skip
    assert "PRESET=paper would take at most" in render.markdown(experiment, find(experiment), {})


def test_without_times_nothing_is_said_of_the_largest(tmp_path):
    build(tmp_path, dataset="seasons")
    for path in tmp_path.glob("runs/*/*/resources.json"):
        write_json(path, {**read_json(path), "flops_per_step": None})
    assert "PRESET=paper" not in about_timing(as_quick(tmp_path))
