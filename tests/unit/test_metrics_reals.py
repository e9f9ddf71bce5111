"""`evaluation.reals`: which real images translations are compared with, and the floor of each."""

import numpy as np
import pytest
from grid_study import ONE_AXIS, build_grid
from report_experiment import build, editing
from test_metrics_evaluate import fake_features, pictures, rows, silent, write_experiment

from harness.cli import main
from harness.config.load import load_experiment
from harness.config.metric_table import BY_NAME
from harness.metrics import evaluate as module
from harness.metrics.evaluate import evaluate
from harness.metrics.frechet import frechet_distance
from harness.metrics.kid import kid
from harness.metrics.scoring import spaced
from harness.records.experiment import load, with_later_keys
from harness.report.comparison.scores import metric_rows
from harness.report.comparison.tensorboard import event_files
from harness.studies.grid.findings import find
from harness.studies.grid.record import read_record
from harness.system.errors import UserError
from harness.system.files import read_arrays, read_json, write_arrays, write_json

TRAINED = {"train_a": pictures(9, 7), "train_b": pictures(11, 8)}
LAST = {"direction": "ab", "backend": "tf", "seed": 1, "step": 20}
N = 4  # the smallest of source, target and floor


@pytest.fixture
def experiment(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "features", fake_features)
    monkeypatch.setattr(module, "find_weights", lambda: None)
    return write_experiment(tmp_path)


def asking_for(experiment, reals, arrays=TRAINED):
    record = read_json(experiment / "experiment.json")
    record["configuration"]["evaluation"] = {"reals": reals}
    write_json(experiment / "experiment.json", record)
    if arrays:
        write_arrays(experiment / "reals.safetensors", arrays)
    return experiment


def vectors_of(experiment):
    run = experiment / "runs/some-cpu/tf-seed1/evaluations/step-00000020.safetensors"
    arrays = read_arrays(experiment / "references.safetensors") | TRAINED | read_arrays(run)
    return fake_features({name: array for name, array in arrays.items() if array.ndim == 4
                          and array.dtype == np.uint8})  # fmt: skip


@pytest.mark.parametrize("reals", ["train", "both"])
def test_translations_of_test_images_are_compared_with_all_reals_that_were_asked_for(
    experiment, reals
):
    metrics = evaluate(asking_for(experiment, reals), silent)
    vectors = vectors_of(experiment)
    real = vectors["train_b"]
    if reals == "both":
        real = np.concatenate([real, vectors["real_b"]])
    (row,) = rows(metrics["scores"], metric="kid_efflite0", **LAST)
    assert row["value"] == pytest.approx(kid(vectors["ab"], real))
    (row,) = rows(metrics["scores"], metric="fd_efflite0", **LAST)
    assert row["value"] == pytest.approx(frechet_distance(spaced(vectors["ab"], N), real))
    assert row["n"] == N
    (row,) = rows(metrics["references"], metric="fd_efflite0", direction="ab")
    untranslated = frechet_distance(spaced(vectors["real_a"], N), real)
    assert row["identity_baseline"] == pytest.approx(untranslated)


@pytest.mark.parametrize("reals", ["train", "both"])
def test_the_floor_has_no_image_on_both_sides(experiment, reals):
    metrics = evaluate(asking_for(experiment, reals), silent)
    vectors = vectors_of(experiment)
    for metric, distance in (("kid_efflite0", kid), ("fd_efflite0", frechet_distance)):
        (row,) = rows(metrics["references"], metric=metric, direction="ab")
        test = vectors["real_b"] if distance is kid else spaced(vectors["real_b"], N)
        assert row["floor"] == pytest.approx(distance(test, vectors["train_b"]))


def test_by_default_and_in_records_without_the_key_they_are_test_images(experiment):
    before = evaluate(experiment, silent)
    assert evaluate(asking_for(experiment, "test", arrays=None), silent) == before
    assert evaluate(asking_for(experiment, "train"), silent)["scores"] != before["scores"]


def test_scores_that_are_not_about_distributions_stay_what_they_are(experiment):
    before = evaluate(experiment, silent)
    after = evaluate(asking_for(experiment, "train"), silent)
    for metric in BY_NAME.values():
        same = rows(before["scores"], metric=metric.name) == rows(
            after["scores"], metric=metric.name
        )
        assert same or metric.family == "distribution", metric.name


@pytest.mark.parametrize(
    "arrays",
    [None, {"train_a": TRAINED["train_a"]}, {**TRAINED, "train_b": TRAINED["train_b"][:0]},
     {**TRAINED, "train_b": TRAINED["train_b"][:, :8]},
     {**TRAINED, "train_b": TRAINED["train_b"].astype(np.float32)}],
    ids=["no file", "one domain", "none", "another size", "another type"],
)  # fmt: skip
def test_without_the_training_images_nothing_is_scored(experiment, arrays):
    with pytest.raises(UserError, match=r"reals\.safetensors"):
        evaluate(asking_for(experiment, "both", arrays), silent)


def test_the_choice_names_another_experiment_and_a_wrong_one_is_refused():
    digests = {
        load_experiment(None, "quick", [f"evaluation.reals={reals}"]).digest()
        for reals in ("test", "train", "both")
    }
    assert len(digests) == 3
    assert load_experiment(None, "quick", []).evaluation.reals == "test"
    with pytest.raises(UserError, match=r"evaluation\.reals"):
        load_experiment(None, "quick", ["evaluation.reals=all"])


def test_titles_say_which_reals_where_they_are_not_the_default():
    fid, psnr = BY_NAME["fid"], BY_NAME["cycle_psnr"]
    assert fid.titled(120) == fid.against("test").titled(120) == "FID@120"
    assert fid.against("train").titled(120) == "FID@120 against training images"
    assert fid.against("both").titled(None) == "FID@N against training and test images"
    assert psnr.against("train") == psnr


def test_a_record_from_before_the_key_is_read_with_what_was_done_then():
    old = {"evaluation": {"images": 40}, "data": {"crop_size": 64}}
    assert with_later_keys(old) == {**old, "evaluation": {"images": 40, "reals": "test"}}
    assert with_later_keys({"evaluation": {"reals": "both"}}) == {"evaluation": {"reals": "both"}}
    assert with_later_keys({"data": {}}) == {"data": {}} and "reals" not in old["evaluation"]


def test_whatever_shows_recorded_scores_says_which_reals(tmp_path, capsys):
    folder = build(tmp_path / "one", seeds=(0, 1, 2))
    with editing(folder / "experiment.json") as record:
        record["configuration"]["evaluation"]["reals"] = "train"
    experiment = load(folder)
    titles = {row.metric.name: row.metric.title for row in metric_rows(experiment)}
    assert titles["kid_efflite0"] == "KID-EffLite0 against training images"
    assert titles["cycle_psnr"] == "Cycle PSNR"
    assert main(["variance", str(folder)]) == 0
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "against" in shown and "images" in shown
    files = b"".join(event_files(experiment).values())
    assert b"KID-EffLite0 against training images ab" in files and b"PSNR against" not in files
    grid = build_grid(tmp_path / "grid", ONE_AXIS)
    for number in range(3):
        with editing(tmp_path / "grid" / f"cell-{number}" / "experiment.json") as record:
            record["configuration"]["evaluation"]["reals"] = "train"
    kid, psnr = find(read_record(grid)).metrics
    assert kid.title == "KID-EffLite0 against training images" and psnr == BY_NAME["cycle_psnr"]
