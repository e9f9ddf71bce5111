"""Where runs were made: environments, GPUs told apart, devices beside each other, energy."""

from __future__ import annotations

import io
import re
import shutil

import numpy as np
import pytest
from fake_gpus import Card, machine
from PIL import Image
from report_experiment import STEPS, WATTS, build, editing, pages

from harness.records.experiment import load
from harness.records.run import RunRecord
from harness.report.comparison.environment import groups, warnings
from harness.report.comparison.notes import about_timing
from harness.report.comparison.plots import device_figure
from harness.report.comparison.timing import block_times, flops_per_second, timing_rows
from harness.system import provenance

GPU = "gpu-example"
BOTH = ("cpu-example", GPU)
CARDS = {"torch": Card(), "tf": Card()}
LIBRARIES = {
    "torch": {"cuda_build": "13.0", "cudnn": "9.20.0", "cuda_runtime": "13.0"},
    "tf": {"cuda_build": "12.5.1", "cudnn": "9.28.0", "cuda_runtime": "12.9"},
}
ENERGY = "Energy a training image"


def on_gpus(folder, cards, **changes):
    """Runs as they are recorded now, each on its card; `changes`: backend -> keys."""
    build(folder, devices=(GPU,))
    for backend, card in cards.items():
        with machine(card):
            made = provenance.describe("cuda")
        with editing(folder / f"runs/{GPU}/{backend}-seed0/environment.json") as record:
            record |= {"libraries": LIBRARIES[backend], "driver": made["driver"]}
            record |= {"gpu": made["gpu"], **changes.get(backend, {})}
    return folder


def rows(folder):
    """Of the environment table, by its first column."""
    text = pages(folder)[1]
    table = text[text.index("## Environment") :].partition("## Configuration")[0]
    return {cells[1].strip(): [c.strip() for c in cells[2:-1]] for line in table.splitlines()
            if len(cells := line.split("|")) > 3}  # fmt: skip


def test_libraries_are_shown_and_are_no_difference(tmp_path):
    folder = on_gpus(tmp_path, CARDS)
    assert warnings(load(folder)) == []
    libraries = rows(folder)["CUDA libraries"]
    assert libraries[0] == "built for CUDA 13.0, cuDNN 9.20.0, CUDA runtime 13.0"
    assert "9.28.0" in libraries[1]


def test_older_records_have_them_among_the_versions(tmp_path):
    old = {name: {"versions": {"numpy": "2", "cuda": cuda, "cudnn": "9"}, "libraries": {}}
           for name, cuda in (("torch", "13.0"), ("tf", "12.5.1"))}  # fmt: skip
    folder = on_gpus(tmp_path, CARDS, **old)
    assert warnings(load(folder)) == []
    table = rows(folder)
    assert table["CUDA libraries"] == [
        "built for CUDA 13.0, cuDNN 9",
        "built for CUDA 12.5.1, cuDNN 9",
    ]
    assert table["Versions"] == ["numpy 2", "numpy 2"]


def test_facts_of_the_gpu_are_shown_and_none_on_a_cpu(tmp_path):
    card = Card(watts=200.0)
    table = rows(on_gpus(tmp_path / "gpu", {"torch": card, "tf": card}))
    assert table["Power limit"] == ["200 W (default 350 W)"] * 2
    assert table["Clock limits"] == ["graphics 1755 MHz, memory 1593 MHz"] * 2
    expected = "80.0 GiB, compute capability 9.0, driver for CUDA 13.0, ECC off"
    assert table["GPU"] == [expected] * 2
    assert table["Driver"] == ["580.95.05"] * 2
    on_a_cpu = rows(build(tmp_path / "cpu"))
    assert on_a_cpu["Driver"] == ["none"] * 2
    assert not {"GPU", "Power limit", "Clock limits", "CUDA libraries"} & set(on_a_cpu)


@pytest.mark.parametrize(
    ("other", "changes", "says"),
    [
        (
            Card(watts=150.0), {},
            r"^power limit of the GPU differs: 150 W \(default 350 W\) \(.*tf-seed0\); 350 W \(",
        ),
        (Card(max_mhz=1200), {}, "clock limit of the GPU differs: .*1200 MHz"),
        (Card(memory=40 * 2**30), {}, "^GPU differs: 40.0 GiB"),
        (
            Card(), {"driver": "570.1"},
            r"^driver differs: 570.1 \(.*/tf-seed0\); 580.95.05 \(.*/torch-seed0\)$",
        ),
    ],
)  # fmt: skip
def test_what_makes_a_card_another_is_told(tmp_path, other, changes, says):
    folder = on_gpus(tmp_path, {"torch": Card(), "tf": other}, tf=changes)
    (line,) = warnings(load(folder))
    assert re.search(says, line)


def test_what_is_not_known_of_one_is_no_difference(tmp_path):
    assert warnings(load(on_gpus(tmp_path, CARDS, tf={"gpu": None}))) == []


def test_like_cards_in_whatever_state_are_one_environment(tmp_path):
    build(tmp_path, devices=(GPU,), seeds=(0, 1))
    for seed, card in enumerate((Card(number=1), Card(number=2, free=1, reasons=0x4))):
        with machine(card):
            gpu = provenance.describe("cuda")["gpu"]
        for path in tmp_path.glob(f"runs/*/*-seed{seed}/environment.json"):
            with editing(path) as record:
                record["gpu"] = gpu
    assert [group.seeds for group in groups(load(tmp_path))] == [(0, 1), (0, 1)]


# ---------------------------------------------------------------------- what the largest would take


def test_a_report_of_the_default_preset_says_what_the_largest_would_take(tmp_path):
    folder = build(tmp_path, devices=BOTH, dataset="seasons")
    assert "PRESET=paper" not in about_timing(load(folder)), "another preset was chosen"
    with editing(folder / "experiment.json") as record:
        record["preset"] = "quick"
    experiment = load(folder)
    text = about_timing(experiment)
    paper = 200_000 * 1884.6e9  # steps, FLOP a step
    for device in experiment.devices:
        speeds = [flops_per_second(experiment.of(name, device)) for name in ("torch", "tf")]
        days = sum(paper / speed for speed in speeds) / 86400
        title = experiment.device_title(device)
        (about,) = re.findall(rf"at most about ([\d.,]+) (?:days|hours) on {title}", text)
        assert float(about.replace(",", "")) in (
            pytest.approx(days, rel=0.06), pytest.approx(24 * days, rel=0.06)
        )  # fmt: skip
    assert "PRESET=paper would take at most" in pages(folder)[1]
    for path in folder.glob("runs/*/*/resources.json"):
        with editing(path) as record:
            record["flops_per_step"] = None
    assert "PRESET=paper" not in about_timing(load(folder)), "speeds are not known"


def test_steps_beside_other_runs_are_in_no_time_and_the_page_says_so(tmp_path):
    folder = build(tmp_path)
    before, text = timing_rows(load(folder)), "were trained side by side"
    assert text not in about_timing(load(folder))
    for backend in ("torch", "tf"):
        run = RunRecord(folder / "runs" / "cpu-example" / f"{backend}-seed0")
        with editing(run.folder / "environment.json") as record:
            record["beside"] = {"start": STEPS // 2, "threads": 1}
        with blocks(folder, "cpu-example", backend) as table:
            table["beside"] = (table["start_step"] >= STEPS // 2).astype(int)
            table.loc[table["beside"] == 1, "train_seconds"] *= 100
        again = RunRecord(run.folder)
        assert len(block_times([again])) == (again.blocks["start_step"] < STEPS // 2).sum() - 2
    after = timing_rows(load(folder))
    for one, other in zip(before, after, strict=True):
        assert other.ratio.value == pytest.approx(one.ratio.value, rel=0.1), one.quantity
    assert f"the first {STEPS // 2} steps of each run were timed; the others {text}" in (
        about_timing(load(folder))
    )


def test_of_which_seeds_steps_were_timed_is_said(tmp_path):
    folder = build(tmp_path, seeds=(0, 1, 2))
    for file in folder.glob("runs/*/*/environment.json"):
        with editing(file) as record:
            start = 0 if file.parent.name.endswith("seed2") else STEPS // 2
            record["beside"] = {"start": start, "threads": 1}
    said = about_timing(load(folder))
    assert f"the first {STEPS // 2} steps of seeds 0 and 1 were timed; the others were" in said
    for file in folder.glob("runs/*/*/environment.json"):
        with editing(file) as record:
            record["beside"]["turns"] = True
    assert "trained while other seeds were, on other devices" in about_timing(load(folder))


# --------------------------------------------------------------------------------------- energy


def energy(folder):
    return [row for row in timing_rows(load(folder)) if row.quantity == "joules_per_image"]


def blocks(folder, device, backend):
    return editing(folder / f"runs/{device}/{backend}-seed0/blocks.csv")


def test_energy_is_the_median_over_blocks_of_joules_an_image(tmp_path):
    folder = build(tmp_path, devices=BOTH)
    (row,) = energy(folder)  # nothing is known of the other device
    assert row.device == GPU
    seconds = block_times(load(folder).of("torch", GPU))
    expected = WATTS * seconds.median() / 2  # an image of each domain a step
    assert row.values["torch"] == pytest.approx(expected)
    assert row.ratio.value == pytest.approx(1.3, rel=0.03) and row.pairs == 18
    assert row.ratio.low < row.ratio.value < row.ratio.high
    for text in pages(folder):
        assert text.count(ENERGY) == 1 and "NVML" in text[text.index(ENERGY) :][:80]


def test_joules_that_could_not_be_read_make_no_row_and_no_zero(tmp_path):
    folder = build(tmp_path, devices=BOTH)
    with blocks(folder, GPU, "tf") as table:
        table["joules"] = np.nan
    (row,) = energy(folder)
    assert row.values["tf"] is None and row.values["torch"] > 0 and row.ratio.value is None
    with blocks(folder, GPU, "torch") as table:
        del table["joules"]
    assert energy(folder) == []
    assert all(ENERGY not in text for text in pages(folder))


def test_blocks_without_joules_are_left_out_of_the_median(tmp_path):
    folder = build(tmp_path, devices=BOTH)
    before = energy(folder)[0].values["torch"]
    with blocks(folder, GPU, "torch") as table:
        table.loc[table.index % 3 == 0, "joules"] = np.nan
        table.loc[:1, "joules"] = 1e9  # warm-up is never counted
    (row,) = energy(folder)
    assert row.values["torch"] == pytest.approx(before, rel=0.05) and row.pairs < 18


# ------------------------------------------------------------------------ devices beside each other


def test_one_device_is_not_drawn_and_two_are(tmp_path):
    folder = build(tmp_path, devices=BOTH)
    whole = device_figure(load(folder))
    assert Image.open(io.BytesIO(whole.png)).format == "PNG"
    html, markdown = pages(folder, {"devices.png": whole.png})
    assert "](figures/devices.png)" in markdown and "5th to the 95th percentile" in html
    assert html.index("5th to the 95th percentile") < html.index("Training step, median")
    shutil.rmtree(folder / "runs/cpu-example/tf-seed0")
    lacking = device_figure(load(folder))
    assert lacking not in (None, whole), "a backend that one device lacks is drawn on the other"
    with blocks(folder, "cpu-example", "torch") as table:
        table["warmup"] = 1
    assert device_figure(load(folder)) is None, "a device without timed blocks is not drawn"
