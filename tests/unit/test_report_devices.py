"""Devices beside each other, and energy where it could be read."""

import io
import shutil

import numpy as np
import pytest
from PIL import Image
from report_experiment import WATTS, build

from harness.records.experiment import load
from harness.report import render
from harness.report.comparison.findings import find
from harness.report.comparison.plots import device_figure
from harness.report.comparison.timing import step_seconds, timing_rows
from harness.system.files import read_table, write_table

ENERGY = "Energy a training image"


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    return build(tmp_path_factory.mktemp("two"), devices=("cpu-example", "gpu-example"))


def copy(two, tmp_path):
    return shutil.copytree(two, tmp_path / "copy")


def change_blocks(folder, device, backend, change):
    path = folder / f"runs/{device}/{backend}-seed0/blocks.csv"
    write_table(path, change(read_table(path)))


def texts(folder, drawn):
    experiment = load(folder)
    found = find(experiment)
    return render.html(experiment, found, drawn), render.markdown(experiment, found, drawn)


def energy(folder):
    return [row for row in timing_rows(load(folder)) if row.quantity == "joules_per_image"]


def test_energy_is_the_median_over_blocks_of_joules_an_image(two):
    (row,) = energy(two)  # nothing is known of the other device
    assert row.device == "gpu-example"
    run = load(two).of("torch", "gpu-example")[0]
    expected = WATTS * step_seconds(run).median() / 2  # an image of each domain a step
    assert row.values["torch"] == pytest.approx(expected)
    assert row.ratio.value == pytest.approx(1.3, rel=0.03) and row.pairs == 18
    assert row.ratio.low < row.ratio.value < row.ratio.high


def test_the_page_says_who_counted(two):
    for text in texts(two, {}):
        assert text.count(ENERGY) == 1 and "NVML" in text[text.index(ENERGY) :][:80]


def test_joules_that_could_not_be_read_make_no_row_and_no_zero(two, tmp_path):
    folder = copy(two, tmp_path)
    change_blocks(folder, "gpu-example", "tf", lambda t: t.assign(joules=np.nan))
    (row,) = energy(folder)
    assert row.values["tf"] is None and row.values["torch"] > 0 and row.ratio.value is None
    change_blocks(folder, "gpu-example", "torch", lambda t: t.drop(columns="joules"))
    assert energy(folder) == []
    assert all(ENERGY not in text for text in texts(folder, {}))


def test_blocks_without_joules_are_left_out_of_the_median(two, tmp_path):
    folder = copy(two, tmp_path)
    before = energy(folder)[0].values["torch"]

    def spoil(table):
        joules = table["joules"].where(table.index % 3 > 0)  # every third is missing
        return table.assign(joules=joules.where(table.index > 1, 1e9))  # warm-up is never counted

    change_blocks(folder, "gpu-example", "torch", spoil)
    (row,) = energy(folder)
    assert row.values["torch"] == pytest.approx(before, rel=0.05) and row.pairs < 18


def test_one_device_is_not_drawn_and_two_are(two, tmp_path):
    folder = copy(two, tmp_path)
    png = device_figure(load(folder)).png
    assert Image.open(io.BytesIO(png)).format == "PNG"
    html, markdown = texts(folder, {"devices.png": png})
    assert "](figures/devices.png)" in markdown and "5th to the 95th percentile" in html
    assert html.index("5th to the 95th percentile") < html.index("Training step, median")
    shutil.rmtree(folder / "runs/gpu-example")
    assert device_figure(load(folder)) is None


def test_a_device_without_timed_blocks_is_not_drawn(two, tmp_path):
    folder = copy(two, tmp_path)
    for backend in ("torch", "tf"):
        change_blocks(folder, "cpu-example", backend, lambda t: t.assign(warmup=1))
    assert device_figure(load(folder)) is None


def test_a_backend_that_one_device_lacks_is_drawn_on_the_others(two, tmp_path):
    folder = copy(two, tmp_path)
    whole = device_figure(load(folder))
    shutil.rmtree(folder / "runs/cpu-example/tf-seed0")
    assert device_figure(load(folder)) not in (None, whole)
