import html
import json
import re
import signal
import time
from threading import Thread

import numpy as np
import pytest
from command_line import command, experiment_folder, interrupt_when, run, undrawn
from killing import assert_identical, kill_one_worker
from page_reader import check_self_contained

from backends.objective import RECORDED
from harness.records.run import find_runs
from harness.system.files import read_arrays, read_json
from harness.training.checkpoints import Checkpoints

STEPS = 64


def test_both_runs_are_complete_and_every_step_is_recorded(compared):
    runs = find_runs(compared)
    assert [run.backend for run in runs] == ["tf", "torch"]
    for record in runs:
        assert record.complete and record.status["step"] == STEPS
        assert record.losses["step"].tolist() == list(range(STEPS))
        assert set(RECORDED) < set(record.losses.columns)
        assert record.losses["learning_rate"].iloc[-1] < record.losses["learning_rate"].iloc[0]
        assert not list(record.folder.glob("checkpoint-*"))
        assert record.evaluated_steps == [0, 16, 32, 48, STEPS], "after every epoch"
        patches = {f"patches_{target}_{side}" for target in ("real", "fake") for side in "ab"}
        assert set(record.evaluation(16)) == {"ab", "ba", *patches}
        assert set(record.evaluation(STEPS)) == {
            "ab", "ba", "last_ab", "last_ba", "aba", "bab", "identity_a", "identity_b", *patches,
        }  # fmt: skip


def test_blocks_cover_every_step_once_and_pair_between_backends(compared):
    tables = [record.blocks for record in find_runs(compared)]
    for table in tables:
        ends = (table["start_step"] + table["steps"]).tolist()
        assert table["start_step"].tolist() == [0, *ends[:-1]] and ends[-1] == STEPS
        assert table["warmup"].iloc[0] == 1 and table["warmup"].iloc[-1] == 0
        assert (table["train_seconds"] > 0).all()
    assert tables[0]["start_step"].tolist() == tables[1]["start_step"].tolist()


def test_clocks_sum_to_the_wall_clock(compared):
    for record in find_runs(compared):
        clocks = dict(record.resources["clocks"])
        wall = clocks.pop("wall")
        assert sum(clocks.values()) == pytest.approx(wall)
        assert clocks["idle"] > 0 and clocks["train"] > 0
        assert record.resources["flops_per_step"] > 1e6
        assert record.resources["peak_memory"]["kind"] == "resident"


def test_environment_says_what_ran_where(compared):
    frameworks = set()
    for record in find_runs(compared):
        environment = record.environment
        frameworks.add(environment["framework"])
        assert environment["device"] and environment["threads"] >= 1
        assert re.fullmatch(r"[0-9a-f]{64}", environment["source_digest"])
    assert frameworks == {"PyTorch", "TensorFlow"}


def test_the_report_begins_with_the_function_and_the_course(compared):
    [climb] = read_json(compared / "parity.json")["climbs"]
    assert climb["backends"] == ["torch", "tf"] and len(climb["rows"]) > 100
    assert [row for row in climb["rows"] if not row["passed"]] == []
    [course] = read_json(compared / "course.json")["courses"]
    kept = {
        record.backend: read_arrays(record.course_file(STEPS)) for record in find_runs(compared)
    }
    assert course["steps"] == STEPS and set(course["files"]) == set(kept)
    [pair], twin = course["pairs"], course["twin"]
    one, other = (
        np.concatenate([kept[name][key].ravel() for key in sorted(kept[name])]).astype(float)
        for name in ("torch", "tf")
    )
    # The networks are small enough to be compared whole; biases in front of norms count in neither.
    assert pair["weights"] == pytest.approx(
        np.linalg.norm(other - one) / np.linalg.norm(one), rel=0.5
    )
    assert 0 < twin["weights"] < 0.5 and twin["losses"][0] < 1e-4
    assert not (compared / ".twin").exists()
    page = (compared / "report.html").read_text()
    shorts = re.findall(r'<div class="short">([^<]*)', page)
    checks = f"Yes: all of {len(climb['rows'])} checks pass, with a largest deviation of "
    assert shorts[0].startswith(checks)
    told = rf"changes PyTorch's weights by [\d.]+\s% in {STEPS} steps; TensorFlow's weights differ"
    assert re.search(told, html.unescape(shorts[1])), shorts[1]


def test_both_start_from_the_same_translations(compared):
    one, two = (record.evaluation(0) for record in find_runs(compared))
    for name in one:
        assert np.abs(one[name].astype(int) - two[name].astype(int)).max() <= 1


def test_the_first_losses_agree_to_rounding(compared):
    one, two = (record.losses.iloc[0] for record in find_runs(compared))
    terms = [name for name in RECORDED if not name.startswith("accuracy")]
    assert one[terms].to_numpy() == pytest.approx(two[terms].to_numpy(), rel=1e-5)


def test_discriminators_see_real_and_translated_test_images_alike_in_both(compared):
    """Before training the networks are the same: so are their outputs, up to rounding to uint8."""
    one, two = (record.evaluation(0) for record in find_runs(compared))
    for name in (name for name in one if name.startswith("patches")):
        assert one[name].shape == two[name].shape and one[name].ndim == 3
        np.testing.assert_allclose(one[name], two[name], atol=2e-3 if "fake" in name else 1e-5)


def test_scores_over_training_are_of_every_evaluation_and_stop_the_training_clock(compared):
    scores = json.loads((compared / "metrics.json").read_text())["scores"]
    assert {row["step"] for row in scores if row["metric"] == "kid_efflite0"} == {0, 16, 32, 48, 64}
    for record in find_runs(compared):
        clocks, blocks = record.resources["clocks"], record.blocks
        timed = blocks.loc[blocks["warmup"] == 0, "train_seconds"].sum()
        assert clocks["train"] == pytest.approx(timed, rel=1e-6)
        assert clocks["evaluation"] > 0
        assert {16, 32, 48} <= set(blocks["start_step"]), "blocks end where evaluations are"


def test_summary_has_the_documented_keys(compared):
    summary = json.loads((compared / "summary.json").read_text())
    assert summary["schema_version"] == 1
    assert summary["experiment"]["dataset"] == "seasons"
    metrics = {(row["metric"], row["direction"]) for row in summary["metrics"]}
    names = ("kid_efflite0", "fd_efflite0", "checkerboard", "cycle_psnr", "cycle_ssim",
             "pair_psnr", "pair_ssim", "pair_mae")  # fmt: skip
    assert metrics == {(name, direction) for name in names for direction in ("ab", "ba")}
    for row in summary["metrics"]:
        assert row["torch"]["runs"] == row["tf"]["runs"] == 1
        assert {"value", "low", "high"} <= set(row["difference"])
        assert "cannot tell yet" in row["verdict"]
    conventions = {row["convention"] for row in summary["losses"] if row["term"] == "cycle_a"}
    assert conventions == {"mean", "unnormalised", "normalised", "weighted"}
    [step] = [r for r in summary["timing"] if r["quantity"] == "step_ms_median"]
    ratio = step["ratio"]
    if step["load"]["no_ratio"]:  # something else runs on this machine
        assert step["load"]["pairs_under_load"] > 0 and set(ratio.values()) == {None}
    else:
        assert ratio["low"] <= ratio["value"] <= ratio["high"]


def test_report_is_self_contained_and_makes_no_claim_from_one_seed(compared):
    page = check_self_contained((compared / "report.html").read_text())
    assert "FID: not computed" in page.text and page.images
    text = (compared / "report.md").read_text()
    assert "one seed" in text.lower()
    for name in re.findall(r"\]\((figures/[^)]+)\)", text):
        assert (compared / name).is_file()


def test_a_finished_comparison_is_reused(compared, monkeypatch):
    report = compared / "report.html"
    monkeypatch.setattr("harness.studies.comparison.score", lambda *_: report)
    losses = [record.folder / "losses.csv" for record in find_runs(compared)]
    before = [path.stat().st_mtime_ns for path in losses]
    done = run(compared.parent)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("already trained, reused") == 2
    assert "starting" not in done.stderr
    assert [path.stat().st_mtime_ns for path in losses] == before


def test_interrupted_killed_and_continued_training_is_the_same_to_the_last_bit(
    compared, tmp_path, monkeypatch
):
    """Also: two trainings with one seed are. `make stress` kills many more, at every moment."""
    results = tmp_path / "results"
    status, said = interrupt_when(results, lambda line: line.startswith("About "))
    assert status == 130, said
    assert "goes on from here" in said and "Traceback" not in said
    folder = experiment_folder(results)
    halted = find_runs(folder)
    assert [record.status["state"] for record in halted] == ["interrupted"] * 2
    assert all(0 < record.status["step"] < STEPS for record in halted)
    assert not (folder / "report.html").exists()

    # Scores and figures are made of the same translations by the same code: they are left out.
    page = folder / "report.html"
    monkeypatch.setattr("harness.studies.comparison.score", lambda *_: page.touch() or page)
    killer = Thread(target=kill_one_worker, args=(3.0, np.random.default_rng()))
    killer.start()
    done = run(results)
    killer.join()
    assert done.returncode == 0, done.stderr
    assert "Starting anew from the last checkpoints" in done.stderr
    assert done.stderr.count("goes on from step") >= 2
    assert all(record.resources["processes"] >= 2 for record in find_runs(folder))
    assert_identical(compared.parent, results)


def test_a_worker_leaves_a_checkpoint_when_its_parent_is_killed(tmp_path):
    program = command(tmp_path, "--backends", "torch")
    told = "About "
    interrupt_when(tmp_path, lambda line: line.startswith(told), signal.SIGKILL, program)
    folder, deadline = experiment_folder(tmp_path), time.monotonic() + 60
    [halted] = find_runs(folder)
    while halted.status["state"] != "interrupted" and time.monotonic() < deadline:
        time.sleep(0.2)
        [halted] = find_runs(folder)
    assert halted.status["state"] == "interrupted"
    step = int(read_arrays(Checkpoints(halted.folder).files[0])["step"])
    assert step == halted.status["step"] > 0


def test_a_training_that_diverges_is_named_and_keeps_its_traceback(tmp_path):
    done = run(tmp_path, "--backends", "torch", "--set", "optimiser.learning_rate=1e30")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "torch, seed 0: diverged: " in last and "Traceback" not in done.stderr
    [record] = find_runs(experiment_folder(tmp_path))
    assert record.status["state"] == "failed"
    assert "Traceback" in (record.folder / "log.txt").read_text()
    assert not np.isfinite(record.losses["cycle_a"]).all()


def test_real_photographs_with_leaks_are_compared_and_audited(photographs, tmp_path):
    source = photographs / "summer2winter_yosemite"
    for split, count in (("trainA", 8), ("trainB", 8), ("testA", 4), ("testB", 4)):
        folder = tmp_path / "data" / "summer2winter_yosemite" / split
        folder.mkdir(parents=True)
        for file in sorted((source / split).iterdir())[:count]:
            (folder / file.name).symlink_to(file)
    leaked = min((source / "testA").iterdir())
    (tmp_path / "data/summer2winter_yosemite/trainB/leak.jpg").symlink_to(leaked)
    options = ("--backends", "torch", "--dataset", "summer2winter")
    shorter = ("--set", "training.epochs_constant=0")
    with undrawn():
        done = run(tmp_path / "results", *options, "--data-dir", str(tmp_path / "data"), *shorter)
    assert done.returncode == 0, done.stderr
    folder = experiment_folder(tmp_path / "results")
    assert folder.name.startswith("summer2winter_yosemite-smoke-")
    found = json.loads((folder / "audit.json").read_text())["duplicates"]
    assert {"leak.jpg", leaked.name} in [{pair["name"], pair["other_name"]} for pair in found]
    assert "leak.jpg" in (folder / "report.html").read_text()
