"""A folder that has something else in it is not written to."""

from __future__ import annotations

import numpy as np
import pytest

from harness.config.load import load_experiment
from harness.system.errors import UserError
from harness.system.files import read_arrays, read_json, write_json
from harness.training.experiment_folder import (
    decoded_images,
    experiment_folder,
    prepare_data,
    write_experiment,
)


class Silent:
    def say(self, line):
        pass

    def stage(self, name, done, total):
        pass


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    experiment = load_experiment("seasons", "smoke", [])
    prepared = prepare_data(experiment, None, Silent())
    folder = experiment_folder(tmp_path_factory.mktemp("results"), experiment, prepared)
    images = {name: np.zeros((2, 4, 4, 3), np.uint8) for name in ("testA", "testB", "floorA")}

    def write():
        write_experiment(folder, experiment, prepared, images)

    write()
    return folder, write


def test_the_same_is_written_again(made):
    folder, write = made
    before = (folder / "experiment.json").read_bytes()
    write()
    assert (folder / "experiment.json").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "keys", "value", "says"),
    [
        ("experiment.json", ("configuration", "model", "filters"), 77, r"filters 77 \(now 4\)"),
        ("experiment.json", ("configuration", "model", "new"), 1, r"model.new 1 \(now absent\)"),
        ("experiment.json", ("dataset",), "photos", r"dataset photos \(now seasons\)"),
        ("manifest.json", ("digest",), "0", r"digest 0 \(now"),
        ("manifest.json", ("splits", "trainA"), [], r"splits.trainA \[\] \(now"),
    ],
)  # fmt: skip
def test_what_differs_is_named_and_nothing_is_written(made, name, keys, value, says):
    folder, write = made
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    document = read_json(folder / name)
    inner = document
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    write_json(folder / name, {key: each for key, each in document.items() if key[:3] != "sch"})
    changed = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert changed != before
    try:
        with pytest.raises(UserError, match=says) as refusal:
            write()
        assert str(folder / name) in str(refusal.value) and len(str(refusal.value)) < 600
        assert {file.name: file.read_bytes() for file in folder.iterdir()} == changed
    finally:
        for file, content in before.items():
            (folder / file).write_bytes(content)


@pytest.mark.parametrize("reals", ["test", "train", "both"])
def test_all_training_images_are_kept_where_scores_compare_with_reals(tmp_path, reals):
    experiment = load_experiment("seasons", "smoke", [f"evaluation.reals={reals}"])
    prepared = prepare_data(experiment, None, Silent())
    folder = experiment_folder(tmp_path, experiment, prepared)
    images = decoded_images(prepared, experiment, Silent())
    write_experiment(folder, experiment, prepared, images)
    file = folder / "reals.safetensors"
    assert file.exists() == (reals != "test")
    if reals != "test":
        kept, side = read_arrays(file), experiment.data.crop_size
        for name, split in (("train_a", "trainA"), ("train_b", "trainB")):
            assert kept[name].shape == (len(images[split]), side, side, 3)
        assert not np.array_equal(kept["train_a"], kept["train_b"])
