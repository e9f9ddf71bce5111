"""Colours of baselines, patches of discriminators, pairs of backends: small arrays, known sums."""

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from harness.metrics.evaluate import EvaluationScore, ImageSets, differences, is_scored
from harness.metrics.scoring import (
    DIRECTIONS,
    Score,
    Yardstick,
    discriminator_rows,
    reference_scores,
    target_colours,
)
from harness.statistics.intervals import mean_replicates
from harness.system.files import write_json


def flat(*levels, channels=1):
    """An image of 3 x 3 px for each level."""
    return np.stack([np.full((3, 3, channels), level, np.uint8) for level in levels])


def test_recoloured_images_have_the_mean_and_deviation_of_the_target():
    images = {"real_a": flat(10, 30), "floor_b": flat(100, 140)}
    images |= {"real_b": flat(50, 50), "floor_a": flat(0, 7)}
    made = target_colours(images)
    # From 20 +- 10 to 120 +- 20; without any deviation there is nothing to stretch.
    assert np.array_equal(made["colours_ab"], flat(100, 140))
    assert np.array_equal(made["colours_ba"], flat(4, 4)), "3.5, rounded to even"
    assert made["colours_ab"].dtype == np.uint8
    images["floor_b"] = flat(0, 250)
    images["real_a"] = flat(*[10] * 9, 110)
    assert target_colours(images)["colours_ab"][-1].max() == 255, "500, clipped"
    images["real_a"] = flat(*[110] * 9, 10)
    assert target_colours(images)["colours_ab"][-1].max() == 0, "-250, clipped"
    images["floor_b"] = flat(0, 250, channels=3)
    assert list(target_colours(images)) == ["colours_ba"]


def test_a_pair_without_recoloured_images_has_no_colour_baseline():
    images = {"real_a": flat(10, 30), "real_b": flat(9, 9, 9), "floor_b": flat(100, 141)}
    images |= {"floor_a": flat(1), "truth_ab": flat(20, 20)}
    vectors = {name: array.reshape(len(array), -1) for name, array in images.items()}
    hits = {"ab": {"real": np.array([1, 1, 1, 0], bool), "untranslated": np.array([1, 0], bool)}}
    rows = {
        row.metric: row
        for row in reference_scores(DIRECTIONS[0], Yardstick(images, {}, vectors, hits=hits))
    }
    mae = rows["pair_mae"]
    assert (mae.floor, mae.identity_baseline, mae.colour_baseline, mae.n) == (None, 10, None, 2)
    assert mae.mean_baseline == 100, "120.5, rounded to even"
    assert "fid" not in rows and "checkerboard" not in rows
    judged = rows["judge_accuracy"]
    assert (judged.floor, judged.identity_baseline, judged.n) == (0.75, 0.5, 4)
    assert rows["kid_efflite0"].n == 2 and rows["fd_efflite0"].n == 2
    # Of three images, two of the target and one of its floor, distances compare one with one.
    other = reference_scores(DIRECTIONS[1], Yardstick(images, {}, vectors))
    counts = {row.metric: row.n for row in other}
    assert (counts["kid_efflite0"], counts["fd_efflite0"]) == (3, 1)


def test_baselines_of_the_checkerboard_are_decibels_above_the_target():
    images = {name: flat(1, 2) for name in ("real_a", "real_b", "floor_b")}
    vectors = {name: array.reshape(len(array), -1) for name, array in images.items()}
    energy = {"real_a": np.array([1e3, 1e3, 1e3]), "real_b": np.array([1.0, 100.0])}
    energy |= {"floor_b": np.array([0.1, 0.001])}
    rows = reference_scores(DIRECTIONS[0], Yardstick(images, energy, vectors))
    [row] = [row for row in rows if row.metric == "checkerboard"]
    # Geometric means: 1000 untranslated, 10 of the target, 0.01 of its floor.
    assert (row.floor, row.identity_baseline) == pytest.approx((-30, 20))
    assert (row.colour_baseline, row.mean_baseline, row.n) == (None, None, 3)


def test_patches_are_right_beyond_the_middle_and_wrong_at_it():
    arrays = {
        "patches_real_a": np.array([0.5, 0.6, 0.7, 0.2], np.float32),
        "patches_fake_a": np.array([0.5, 0.6, 0.7, 0.1], np.float32),
        "patches_real_b": np.zeros(0, np.float32),
        "patches_fake_b": np.ones(2, np.float32),
    }
    [row] = discriminator_rows(arrays, 0.5)
    assert (row["domain"], row["accuracy_real"], row["accuracy_fake"]) == ("a", 0.5, 0.25)
    assert (row["mean_real"], row["mean_fake"]) == pytest.approx((0.5, 0.475))
    del arrays["patches_real_b"]
    assert len(list(discriminator_rows(arrays, 0.5))) == 1


def score(backend, values, **subject):
    return EvaluationScore(subject, backend, Score("m", mean_replicates(np.array(values)), 3))


def test_every_pair_of_backends_is_compared_those_not_configured_last_by_name():
    scores = [score(name, [k, k + 1, k + 3]) for k, name in enumerate("cbad")]
    rows = differences(scores, ["b", "c"])
    assert [row["backends"] for row in rows] == [["b", "c"], ["b", "a"], ["b", "d"], ["c", "a"],
                                                 ["c", "d"], ["a", "d"]]  # fmt: skip
    assert [row["value"] for row in rows] == pytest.approx([1, -1, -2, -2, -3, -1])
    assert differences([score("a", [1, 2], seed=0), score("b", [1, 2], seed=1)], []) == []


def test_a_folder_is_scored_if_its_scores_are_younger_than_every_run(tmp_path):
    assert not is_scored(tmp_path)
    files = [tmp_path / f"runs/cpu/{name}-seed0/status.json" for name in ("tf", "torch")]
    write_json(tmp_path / "metrics.json", {})
    for file in files:
        backend = file.parent.name.removesuffix("-seed0")
        write_json(
            file, {"backend": backend, "seed": 0, "state": "complete", "step": 1, "steps": 1}
        )
    for at, scored in ((99, True), (100, False), (101, False)):
        os.utime(tmp_path / "metrics.json", (100, 100))
        os.utime(files[0], (50, 50))
        os.utime(files[1], (at, at))
        assert is_scored(tmp_path) is scored


def test_sets_of_the_last_step_leave_out_every_earlier_one():
    run = SimpleNamespace(
        evaluated_steps=[0, 16, 32], evaluation_file=lambda step: Path(f"{step}.safetensors")
    )
    names = [f"{step}.safetensors:{made}" for step in (0, 16, 32) for made in ("ab", "ba")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("harness.metrics.evaluate.read_arrays", lambda file, beginning: {})
        assert list(ImageSets({}, [run])) == names
        assert list(ImageSets({}, [run], last_only=True)) == names[-2:]


def test_image_sets_of_real_images_alone_are_those_that_there_are():
    references = {"real_b": flat(2), "real_a": flat(1), "truth_ab": flat(3), "colours_ab": flat(4)}
    sets = ImageSets(references, [])
    assert list(sets) == ["real_a", "real_b", "colours_ab"] and len(sets) == 3
    assert sets["real_b"] is references["real_b"]
