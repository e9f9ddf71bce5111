"""`make calibrate` of the sequential design: its own simulation, and recorded runs."""

import json

import numpy as np
import pytest
from report_experiment import build, editing

from benchmarks.coverage.__main__ import main
from benchmarks.coverage.sequential_studies import scores, stop
from benchmarks.coverage.shapes import bounds, t_statistics
from harness.statistics.sequential import LARGEST_MAXIMUM, SHAPE, critical


def test_another_simulation_finds_the_bounds_of_the_table():
    for alpha in (0.05, 0.025):
        table = [critical(alpha, seeds, 20) for seeds in range(3, 21)]
        assert bounds(SHAPE, alpha) == pytest.approx(table, rel=0.02)
    assert LARGEST_MAXIMUM == 100


def test_cumulative_t_statistics_are_those_of_each_look():
    values = np.random.default_rng(0).normal(1, 2, 6)
    expected = [values[:n].mean() / values[:n].std(ddof=1) * np.sqrt(n) for n in range(3, 7)]
    assert t_statistics(values) == pytest.approx(expected)


@pytest.mark.parametrize("shape", ["normal", "heavy tails", "lognormal"])
def test_made_up_scores_have_the_mean_and_spread_they_should(shape):
    first, second = scores(np.random.default_rng(0), shape, 0.1, 20000, 4)
    assert first.mean() == pytest.approx(1.0, abs=0.002)
    assert (second - first).std() == pytest.approx(0.1, rel=0.05)


def test_what_is_decided_first_stays():
    first = np.ones((1, 2, 6)) + 0.001 * np.arange(6)
    second = first.copy()
    second[..., 4:] = 9.0
    got = stop(first, second + 0.0001 * np.array([1, -1, 1, -1, 1, -1]), 20)
    assert got.equivalent[0] and not got.different[0] and got.seeds[0] == 3


def recorded(folder, seeds, factor=1.0):
    """KID of `seeds` seeds whose log varies by 0.03; times `factor`."""
    build(folder, seeds=seeds)
    with editing(folder / "experiment.json") as record:
        evaluation = record["configuration"]["evaluation"]
        evaluation["primary"] = "kid_efflite0"
        evaluation["margins"] |= dict.fromkeys(("kid_efflite0", "fd_efflite0", "fid"), 1.25)
    rng = np.random.default_rng(1)
    with editing(folder / "metrics.json") as record:
        for row in record["scores"]:
            if row["metric"] == "kid_efflite0":
                row["value"] = 0.2 * factor * float(np.exp(0.03 * rng.standard_normal()))
    return folder


def test_real_runs_of_one_backend_are_alike_and_a_planted_difference_is_found(tmp_path, capsys):
    a, b = recorded(tmp_path / "a", range(8)), recorded(tmp_path / "b", range(8), factor=2.0)
    assert main(["--run", str(a), "--run-b", str(b), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {(row["comparison"], row["backend"]) for row in rows} == {
        ("A/A", "torch"), ("A/B", "torch"), ("A/A", "tf"), ("A/B", "tf"),
    }  # fmt: skip
    for row in rows:
        right, wrong = ("equivalent", "different")[:: 1 if row["comparison"] == "A/A" else -1]
        assert row[right] > 0.5 and row[wrong] == 0.0
        low, high = row[f"{right}_bounds"]
        assert low <= row[right] <= high
        assert row["most"] == (4 if row["comparison"] == "A/A" else 8) and row["seeds"] >= 3


def test_too_few_runs_and_a_second_folder_alone_are_user_errors(tmp_path, capsys):
    folder = recorded(tmp_path / "a", range(3))
    assert main(["--run", str(folder)]) == 2
    assert "6 scored runs" in capsys.readouterr().err
    assert main(["--run-b", str(folder)]) == 2
