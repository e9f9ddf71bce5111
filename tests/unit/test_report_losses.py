"""The chart's curves, and how far losses of two backends are apart."""

import json

import numpy as np
import pandas as pd
import pytest
from report_experiment import STEPS, build, editing, pages

from harness.records.experiment import load
from harness.records.imported_losses import Imported, write_imported
from harness.records.run import RunRecord
from harness.report.comparison import losses
from harness.report.comparison.divergence import divergences, share, why
from harness.report.comparison.losses import chart_data
from harness.system.files import read_table, write_table

LOSSES = ("adversarial", "cycle", "identity", "discriminator")
RUNS = "runs/cpu-example"


def chart(folder):
    return json.loads(chart_data(load(folder)))


def test_every_run_is_a_series_and_every_term_has_its_conventions(tmp_path):
    folder = build(tmp_path, seeds=(0, 1))
    document = chart(folder)
    assert [series["title"] for series in document["series"]] == [
        "PyTorch, seed 0", "PyTorch, seed 1", "TensorFlow, seed 0", "TensorFlow, seed 1",
    ]  # fmt: skip
    terms = {term["title"]: term for term in document["terms"]}
    assert terms["cycle, mean of both generators"]["factors"] == {
        "mean": 1.0, "unnormalised": 3072.0, "normalised": 0.5, "weighted": 10.0,
    }  # fmt: skip
    assert set(terms["discriminator a"]["factors"]) == {"mean", "weighted"}
    assert terms["accuracy real a"]["factors"] == {"mean": 1.0}
    table = RunRecord(folder / RUNS / "tf-seed1").losses
    both = (table["cycle_a"] + table["cycle_b"]) / 2
    drawn = terms["cycle, mean of both generators"]["values"][3]
    np.testing.assert_allclose(drawn, both, rtol=1e-4)


def test_long_runs_are_thinned_by_means_and_gaps_stay(tmp_path, monkeypatch):
    folder = build(tmp_path)
    with editing(folder / RUNS / "torch-seed0/losses.csv") as table:
        table.loc[7, "cycle_a"] = np.nan
    monkeypatch.setattr(losses, "CHART_POINTS", 50)
    document = chart(folder)
    [values] = [term["values"][0] for term in document["terms"] if term["title"] == "cycle a"]
    assert len(values) == len(document["steps"][0]) == 50 and STEPS == 200
    assert values[1] is None and document["steps"][0][1] == 5.5
    assert values[2] == pytest.approx(table["cycle_a"][8:12].mean(), rel=1e-4)


def test_curves_of_other_code_are_drawn_beside_in_the_same_units(tmp_path):
    folder = build(tmp_path)
    steps = np.arange(0, 4000, 2)
    table = pd.DataFrame({"step": steps, "cycle_a": 0.5, "cycle_b": np.nan})
    table.loc[::2, "cycle_b"] = 0.25  # written every other time
    imported = Imported("theirs", "Their code", ("divided by lambda",), table)
    write_imported(folder, imported, {"source": "authors"}, ("a batch of 1",))
    document = chart(folder)
    assert document["series"][2]["title"] == "Their code (imported)"
    assert document["series"][2]["dashed"] and len(document["steps"][2]) == 400
    values = {term["title"]: term["values"][2] for term in document["terms"]}
    assert set(values["cycle, mean of both generators"][:-1]) == {0.375}
    assert values["identity a"] is None
    assert "Their code: divided by lambda a batch of 1" in pages(folder)[0]


def test_nothing_ends_the_block_of_the_chart(tmp_path):
    folder = build(tmp_path)
    for path in folder.glob("runs/*/*/environment.json"):
        with editing(path) as record:
            record["framework"] = "</script><b>"
    assert "<" not in chart_data(load(folder))
    assert chart(folder)["series"][0]["title"].startswith("</script><b>")


# ---------------------------------------------------------------------------------- how far apart


def moved(folder, factor):
    """TensorFlow's losses become PyTorch's times `factor` (steps,)."""
    table = read_table(folder / RUNS / "torch-seed0/losses.csv")
    terms = [name for name in table if name.split("_")[0] in LOSSES]
    table[terms] = table[terms].mul(factor, axis=0)
    write_table(folder / RUNS / "tf-seed0/losses.csv", table)


def test_the_distance_is_relative_to_the_losses(tmp_path):
    folder = build(tmp_path)
    growing = np.geomspace(1e-7, 0.1, STEPS)
    moved(folder, 1 + growing)
    [pair] = divergences(load(folder))
    np.testing.assert_allclose(pair.backends[0], growing / (1 + growing / 2), rtol=1e-6)
    assert pair.at_start == pytest.approx(1e-7, rel=1e-6) and pair.seeds_at_end is None
    beyond = int(np.flatnonzero(growing / (1 + growing / 2) > 0.01)[0])
    assert pair.apart_from == beyond
    text = why(load(folder), [pair])[0]
    assert "losses is 1.0e-07 at the first step (rounding alone can cause it)" in text
    assert f"exceeds 1 % from step {beyond:,} on" in text and "two seeds" not in text


def test_a_gap_at_the_first_step_is_not_called_rounding(tmp_path):
    folder = build(tmp_path)
    moved(folder, np.full(STEPS, 1.02))
    assert "(more than rounding)" in why(load(folder), divergences(load(folder)))[0]


def test_two_seeds_of_one_backend_are_the_measure(tmp_path):
    folder = build(tmp_path, seeds=(0, 1, 2))
    [pair] = divergences(load(folder))
    assert pair.backends.shape == pair.seeds.shape == (3, STEPS)
    a, b = (RunRecord(folder / RUNS / f"torch-seed{seed}").losses for seed in (0, 1))
    terms = [name for name in a if name.split("_")[0] in LOSSES]
    gap, size = (a[terms] - b[terms]).abs().sum(axis=1), (a[terms] + b[terms]).sum(axis=1) / 2
    np.testing.assert_allclose(pair.seeds[0], gap / size)
    text = why(load(folder), [pair])[0]
    assert f"two seeds of PyTorch it is {share(pair.seeds_at_end)}" in text


def test_terms_that_are_not_trained_on_do_not_count(tmp_path):
    folder = build(tmp_path)
    with editing(folder / "experiment.json") as record:
        record["configuration"]["objective"]["identity"] = 0.0
    moved(folder, np.ones(STEPS))
    with editing(folder / RUNS / "tf-seed0/losses.csv") as table:
        table["identity_a"] *= 2
    [pair] = divergences(load(folder))
    assert pair.at_end == 0


def test_a_single_backend_has_no_distance(tmp_path):
    assert divergences(load(build(tmp_path, backends=("tf",)))) == []
    assert len(why(load(tmp_path), [])) == 1


def test_shares_are_written_for_people():
    assert [share(x) for x in (2.34e-7, 0.0041, 0.12)] == ["2.3e-07", "0.41 %", "12 %"]
