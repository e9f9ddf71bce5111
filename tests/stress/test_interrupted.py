"""Ctrl-C in what takes longer than a comparison: it goes on where it was."""

from __future__ import annotations

import json
import sys

from command_line import done, interrupt_when, study

from harness.records.run import find_runs
from harness.system.files import read_json

STUDY = """
description: Tiny
preset: smoke
seeds: [0]
set:
  training.epochs_constant: 1
  training.epochs_decay: 1
  training.steps_per_epoch: 30
  timing.block_seconds: 0.1
  data.test: 4
grid: {optimiser.learning_rate: [0.0002, 0.0004]}
"""


def test_a_study_goes_on_where_it_stopped(tmp_path, note):
    file = tmp_path / "tiny.yaml"
    file.write_text(STUDY)
    program = study(tmp_path / "results", file, "--backends", "torch")
    status, said = interrupt_when(tmp_path, lambda line: " from here (" in line, program=program)
    assert status == 130 and "goes on from here" in said
    [folder] = (tmp_path / "results" / "studies").iterdir()
    finished = done(program)
    assert finished.returncode == 0, finished.stderr
    assert "goes on from step" in finished.stderr
    assert [folder] == list((tmp_path / "results" / "studies").iterdir())
    for cell in read_json(folder / "study.json")["cells"]:
        runs = find_runs(folder / cell["folder"])
        assert all(run.complete and run.status["step"] == 60 for run in runs)
    note("torch: study interrupted: went on")


def test_a_scaling_run_measures_no_point_twice(tmp_path, note):
    """Stopped as soon as the base is there and the next point begins."""
    options = ("--axes", "filters", "--values", "filters=8", "--pairs", "2")
    program = [sys.executable, "-m", "harness.cli", "scaling", "--preset", "smoke", *options]
    program += ["--block-seconds", "0.01", "--results", str(tmp_path)]
    status, said = interrupt_when(tmp_path, lambda line: "more take about" in line, program=program)
    assert status == 130 and "goes on from here" in said.splitlines()[-1]
    [file] = (tmp_path / "scaling").glob("*.json")
    before = json.loads(file.read_text())["points"]
    assert [each["axis"] for each in before] == ["base"]
    found = done(program)
    assert found.returncode == 0, found.stderr
    assert "2 points, 1 of them measured already" in found.stderr
    base, larger = json.loads(file.read_text())["points"]
    assert base == before[0], "measured once"
    assert larger["settings"] == {"model.filters": 8, "model.discriminator_filters": 8}
    assert larger["flops"] > 2 * base["flops"]
    note("both: scaling interrupted: went on")
