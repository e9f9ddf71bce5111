"""Images: how many there are, as the preset, the disk, a publisher or the user says; and how long
it takes to draw and decode them."""

from __future__ import annotations

import pytest
from PIL import Image

from harness.config.load import load_experiment
from harness.data import prepare
from harness.data.catalogue import CATALOGUE, Archive
from harness.data.layout import part_of
from harness.studies.estimate import measure
from harness.studies.estimate.measure import time_preparing
from harness.studies.estimate.work import PUBLISHED, Work, count_images, given_images
from harness.system.errors import UserError


def counted(dataset, data_dir=None, *settings):
    counts = count_images(load_experiment(dataset, "quick", list(settings)), data_dir)
    return (counts.train_a, counts.train_b, counts.test_a, counts.test_b), counts


def folder_of(home, **splits):
    for split, count in splits.items():
        (home / split).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (4, 4)).save(home / split / f"{number:03d}.png")
        (home / split / "notes.txt").write_text("no image")
    return home


def test_a_built_in_set_has_what_the_preset_asks_for():
    numbers, counts = counted(None)
    assert numbers == (400, 400, 120, 120) and counts.paired and counts.origin == "built in"
    assert not counted("digits")[1].paired
    numbers, counts = counted(None, None, "data.hold_out=validation")
    assert numbers == (360, 360, 40, 40) and not counts.paired


def test_files_on_disk_are_counted(tmp_path):
    home = folder_of(tmp_path / "mine", trainA=5, trainB=4, testA=3, testB=2)
    for dataset, data_dir in ((str(home), None), ("mine", tmp_path)):
        numbers, counts = counted(dataset, data_dir)
        assert numbers == (5, 4, 3, 2) and not counts.paired and counts.origin == str(home)
    folder_of(home, testA_in_B=3, testB_in_A=2)
    assert counted(str(home))[1].paired


def test_what_is_on_disk_goes_before_what_was_published(tmp_path):
    folder_of(tmp_path / "horse2zebra", trainA=5, trainB=4, testA=3, testB=2)
    assert counted("horse2zebra", tmp_path)[0] == (5, 4, 3, 2)
    numbers, counts = counted("horse2zebra")
    assert numbers == (1067, 1334, 120, 140) and counts.origin == "as published"
    assert counted("svhn-usps")[0] == (73257, 7291, 26032, 2007)
    (a, b, test_a, test_b), _ = counted("painting-real")
    assert test_a * 9 == pytest.approx(a, abs=20) and test_b * 9 == pytest.approx(b, abs=20)


def test_validation_images_are_those_that_training_leaves_out(tmp_path):
    home = folder_of(tmp_path / "mine", trainA=60, trainB=60, testA=3, testB=2)
    numbers, _ = counted(str(home), None, "data.hold_out=validation")
    held = sum(part_of(f"{number:03d}.png") == "validation" for number in range(60))
    assert 1 < held < 15 and numbers == (60 - held, 60 - held, held, held)


def test_two_folders_of_classes_are_divided_by_name(tmp_path):
    for domain in ("photo", "sketch"):
        folder_of(tmp_path / domain, dog=30, cat=30)
    (a, b, test_a, test_b), _ = counted(f"{tmp_path}:photo-sketch")
    assert a + test_a == b + test_b == 60 and 1 <= test_a <= 15


def test_published_numbers_are_of_sets_that_can_be_had():
    assert set(PUBLISHED) <= {x.name for x in CATALOGUE if isinstance(x.source, Archive)}


@pytest.mark.parametrize("dataset", ["celeba_hq_faces", "ae_photos"])
def test_where_nobody_knows_the_user_is_asked(dataset):
    with pytest.raises(UserError, match="--images trainA,trainB,testA,testB"):
        counted(dataset)


def test_the_user_may_say_it():
    counts = given_images("10, 20,3,4")
    assert (counts.train_a, counts.train_b, counts.test_a, counts.test_b) == (10, 20, 3, 4)
    for text in ("1,2,3", "1,2,3,x", "1,2,3,0", "1,2,3,-4", "1,2,3,4,5", ","):
        with pytest.raises(UserError, match="--images"):
            given_images(text)


# --------------------------------------------------------------------- drawing and decoding


def work(dataset=None, *settings):
    experiment = load_experiment(dataset, "smoke", list(settings))
    return Work(experiment, count_images(experiment, None), ("torch",))


def test_a_built_in_set_is_drawn_once(tmp_path, monkeypatch):
    monkeypatch.setenv("CYCLEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(measure, "FEW", 4)
    few = work()
    before = time_preparing(few, None, tmp_path / "before")
    prepare("seasons", size=36, counts=(8, 6))
    assert time_preparing(few, None, tmp_path / "after") == 0
    many = time_preparing(work(None, "data.train=4000"), None, tmp_path / "many")
    assert 0 < before < many, "of 40 images and of 8,000"


def test_files_are_examined_and_decoded_even_if_one_cannot_be(tmp_path):
    mine = folder_of(tmp_path / "mine", trainA=3, trainB=3, testA=3, testB=3)
    (mine / "trainA" / "000.png").write_text("no image")
    assert time_preparing(work(str(mine)), None, tmp_path / "work") > 0


def test_of_files_that_are_elsewhere_nothing_is_known(tmp_path):
    assert time_preparing(work("horse2zebra"), None, tmp_path / "work") is None
