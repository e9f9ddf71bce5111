"""How many images there are: as the preset, the disk, a publisher or the user says."""

from __future__ import annotations

import pytest
from PIL import Image

from harness.config.experiment import load_experiment
from harness.data.catalogue import CATALOGUE, Archive
from harness.data.layout import part_of
from harness.studies.estimate.counts import PUBLISHED, count_images, given_images
from harness.system.errors import UserError


def counted(dataset, data_dir=None, *settings, preset="quick"):
    found = count_images(load_experiment(dataset, preset, list(settings)), data_dir)
    return (found.train_a, found.train_b, found.test_a, found.test_b), found


def folder_of(home, **splits):
    for split, count in splits.items():
        (home / split).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (4, 4)).save(home / split / f"{number:03d}.png")
        (home / split / "notes.txt").write_text("no image")
    return home


def test_a_built_in_set_has_what_the_preset_asks_for():
    numbers, found = counted(None)
    assert numbers == (400, 400, 120, 120) and found.paired and found.origin == "built in"
    assert not counted("digits")[1].paired
    numbers, found = counted(None, None, "data.hold_out=validation")
    assert numbers == (360, 360, 40, 40) and not found.paired


def test_files_on_disk_are_counted(tmp_path):
    home = folder_of(tmp_path / "mine", trainA=5, trainB=4, testA=3, testB=2)
    for dataset, data_dir in ((str(home), None), ("mine", tmp_path)):
        numbers, found = counted(dataset, data_dir)
        assert numbers == (5, 4, 3, 2) and not found.paired and found.origin == str(home)
    folder_of(home, testA_in_B=3, testB_in_A=2)
    assert counted(str(home))[1].paired


def test_what_is_on_disk_goes_before_what_was_published(tmp_path):
    folder_of(tmp_path / "horse2zebra", trainA=5, trainB=4, testA=3, testB=2)
    assert counted("horse2zebra", tmp_path)[0] == (5, 4, 3, 2)
    numbers, found = counted("horse2zebra")
    assert numbers == (1067, 1334, 120, 140) and found.origin == "as published"
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
    known = {entry.name for entry in CATALOGUE if isinstance(entry.source, Archive)}
    assert set(PUBLISHED) <= known


@pytest.mark.parametrize("dataset", ["celeba_hq_faces", "ae_photos"])
def test_where_nobody_knows_the_user_is_asked(dataset):
    with pytest.raises(UserError, match="--images trainA,trainB,testA,testB"):
        counted(dataset)


def test_the_user_may_say_it():
    found = given_images("10, 20,3,4")
    assert (found.train_a, found.train_b, found.test_a, found.test_b) == (10, 20, 3, 4)
    for text in ("1,2,3", "1,2,3,x", "1,2,3,0", "1,2,3,-4", "1,2,3,4,5", ","):
        with pytest.raises(UserError, match="--images"):
            given_images(text)
