"""GANs from the command line: trained, scored, reported, verified, taken up again, studied."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from command_line import called, experiment_folder, given, undrawn

from backends.gan import RECORDED
from harness.config.load import load_any
from harness.records.run import find_runs
from harness.system.files import read_arrays, read_json
from harness.training.clocks import Clocks
from harness.training.job import Job
from harness.training.run import TrainingRun

STEPS = 40
SETTINGS = given(
    (
        f"training.steps={STEPS}", "evaluation.evaluate_every=20", "training.batch_size=8",
        "data.train=200", "data.test=40", "model.hidden=[24]", "model.discriminator_hidden=[16]",
        "timing.block_seconds=0.1", "timing.timed_steps=30",
    )
)  # fmt: skip
PRESET = ("--preset", "gan-mnist-least-squares", "--dataset", "digits")


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    results = tmp_path_factory.mktemp("gans")
    with undrawn():
        done = called("compare", *PRESET, "--results", results, *SETTINGS)
    assert done.returncode == 0, done.stderr
    return experiment_folder(results)


def test_both_runs_are_complete_and_every_step_is_recorded(compared):
    runs = find_runs(compared)
    assert [run.backend for run in runs] == ["tf", "torch"]
    for run in runs:
        assert run.complete and run.losses["step"].tolist() == list(range(STEPS))
        assert set(RECORDED) < set(run.losses.columns)
        assert run.evaluated_steps == [0, 20, STEPS]
        arrays = run.evaluation(STEPS)
        assert arrays["ba"].shape == (40, 28, 28, 1) and arrays["ba"].dtype == np.uint8
        assert arrays["patches_real_a"].shape == arrays["patches_fake_a"].shape == (40, 1, 1)
        assert len(np.unique(arrays["ba"].reshape(40, -1), axis=0)) == 40, "one noise, one sample"


def test_frameworks_start_from_the_same_samples(compared):
    first, second = (run.evaluation(0)["ba"].astype(int) for run in find_runs(compared))
    assert np.abs(first - second).max() <= 1


def test_the_report_answers_and_shows_samples(compared):
    summary = json.loads((compared / "summary.json").read_text())
    questions = [answer["question"] for answer in summary["answers"]]
    assert len(questions) == 4 and summary["answers"][0]["short"].startswith("Yes: all of")
    assert {row["metric"] for row in summary["metrics"]} == {
        "kid_judge", "class_distance", "clear_share",
    }  # fmt: skip
    assert {row["direction"] for row in summary["metrics"]} == {"ba"}
    page = (compared / "report.md").read_text()
    for words in ("noise → handwritten", "Samples", "images_samples.png", "classes.png",
                  "histograms.png"):  # fmt: skip
        assert words in page
    for words in ("ntranslated", "cycle loss", "Cycle", "both directions"):
        assert words not in page, words


def test_scores_are_of_the_samples(compared):
    metrics = read_json(compared / "metrics.json")
    scores = {(row["backend"], row["step"], row["metric"]): row for row in metrics["scores"]}
    assert len(scores) == 2 * 3 * 3
    for (_, _, metric), row in scores.items():
        assert metric == "kid_judge" or 0 <= row["value"] <= 1
        assert row["n"] == 40 and row["low"] <= row["value"] <= row["high"]
    by_metric = {row["metric"]: row for row in metrics["references"]}
    assert by_metric["kid_judge"]["floor"] < by_metric["kid_judge"]["mean_baseline"]
    assert by_metric["clear_share"]["floor"] > by_metric["clear_share"]["mean_baseline"]
    assert len(metrics["classes"]["samples"]) == 2
    assert sum(metrics["classes"]["real"]) == pytest.approx(1)


def test_verify_finds_the_same_bits_again_and_what_was_changed(compared, tmp_path):
    done = called("verify", compared, "--steps", "5")
    assert done.returncode == 0, done.stdout
    damaged = tmp_path / compared.name
    shutil.copytree(compared, damaged)
    losses = find_runs(damaged)[0].folder / "losses.csv"
    lines = losses.read_text().splitlines()
    lines[3] = lines[3].replace(lines[3].split(",")[-1], "0.125")
    losses.write_text("\n".join(lines) + "\n")
    done = called("verify", damaged, "--steps", "5")
    assert done.returncode == 1 and "score_fake" in done.stdout


def begin(folder, compared, steps=20):
    """A run of PyTorch on the images of `compared`."""
    settings = [*SETTINGS[1::2], f"training.steps={steps}", "data.flip=true"]
    experiment = load_any("digits", "gan-mnist-wasserstein", settings).model_dump()
    images, files = read_arrays(compared / "references.safetensors"), {}
    for split, name in (("trainA", "floor_a"), ("trainB", "floor_b"),
                        ("testA", "real_a"), ("testB", "real_b")):  # fmt: skip
        np.save(folder / f"{split}.npy", images[name])
        files[split] = str(folder / f"{split}.npy")
    (folder / "run").mkdir(exist_ok=True)
    job = Job("torch", 0, str(folder / "run"), "cpu", "a CPU", 1, experiment, files)
    return TrainingRun(job, Clocks())


def test_a_run_that_is_taken_up_again_gives_the_same_bits(compared, tmp_path):
    halves, whole = tmp_path / "halves", tmp_path / "whole"
    for folder in (halves, whole):
        folder.mkdir()
    run = begin(halves, compared)
    run.evaluate(False)
    run.train(9)
    run.checkpoint("interrupted")
    again = begin(halves, compared)
    assert again.step == 9
    again.train(20)
    unbroken = begin(whole, compared)
    unbroken.evaluate(False)
    unbroken.train(20)
    assert np.array_equal(again.history.rows, unbroken.history.rows)
    for name, array in unbroken.backend.state().items():
        assert np.array_equal(array, again.backend.state()[name]), name


def test_a_study_of_losses_says_whether_they_score_the_same(tmp_path):
    study = tmp_path / "losses.yaml"
    study.write_text(
        "description: Two losses\npreset: gan-mnist-vanilla\ndataset: digits\nseeds: [0, 1, 2]\n"
        "backends: [torch]\ngrid: {objective.adversarial: [vanilla, wasserstein]}\n"
        "set: {training.steps: 6, training.batch_size: 4, data.train: 100, data.test: 20,"
        " model.hidden: [8], model.discriminator_hidden: [8], evaluation.evaluate_every: 0}\n"
    )
    with undrawn():
        done = called("study", study, "--results", tmp_path / "results")
    assert done.returncode == 0, done.stderr
    [page] = (tmp_path / "results" / "studies").glob("*/report.md")
    text = page.read_text()
    assert "Do the cells score the same?" in text and "the mean image" in text
    assert "ntranslated" not in text


@pytest.mark.parametrize("command", ["estimate", "bench", "scaling", "models"])
def test_commands_for_cyclegans_refuse_the_preset_in_a_line(command):
    done = called(command, "--preset", "gan-mnist-vanilla")
    assert done.returncode == 2
    assert "gan-mnist-vanilla: its model is no CycleGAN" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("command", ["translate", "score", "export"])
def test_what_translates_refuses_a_run_in_a_line(compared, tmp_path, command):
    run = find_runs(compared)[1].folder
    more = {
        "translate": (tmp_path, "--to", tmp_path / "out"),
        "score": ("--dataset", "digits"),
        "export": ("--to", tmp_path / "out"),
    }
    done = called(command, run, *more[command])
    assert done.returncode == 2
    assert "its model is no CycleGAN and translates nothing" in done.stderr.splitlines()[-1]


def test_other_commands_take_its_folders(compared, tmp_path):
    copy = shutil.copytree(compared, tmp_path / "copy" / compared.name)
    for words in (
        ("list", compared.parent), ("report", compared), ("regress", compared, compared),
        ("track", compared, "--to", tmp_path / "history.jsonl"),
        ("publish", compared.parent, "--to", tmp_path / "site"),
        ("report", compared, copy, "--to", tmp_path / "merged"),
    ):  # fmt: skip
        with undrawn():
            done = called(*words)
        assert done.returncode in (0, 1), (words, done.stderr)
        assert "unexpected failure" not in done.stderr, (words, done.stderr)
