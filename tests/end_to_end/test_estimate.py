"""`cyclebench estimate` with real backends, of a comparison that has just been made."""

from __future__ import annotations

import json
import os

import pytest
from command_line import called, undrawn

from harness.studies.estimate.predict import CLOCKS


def test_an_estimate_of_a_finished_comparison_is_of_its_size(compared, tmp_path):
    options = ["--json", "--seconds", "1", "--price", "3.60", "--results", tmp_path / "new"]
    before = sorted(os.walk(compared))
    with undrawn():
        estimated = called("estimate", "--check", compared, *options)
    assert estimated.returncode == 0, estimated.stderr
    document = json.loads(estimated.stdout)
    assert set(document["runs"]) == {"torch", "tf"} and document["preset"] == "smoke"
    for run in document["runs"].values():
        assert set(run) == {"start", *CLOCKS, "sum"}
        timed = [seconds for clock, seconds in run.items() if clock != "beside"]
        assert run["beside"] == 0 and min(timed) > 0, "in turns to the end"
        assert run["sum"] == pytest.approx(sum(run.values()) / 2)
    shared = document["shared"]
    assert shared.pop("images") == 0 and min(shared.values()) > 0, "images are drawn already"
    assert document["report_source"] == f"measured on {compared}"
    total = document["total"]
    assert 0 < total["low"] < total["value"] < total["high"]
    assert document["price"]["value"] == pytest.approx(total["value"] / 1000)
    check = document["check"]["clocks"]
    run = sum(document["runs"]["tf"][clock] for clock in CLOCKS)
    assert check["tf"]["sum"]["estimated"] == pytest.approx(run)
    files = compared.glob("runs/*/tf-seed0/resources.json")
    clocks = json.loads(next(files).read_text())["clocks"]
    recorded = clocks["wall"] - clocks["idle"]
    assert check["tf"]["sum"]["recorded"] == pytest.approx(recorded)
    assert document["check"]["same_code"] and document["check"]["runs"] == 2
    assert sorted(os.walk(compared)) == before, "nothing of the comparison is touched"
    assert not (tmp_path / "new").exists(), "and nothing stays of the session"
