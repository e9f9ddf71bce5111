"""Drawing and decoding: told from a few images, where it is still to be done."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from harness.config.experiment import load_experiment
from harness.data import prepare
from harness.studies.estimate.measure import time_preparing
from harness.studies.estimate.work import Work, count_images


def work(dataset=None, *settings):
    experiment = load_experiment(dataset, "smoke", list(settings))
    return Work(experiment, count_images(experiment, None), ("torch",))


@pytest.fixture(autouse=True)
def fresh(tmp_path, monkeypatch):
    monkeypatch.setenv("CYCLEBENCH_CACHE", str(tmp_path / "cache"))


def test_a_built_in_set_is_drawn_once(tmp_path):
    few, many = work(), work(None, "data.train=4000")
    seconds = [time_preparing(one, None, tmp_path / str(i)) for i, one in enumerate((few, many))]
    assert 0 < seconds[0] < seconds[1], "of 40 images and of 8,000"
    prepare("seasons", size=36, counts=(8, 6))
    assert time_preparing(few, None, tmp_path / "again") == 0
    assert time_preparing(many, None, tmp_path / "many") > 0


def test_files_are_examined_and_decoded_even_if_one_cannot_be(tmp_path):
    for split in ("trainA", "trainB", "testA", "testB"):
        (tmp_path / "mine" / split).mkdir(parents=True)
        for i in range(3):
            pixels = np.full((40, 50, 3), i, np.uint8)
            Image.fromarray(pixels).save(tmp_path / "mine" / split / f"{i}.png")
    (tmp_path / "mine" / "trainA" / "0.png").write_text("no image")
    assert time_preparing(work(str(tmp_path / "mine")), None, tmp_path / "work") > 0


def test_of_files_that_are_elsewhere_nothing_is_known(tmp_path):
    assert time_preparing(work("horse2zebra"), None, tmp_path / "work") is None
