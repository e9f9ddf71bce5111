"""Folders of one experiment as one: what is counted together, what apart, what is left alone."""

import json
import shutil

import numpy as np
import pytest
from report_experiment import build, write_run

from harness.cli import main
from harness.metrics import evaluate as evaluate_module
from harness.records.experiment import load
from harness.records.run import find_runs
from harness.report.comparison.data_files import summary
from harness.report.comparison.environment import warnings
from harness.report.comparison.findings import find
from harness.report.comparison.scores import metric_rows
from harness.report.comparison.timing import timing_rows
from harness.report.comparison.verdict import scope
from harness.system.checksums import sha256, write_sums
from harness.system.errors import UserError
from harness.system.files import (
    read_arrays,
    read_json,
    read_table,
    write_arrays,
    write_json,
    write_table,
)
from harness.tools.merge import default_folder, merge, read_sources
from harness.tools.merge import folder as folder_module

CPU = "cpu-example"


@pytest.fixture
def few_features(monkeypatch):
    """Sixteen numbers an image, in no time."""

    def cheap(sets, extractor, cache, report, weights=None):
        return {name: array.reshape(len(array), -1)[:, :16] / 64.0 for name, array in sets.items()}

    monkeypatch.setattr(evaluate_module, "features", cheap)
    monkeypatch.setattr(evaluate_module, "find_weights", lambda: None)


@pytest.fixture
def make(tmp_path):
    def make(name, *seeds, **options):
        return build(tmp_path / name, seeds, **options)

    return make


def merged(to, *folders):
    merge(read_sources(folders), to)
    return to


def names(folder):
    return [f"{run.device}/{run.folder.name}" for run in find_runs(folder)]


def retrained(folder, seed):
    """The same runs on another day: not a bit of timing is the same."""
    for backend in ("torch", "tf"):
        path = folder / f"runs/{CPU}/{backend}-seed{seed}/blocks.csv"
        table = read_table(path)
        write_table(path, table.assign(train_seconds=1.07 * table["train_seconds"]))
    return folder


def with_environment(folder, **changed):
    for path in folder.glob("runs/*/*/environment.json"):
        write_json(path, {**read_json(path), **changed})
    return folder


def everything(folder):
    return {
        file: (sha256(file), file.stat().st_mtime_ns)
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_two_comparisons_merged_report_what_one_with_all_seeds_reports(
    make, tmp_path, few_features
):
    whole, some, others = make("whole", 0, 1, 2), make("some", 0), make("others", 2, 1)
    before = everything(some) | everything(others)
    evaluate_module.evaluate(whole, lambda *done: None)
    assert main(["report", str(some), str(others), "--to", str(tmp_path / "merged")]) == 0
    assert everything(some) | everything(others) == before
    assert read_json(tmp_path / "merged/metrics.json") == read_json(whole / "metrics.json")
    experiment = load(whole)
    found = find(experiment)
    expected = summary(experiment, found)
    reported = read_json(tmp_path / "merged/summary.json")
    assert reported == {"schema_version": 1, **json.loads(json.dumps(expected))}
    rows = [row for row in metric_rows(load(tmp_path / "merged")) if len(row.scores) == 2]
    assert rows and {row.seeds for row in rows} == {3}
    assert all(row.difference.low is not None for row in rows)


def test_a_run_that_two_folders_hold_is_taken_once(make, tmp_path):
    first, second = make("a", 0, 1), make("b", 1, 2)  # seed 1 is the same in both
    to = merged(tmp_path / "to", first, second)
    assert names(to) == [f"{CPU}/{b}-seed{s}" for b in ("tf", "torch") for s in (0, 1, 2)]
    rows = {row["run"]: row["sources"] for row in read_json(to / "merged.json")["runs"]}
    assert rows[f"{CPU}/torch-seed0"] == [0]
    assert rows[f"{CPU}/torch-seed1"] == [0, 1]
    assert rows[f"{CPU}/torch-seed2"] == [1]


def test_sums_tell_runs_apart(make, tmp_path):
    first, second = make("a", 0), retrained(make("b", 0), 0)
    for folder in (first, second):
        for run in find_runs(folder):
            write_sums(run.folder)
    assert len(names(merged(tmp_path / "to", first, second))) == 4
    shutil.copytree(first, tmp_path / "copy")
    assert len(names(merged(tmp_path / "to2", first, tmp_path / "copy"))) == 2


def test_a_seed_trained_twice_is_a_row_of_its_own_and_never_two_seeds(make, tmp_path, few_features):
    first, again = make("a", 0, 1, 2), retrained(make("b", 2, 3), 2)
    to = tmp_path / "to"
    evaluate_module.evaluate(merged(to, first, again), lambda *done: None)
    assert {n for n in names(to) if "@" in n} == {f"{CPU}@2/tf-seed2", f"{CPU}@2/torch-seed2"}
    experiment = load(to)
    seeds = {row.device: row.seeds for row in metric_rows(experiment)}
    assert seeds == {CPU: 4, f"{CPU}@2": 1}
    steps = [row for row in timing_rows(experiment) if row.quantity == "step_ms_median"]
    assert [row.device for row in steps] == [CPU, f"{CPU}@2"]
    assert [row.pairs for row in steps] == [4 * 18, 18]
    said = scope(experiment)
    assert "4 seeds on" in said and "1 seed on" in said and "Merged from 2 folders" in said


def test_runs_of_other_code_are_never_counted_together(make, tmp_path):
    old = with_environment(make("a", 0, 1), source_digest="1" * 64)
    new = with_environment(make("b", 2), source_digest="2" * 64, versions={"torch": "3.0"})
    to = merged(tmp_path / "to", old, new)
    assert {run.device: run.seed for run in find_runs(to)} == {CPU: 1, f"{CPU}@2": 2}
    said = " ".join(warnings(load(to)))
    assert "source digest differs" in said and "1" * 64 in said and "2" * 64 in said
    assert "version of torch differs: 2.13.0" in said


def test_backends_that_were_not_timed_in_turns_are_not_paired(make, tmp_path):
    """Two halves of a session, and a session that one of the folders has lost a half of."""
    torch, tf = make("a", 0, backends=("torch", "tf")), make("b", 0)
    shutil.rmtree(torch / f"runs/{CPU}/tf-seed0")
    shutil.rmtree(tf / f"runs/{CPU}/torch-seed0")
    to = merged(tmp_path / "to", torch, tf)
    assert names(to) == [f"{CPU}/torch-seed0", f"{CPU}@2/tf-seed0"]
    to = merged(tmp_path / "to2", torch, make("whole", 0))
    assert names(to) == [f"{CPU}/tf-seed0", f"{CPU}/torch-seed0"]


def test_machines_are_devices_and_merges_can_be_merged(make, tmp_path):
    a, b = make("a", 0), retrained(make("b", 0), 0)
    gpu = make("gpu", 0, devices=("gpu-example",))
    at_once = merged(tmp_path / "at-once", a, b, gpu)
    in_turn = merged(tmp_path / "in-turn", merged(tmp_path / "two", a, b), gpu)
    assert names(at_once) == names(in_turn)
    assert {run.device for run in find_runs(at_once)} == {CPU, f"{CPU}@2", "gpu-example"}


def test_unfinished_runs_are_listed_and_checkpoints_stay_where_they_are(make, tmp_path):
    a, b = make("a", 0), make("b", 1)
    run = write_run(b, CPU, "torch", 2, state="interrupted")
    (run / "checkpoint-00000100.safetensors").write_bytes(b"x")
    experiment = load(merged(tmp_path / "to", a, b))
    (listed,) = experiment.unfinished
    assert listed.folder.name == "torch-seed2" and listed.status["step"] == 100
    assert not list(listed.folder.glob("checkpoint-*")) and len(listed.losses) == 100


def test_what_is_written_in_place_is_a_copy_and_the_rest_a_link(make, tmp_path):
    a, b = make("a", 0), make("b", 1)
    run = f"runs/{CPU}/torch-seed0"
    (a / run / "log.txt").write_text("one\n")
    to = merged(tmp_path / "to", a, b)
    with (to / run / "log.txt").open("a") as log:
        log.write("two\n")
    assert (a / run / "log.txt").read_text() == "one\n"
    assert (to / run / "losses.csv").samefile(a / run / "losses.csv")
    assert not (to / run / "status.json").samefile(a / run / "status.json")


def test_without_hard_links_files_are_copied(make, tmp_path, monkeypatch):
    def refuse(*names):
        raise OSError("no links here")

    monkeypatch.setattr(folder_module.os, "link", refuse)
    a, b = make("a", 0), make("b", 1)
    to = merged(tmp_path / "to", a, b)
    run = f"runs/{CPU}/torch-seed0/losses.csv"
    assert not (to / run).samefile(a / run) and sha256(to / run) == sha256(a / run)


def test_a_rerun_makes_the_same_and_keeps_features(make, tmp_path):
    a, b, c = make("a", 0), make("b", 1), make("c", 2)
    (b / "features").mkdir()
    (b / "features/known.safetensors").write_bytes(b"known")
    to = merged(tmp_path / "to", a, b)
    first = read_json(to / "merged.json")
    (to / "features/new.safetensors").write_bytes(b"new")
    (to / "report.html").write_text("of before")
    merged(to, a, b)
    assert read_json(to / "merged.json") == first
    assert {file.stem for file in (to / "features").iterdir()} == {"known", "new"}
    assert not (to / "report.html").exists()
    assert len(names(merged(to, a, b, c))) == 6
    assert not list(tmp_path.glob(".*"))


def test_a_merge_that_fails_leaves_what_was_there(make, tmp_path, monkeypatch):
    a, b, c = make("a", 0), make("b", 1), make("c", 2)
    to = merged(tmp_path / "to", a, b)
    before = everything(to)

    def fail(*arguments):
        raise OSError("no space")

    monkeypatch.setattr(folder_module, "record", fail)
    with pytest.raises(OSError, match="no space"):
        merged(to, a, b, c)
    assert everything(to) == before and not list(tmp_path.glob(".*"))


def test_the_folder_is_called_after_its_experiment(make, tmp_path):
    sources = read_sources([make("a", 0), make("b", 1)])
    assert default_folder(sources) == tmp_path / "merged/toyseasons-smoke-0123abcd4567"
    path = tmp_path / "b/experiment.json"
    write_json(path, {**read_json(path), "hash": "fedcba987654"})
    here, there = read_sources([tmp_path / "a", tmp_path / "b"]), tmp_path / "b"
    names = {default_folder(each).name for each in (here, here[::-1])}
    assert len(names) == 1 and names != {"toyseasons-smoke-0123abcd4567"}
    assert read_json(merged(tmp_path / "to", tmp_path / "a", there) / "experiment.json")["hash"]


def test_other_real_images_are_refused_by_name(make, tmp_path):
    a, b = make("a", 0), make("b", 1)
    path = b / "references.safetensors"
    arrays = read_arrays(path)
    write_arrays(path, arrays)  # the same in another file
    assert read_sources([a, b])
    write_arrays(path, arrays | {"floor_a": np.zeros_like(arrays["floor_a"])})
    with pytest.raises(UserError, match=r"floor_a in references\.safetensors"):
        read_sources([a, b])
