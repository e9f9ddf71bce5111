"""An estimate against records of a comparison, and what cannot be checked."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from test_estimate_arithmetic import MACHINE, predicted, work

from harness.cli import main
from harness.records.run import RunRecord
from harness.studies.estimate.check import check, check_json, print_check, read_recorded
from harness.studies.estimate.predict import CLOCKS
from harness.system.errors import UserError
from harness.system.files import write_json

CLOCK_SECONDS = dict.fromkeys(CLOCKS, 10.0) | {"idle": 99.0, "wall": 179.0}


def write_run(folder, backend, seed=0, device=MACHINE.device_name, state="complete", processes=1,
              **clocks):  # fmt: skip
    run = RunRecord(folder / "runs" / "here" / f"{backend}-seed{seed}")
    status = {"backend": backend, "seed": seed, "state": state, "step": 1, "steps": 1}
    write_json(run.folder / "status.json", status)
    write_json(run.folder / "environment.json", {"device": device, "source_digest": "another"})
    resources = {"clocks": CLOCK_SECONDS | clocks, "processes": processes}
    write_json(run.folder / "resources.json", resources)


@pytest.fixture
def folder(tmp_path):
    """An experiment's, without runs."""
    experiment = work().experiment
    configuration = experiment.model_dump(exclude={"dataset", "preset"})
    configuration |= {"backends": ["torch", "tf"], "titles": {"a": "x", "b": "y"}}
    head = {"dataset": experiment.dataset, "preset": "quick", "hash": "0"}
    write_json(tmp_path / "experiment.json", {**head, "configuration": configuration})
    splits = {"trainA": 3, "trainB": 2, "testA": 2, "testB": 1}
    files = {
        split: [{"name": f"{i}.png", "sha256": "ab"} for i in range(count)]
        for split, count in splits.items()
    }
    from harness.data import ImageFile, Manifest

    listed = {split: tuple(ImageFile(**each) for each in of) for split, of in files.items()}
    write_json(tmp_path / "manifest.json", Manifest("seasons", listed).to_json())
    return tmp_path


def test_the_folder_says_what_was_trained_and_what_its_runs_took(folder):
    write_run(folder, "tf", train=100.0)
    write_run(folder, "torch", train=50.0)
    write_run(folder, "torch", seed=1, train=70.0)
    found = read_recorded(folder, MACHINE)
    assert found.work.experiment == work().experiment
    assert found.work.backends == ("torch", "tf"), "in the folder's order"
    assert (found.work.counts.train_a, found.work.counts.test_b) == (3, 1)
    assert found.clocks["torch"]["train"] == 60 and found.clocks["tf"]["train"] == 100
    assert found.runs == 3 and not found.same_code and "idle" not in found.clocks["tf"]


def test_errors_are_shares_of_what_was_recorded(folder):
    for backend in ("torch", "tf"):
        write_run(folder, backend, logging=0.0)
    recorded, estimate = read_recorded(folder, MACHINE), predicted()
    found = check(estimate, recorded)
    assert found["torch"]["train"].share == pytest.approx(39.5 / 10 - 1)
    assert found["tf"]["train"].share == pytest.approx(79 / 10 - 1)
    assert found["all"]["train"].share == pytest.approx(118.5 / 20 - 1)
    assert found["tf"]["logging"].share is None, "no share of nothing"
    run = estimate.run("torch") - estimate.runs["torch"]["start"]
    assert found["torch"]["sum"].estimated == pytest.approx(run)
    assert found["torch"]["sum"].recorded == 60
    out = io.StringIO()
    print_check(estimate, recorded, Console(file=out, width=160))
    assert "40 s / 10 s +295 %" in out.getvalue() and "another version" in out.getvalue()
    rows = check_json(estimate, recorded)["clocks"]
    assert rows["all"]["sum"]["recorded"] == 120 and rows["tf"]["logging"]["error"] is None


@pytest.mark.parametrize(
    ("run", "says"),
    [
        (None, "no complete run"),
        ({"state": "interrupted"}, "no complete run"),
        ({"device": "another"}, "come from another, and this is a machine, 2 threads"),
        ({"processes": 2}, "interrupted"),
    ],
)
def test_records_that_show_nothing_about_this_machine_are_refused(folder, run, says):
    if run is not None:
        write_run(folder, "torch", **run)
    with pytest.raises(UserError, match=says):
        read_recorded(folder, MACHINE)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--preset", "none"], "preset 'none': unknown"),
        (["--price", "much"], "--price much"),
        (["--images", "1,2"], "--images 1,2"),
        (["--backends", "jax"], "jax"),
        (["--dataset", "ae_photos"], "--images"),
        (["--dataset", "/no/such/place"], "/no/such/place"),
        (["--check", "/no/such/place"], "/no/such/place"),
        (["--check", "x", "--preset", "quick"], "leave out"),
        (["--device", "tpu"], "device: 'tpu'"),
        (["--set", "model.blokcs=1"], "blokcs"),
    ],
)
def test_bad_input_is_one_line_and_status_2_before_anything_runs(tmp_path, capsys, arguments, says):
    results = tmp_path / "results"
    assert main(["estimate", *arguments, "--results", str(results)]) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1 and not results.exists()
