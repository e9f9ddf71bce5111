"""`cyclebench score`: what a report says of a run, of any model on any data set."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from trained_run import drawn, experiment

from harness.cli import main
from harness.config.metric_table import METRICS
from harness.metrics import evaluate as evaluating
from harness.metrics.evaluate import evaluate
from harness.system.errors import UserError
from harness.system.files import read_json, write_arrays, write_json
from harness.system.progress import Display
from harness.tools.trained_model import read_model, write_model
from harness.tools.translate import score as scoring
from harness.tools.translate.generator import load_backend
from harness.tools.translate.score import ScoreRequest, Scores, differences, score
from harness.training.experiment_folder import decoded_images, prepare_data, write_experiment
from harness.training.translations import TestImages, evaluation_arrays

DISPLAY = Display(Console(quiet=True), quiet=True)
# Without the FID network's weights and without labels.
MEASURED = {metric.name for metric in METRICS} - {"fid", "judge_accuracy"}


def few_features(sets, *_):
    """Sixteen cheap numbers an image instead of the extractor's 1280."""
    return {name: images.reshape(len(images), -1)[:, :16] / 64.0 for name, images in sets.items()}


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    for module in (evaluating, scoring):
        monkeypatch.setattr(module, "features", few_features)
        monkeypatch.setattr(module, "find_weights", lambda: None)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with the evaluation of its weights, in an experiment's folder."""
    folder, one = tmp_path_factory.mktemp("experiment"), experiment()
    prepared = prepare_data(one, None, DISPLAY)
    images = decoded_images(prepared, one, DISPLAY)
    write_experiment(folder, one, prepared, images)
    place = folder / "runs/cpu/torch-seed0"
    status = {"backend": "torch", "seed": 0, "state": "complete", "step": 20, "steps": 20}
    write_json(place / "status.json", status)
    write_arrays(place / "state.safetensors", drawn(one))
    backend = load_backend(read_model(place), "torch", "cpu", 1)
    tests = TestImages(np.array(images["testA"]), np.array(images["testB"]))
    arrays = evaluation_arrays(backend, tests, False, True, lambda: None)
    write_arrays(place / "evaluations/step-00000020.safetensors", arrays)
    return place


def scored(model: Path, **more) -> Scores:
    return score(ScoreRequest(model, "seasons", device="cpu", **more), DISPLAY)


def test_a_run_has_the_scores_that_its_report_has(run: Path) -> None:
    metrics = evaluate(run.parent.parent.parent, lambda *done: None)
    keys = ("metric", "direction", "value", "low", "high", "n")
    expected = [tuple(row[key] for key in keys) for row in metrics["scores"]]
    found = scored(run, backend="torch").document["scores"]
    assert [tuple(row[key] for key in keys) for row in found] == expected
    assert {row["metric"] for row in found} == MEASURED
    beside = {(row["metric"], row["direction"]): row for row in metrics["references"]}
    for row in found:
        reference = beside[row["metric"], row["direction"]]
        assert all(row[name] == reference[name] for name in reference if name != "n")


def test_a_generator_alone_is_scored_one_way_and_not_back(run: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "model", read_model(run), ["ba"])
    rows = scored(tmp_path / "model").document["scores"]
    assert {row["direction"] for row in rows} == {"ba"}
    assert {row["metric"] for row in rows} == {name for name in MEASURED if "cycle" not in name}
    with pytest.raises(UserError, match="holds no generator ab; it has ba"):
        scored(tmp_path / "model", direction="ab")


def test_it_is_a_table_and_a_file(run: Path, tmp_path: Path, capsys) -> None:
    file = tmp_path / "scores.json"
    command = ["score", str(run), "--dataset", "seasons", "--device", "cpu", "--quiet"]
    assert main([*command[:-1], "--direction", "summer2winter", "--to", str(file)]) == 0
    said = capsys.readouterr().out
    assert "KID-EffLite0 x1000" in said and "Scores: " in said and "winter to summer" not in said
    document = read_json(file)
    assert document["kind"] == "scores" and document["dataset"] == "seasons"
    assert document["size"] == {"a": 16, "b": 16}
    assert main([*command, "--direction", "ab", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["scores"] == document["scores"]
    before = file.read_bytes()
    assert main([*command, "--to", str(file)]) == 2
    assert "add --overwrite" in capsys.readouterr().err and file.read_bytes() == before
    assert main([*command, "--to", str(tmp_path / "scores.txt")]) == 2
    assert "is no .json file; give" in capsys.readouterr().err


def test_two_models_are_compared_on_the_same_images(run: Path, tmp_path: Path, capsys) -> None:
    other = read_model(run)
    state = {name: np.array(array) for name, array in other.state.items()}
    for name in ("g_ba/head/bias", "average/g_ba/head/bias"):
        if name in state:
            state[name] += 0.5  # brighter, one way
    write_model(tmp_path / "other", replace(other, state=state), ["ab", "ba"])
    both = scored(run, beside=tmp_path / "other").document
    alone = scored(tmp_path / "other").document
    assert both["beside"]["scores"] == alone["scores"]
    value = {(row["metric"], row["direction"]): row["value"] for row in alone["scores"]}
    for row, own in zip(both["differences"], both["scores"], strict=True):
        place = (row["metric"], row["direction"])
        assert row["value"] == pytest.approx(own["value"] - value[place], abs=1e-9)
        if row["value"] and row["low"] is not None:
            assert row["low"] <= row["value"] <= row["high"]
    apart = {row["direction"] for row in both["differences"] if row["value"]}
    assert apart == {"ab", "ba"}, "ba itself, and ab there and back"
    assert not any(
        row["value"]
        for row in both["differences"]
        if row["direction"] == "ab" and "cycle" not in row["metric"]
    )
    command = ["score", str(run), "--dataset", "seasons", "--device", "cpu"]
    assert main([*command, "--beside", str(tmp_path / "other")]) == 0
    assert " minus other" in capsys.readouterr().out


def test_scores_of_other_images_are_not_compared(run: Path) -> None:
    one = scored(run)
    for key, wrong in (("size", {"a": 32, "b": 32}), ("reals", "train"), ("images_digest", "x")):
        other = replace(one, document={**one.document, key: wrong})
        with pytest.raises(UserError, match=r"--beside: .* score each by itself"):
            differences(one, other)
