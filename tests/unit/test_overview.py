"""What a results folder holds, told from its records, damaged ones and killed runs among them."""

import fcntl
import io
import json
import os
import shutil
from pathlib import Path

import bench_records
import pytest
import report_experiment
import scaling_record
from rich.console import Console

from harness.cli import main
from harness.records.units import UnitFiles, UnitStatus
from harness.studies.scaling.record import write_record as write_scaling
from harness.studies.timing.record_files import write_record
from harness.system.errors import UserError
from harness.system.files import write_json
from harness.system.lock import locked
from harness.tools.list_runs import as_json, overview, print_folders

# What `compare` wrote in a real comparison.
SUMMARY = Path(__file__).parents[2] / "docs/records/nvidia-h200/compare-smoke-summary.json"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return report_experiment.build(tmp_path_factory.mktemp("built") / "one", size=16)


@pytest.fixture
def experiment(built, tmp_path):
    return Path(shutil.copytree(built, tmp_path / "toyseasons-smoke-0123"))


def only(results):
    [folder] = overview(results)
    return folder


def set_state(experiment, state):
    [status] = experiment.glob("runs/*/torch-seed0/status.json")
    write_json(status, {**json.loads(status.read_text()), "state": state, "step": 150})


def printed(folders, now, width=200):
    console = Console(file=io.StringIO(), width=width)
    print_folders(folders, now, console)
    return console.file.getvalue()


def test_a_comparison_with_its_runs_report_and_verdicts(experiment, tmp_path):
    assert only(tmp_path).report is None
    (experiment / "report.html").touch()
    summary = json.loads(SUMMARY.read_text())
    for row, verdict in enumerate(("different", "equivalent", "equivalent")):
        summary["metrics"][row]["verdict"] = verdict
    write_json(experiment / "summary.json", summary)
    folder = only(tmp_path)
    assert (folder.kind, folder.about) == ("comparison", "toyseasons, preset smoke")
    assert folder.report == experiment / "report.html" and not folder.damaged
    assert folder.verdicts == (("equivalent", 2), ("different", 1)), "others have none"
    assert [(run.backend, run.seed, run.state, run.step) for run in folder.runs] == [
        ("tf", 0, "complete", 200), ("torch", 0, "complete", 200),
    ]  # fmt: skip
    text = printed([folder], folder.changed + 200)
    assert "toyseasons-smoke-0123" in text and "200 of 200" in text and "3 min 20 s ago" in text


def test_a_run_whose_process_is_gone_was_killed(experiment, tmp_path):
    set_state(experiment, "running")
    with (experiment / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = only(tmp_path)
        assert folder.busy and {run.state for run in folder.runs} == {"running", "complete"}
    folder = only(tmp_path)
    assert not folder.busy and {run.state for run in folder.runs} == {"killed", "complete"}
    assert "interrupted (was killed)" in printed([folder], folder.changed)


def test_seeds_that_a_launcher_was_given(experiment, tmp_path):
    set_state(experiment, "running")

    def given(seed, state, **more):
        files = UnitFiles(experiment, seed)
        files.write(UnitStatus(seed, ("torch", "tf"), state, "slurm", str(40 + seed), **more))
        return files

    files = given(0, "running", host="node-2", device="a GPU", step=30, steps=200)
    given(1, "queued")
    given(2, "failed", why="diverged: cycle_a is nan")
    given(3, "queued").status_file.write_text("{")
    with locked(files.lock):
        folder = only(tmp_path)
        assert {run.state for run in folder.runs} == {"running", "complete"}, "its unit is held"
    states = [(unit.seed, unit.state) for unit in folder.units]
    assert states == [(0, "running"), (1, "queued"), (2, "failed"), (3, "damaged")]
    assert folder.units[0].where == "a GPU, on node-2, slurm job 40"
    text = printed([folder], folder.changed)
    assert "30 of 200" in text and "slurm job 41" in text and "cycle_a is nan" in text
    folder = only(tmp_path)
    assert folder.units[0].state == "killed" and "killed" in {run.state for run in folder.runs}
    assert as_json([folder])["folders"][0]["units"][1]["state"] == "queued"


def test_a_run_that_ended_by_itself_is_as_it_says(experiment, tmp_path):
    for state in ("interrupted", "failed"):
        set_state(experiment, state)
        assert {run.state for run in only(tmp_path).runs} == {state, "complete"}


def test_looking_changes_nothing(experiment, tmp_path):
    before = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")}
    overview(tmp_path)
    assert {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    assert not (experiment / ".lock").exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema_version": 99}', "pipe", None])
@pytest.mark.parametrize("file", ["experiment.json", "summary.json"])
def test_a_damaged_folder_is_listed_with_the_reason_and_ends_nothing(
    experiment, built, tmp_path, file, content
):
    shutil.copytree(built, tmp_path / "other-smoke-4567")
    path = experiment / file
    path.unlink(missing_ok=True)
    if content == "pipe":
        os.mkfifo(path)
    elif content is not None:
        path.write_text(content)
    folders = {folder.path.name: folder for folder in overview(tmp_path)}
    assert len(folders) == 2 and not folders["other-smoke-4567"].damaged
    damaged = folders[experiment.name].damaged
    if (file, content) == ("summary.json", None):
        assert damaged is None, "it was not reported on yet"
    else:
        assert file in damaged
        assert len(folders[experiment.name].runs) == 2, "its runs are told all the same"


def test_a_damaged_run_is_one_of_the_others(experiment, tmp_path):
    [status] = experiment.glob("runs/*/torch-seed0/status.json")
    status.write_text('{"schema_version": 1, "state": "resting"}')
    by_name = {run.folder.name: run for run in only(tmp_path).runs}
    assert by_name["torch-seed0"].state == "damaged" and by_name["tf-seed0"].state == "complete"
    assert "status.json" in by_name["torch-seed0"].why
    status.unlink()
    by_name = {run.folder.name: run for run in only(tmp_path).runs}
    assert by_name["torch-seed0"].state == "damaged"
    assert "torch-seed0" in printed([only(tmp_path)], 0.0)


def test_benches_scaling_and_studies_are_told_apart(tmp_path):
    write_record(bench_records.several(1.2), tmp_path / "bench" / "one.json")
    write_scaling(tmp_path / "scaling" / "one.json", scaling_record.record())
    head = {"kind": "grid", "name": "pool", "cells": [{}, {}], "seeds": [0, 1], "device": "cpu"}
    write_json(tmp_path / "studies" / "pool-01" / "study.json", head)
    write_json(tmp_path / "consistency-seasons-01" / "study.json", {"dataset": "seasons"})
    (tmp_path / "notes").mkdir()
    (tmp_path / "cyclebench.log").write_text("")
    folders = {folder.kind: folder for folder in overview(tmp_path)}
    assert set(folders) == {"bench", "scaling", "study", "consistency"}
    assert folders["study"].about == "pool, 2 cells, seeds 0, 1, on cpu"
    assert folders["consistency"].about == "seasons"
    assert "smoke" in folders["scaling"].about or " on " in folders["scaling"].about
    assert not any(folder.damaged for folder in folders.values())
    assert overview(tmp_path / "bench") == [folders["bench"]], "one of them by itself"


def test_a_study_without_cells_is_damaged(tmp_path):
    write_json(tmp_path / "studies" / "pool-01" / "study.json", {"name": "pool"})
    assert "study.json" in only(tmp_path).damaged


def test_names_that_terminals_would_obey_are_shown_as_text(experiment, tmp_path):
    experiment.rename(tmp_path / "a\x1b[31m[red]-smoke-01")
    text = printed(overview(tmp_path), 0.0)
    assert "\x1b" not in text and "[red]" in text


def test_no_folder_is_bad_input(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        overview(tmp_path / "none")


def test_list_as_json_and_of_an_empty_folder(experiment, tmp_path, capsys):
    assert main(["list", str(tmp_path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    [folder] = document["folders"]
    assert document["schema_version"] == 1 and folder["folder"] == str(experiment)
    assert folder["runs"][0]["state"] == "complete" and folder["changed"].endswith("+00:00")
    (tmp_path / "empty").mkdir()
    assert main(["list", str(tmp_path / "empty")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'empty'}: nothing there yet\n"
    assert as_json([]) == {"folders": []}
