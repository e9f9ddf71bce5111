"""The data of the page's chart, and the command that makes the runs again."""

import json
import shlex

import numpy as np
import pandas as pd
import pytest
from report_experiment import STEPS, build

from harness.config.experiment import load_experiment
from harness.records.experiment import load
from harness.records.imported_losses import Imported, write_imported
from harness.records.run import RunRecord
from harness.report import render
from harness.report.comparison import curves
from harness.report.comparison.curves import chart_data
from harness.report.comparison.findings import find
from harness.report.comparison.reproduce import reproduction
from harness.system.files import read_json, read_table, write_json, write_table


def chart(folder):
    return json.loads(chart_data(load(folder)))


def test_every_run_is_a_series_and_every_term_has_its_conventions(tmp_path):
    folder = build(tmp_path, seeds=(0, 1))
    found = chart(folder)
    assert [each["title"] for each in found["series"]] == [
        "PyTorch, seed 0", "PyTorch, seed 1", "TensorFlow, seed 0", "TensorFlow, seed 1",
    ]  # fmt: skip
    terms = {each["title"]: each for each in found["terms"]}
    assert terms["cycle, mean of both generators"]["factors"] == {
        "mean": 1.0, "unnormalised": 3072.0, "normalised": 0.5, "weighted": 10.0,
    }  # fmt: skip
    assert set(terms["discriminator a"]["factors"]) == {"mean", "weighted"}
    assert terms["accuracy real a"]["factors"] == {"mean": 1.0}
    losses = RunRecord(folder / "runs" / "cpu-example" / "tf-seed1").losses
    both = (losses["cycle_a"] + losses["cycle_b"]) / 2
    np.testing.assert_allclose(
        terms["cycle, mean of both generators"]["values"][3], both, rtol=1e-4
    )


def test_long_runs_are_thinned_by_means_and_gaps_stay(tmp_path, monkeypatch):
    folder = build(tmp_path)
    file = folder / "runs" / "cpu-example" / "torch-seed0" / "losses.csv"
    table = read_table(file)
    table.loc[7, "cycle_a"] = np.nan
    write_table(file, table)
    monkeypatch.setattr(curves, "POINTS", 50)
    found = chart(folder)
    [values] = [each["values"][0] for each in found["terms"] if each["title"] == "cycle a"]
    assert len(values) == len(found["steps"][0]) == 50 and STEPS == 200
    assert values[1] is None and found["steps"][0][1] == 5.5
    assert values[2] == pytest.approx(table["cycle_a"][8:12].mean(), rel=1e-4)


def test_curves_of_other_code_are_drawn_beside_in_the_same_units(tmp_path):
    folder = build(tmp_path)
    steps = np.arange(0, 4000, 2)
    table = pd.DataFrame({"step": steps, "cycle_a": 0.5, "cycle_b": np.nan})
    table.loc[::2, "cycle_b"] = 0.25  # written every other time
    imported = Imported("theirs", "Their code", ("divided by lambda",), table)
    write_imported(folder, imported, {"source": "authors"}, ("a batch of 1",))
    found = chart(folder)
    assert found["series"][2]["title"] == "Their code (imported)"
    assert found["series"][2]["dashed"] and len(found["steps"][2]) == 400
    values = {each["title"]: each["values"][2] for each in found["terms"]}
    assert set(values["cycle, mean of both generators"][:-1]) == {0.375}
    assert values["identity a"] is None
    html = render.html(load(folder), find(load(folder)), {})
    assert "Their code: divided by lambda a batch of 1" in html


def test_nothing_ends_the_block_and_nothing_trained_draws_nothing(tmp_path):
    folder = build(tmp_path)
    for path in folder.glob("runs/*/*/environment.json"):
        write_json(path, {**read_json(path), "framework": "</script><b>"})
    assert "<" not in chart_data(load(folder))
    assert chart(folder)["series"][0]["title"].startswith("</script><b>")
    assert chart_data(load(build(tmp_path / "none", backends=()))) is None


def test_the_command_makes_the_same_configuration(tmp_path):
    """As it would be typed: a shell's words, and what they make of the preset."""
    folder = build(tmp_path)
    settings = ["model.blocks=2", "optimiser.beta1=0.4", "data.resize=bilinear"]
    asked = load_experiment("seasons", "quick", settings)
    record = read_json(folder / "experiment.json")
    configuration = asked.model_dump(mode="json", exclude={"dataset", "preset"})
    record |= {"dataset": "seasons", "preset": "quick"}
    record["configuration"] = {**configuration, "backends": ["torch", "tf"]}
    write_json(folder / "experiment.json", record)
    words = shlex.split(reproduction(load(folder)).command)
    assert words[:2] == ["make", "compare"]
    given = dict(word.split("=", 1) for word in words[2:])
    assert given["DATASET"] == "seasons" and given["SEEDS"] == "0" and given["DEVICE"] == "cpu"
    again = load_experiment(given["DATASET"], given["PRESET"], given["SET"].split())
    assert again == asked
