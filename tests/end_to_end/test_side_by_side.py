"""Runs whose steps are first timed in turns and then made side by side, in two processes each."""

from __future__ import annotations

import pytest
from command_line import called, experiment_folder, given, interrupted_at, run
from killing import assert_identical

from harness.records.run import find_runs
from harness.system import provenance

TURNS, STEPS, THREADS = 24, 40, 2
SETTINGS = given(["training.steps_per_epoch=10", f"timing.timed_steps={TURNS}"])

pytestmark = pytest.mark.devices


def test_the_rest_is_untimed_and_the_same_bits_when_interrupted_there_or_replayed(
    tmp_path, monkeypatch
):
    whole, halted = tmp_path / "whole", tmp_path / "halted"
    monkeypatch.setattr(provenance, "default_threads", lambda: THREADS)  # a test process has one
    # The first seed's runs are in turns for as long as a twin has to be compared with them.
    for module in ("training.jobs", "studies.course"):
        monkeypatch.setattr(f"harness.{module}.COURSE_STEPS", 8)
    # Scores and figures are made of the same translations by the same code, and the ladder is
    # climbed by other tests: they are left out.
    monkeypatch.setattr("harness.studies.comparison.check_function", lambda *_: None)
    monkeypatch.setattr("harness.studies.comparison.score", lambda folder, *_: page_of(folder))
    done = run(whole, *SETTINGS)
    assert done.returncode == 0, done.stderr
    assert f"From step {TURNS} on side by side, no longer timed" in done.stderr
    for record in find_runs(experiment_folder(whole)):
        blocks, clocks = record.blocks, record.resources["clocks"]
        beside = blocks["start_step"] >= TURNS
        assert (blocks["beside"] == beside).all() and beside.any()
        assert int(blocks["steps"].sum()) == STEPS and TURNS in set(blocks["start_step"])
        assert not record.timed[beside].any() and record.timed.any()
        assert clocks["beside"] == pytest.approx(blocks.loc[beside, "train_seconds"].sum())
        assert clocks["train"] == pytest.approx(blocks.loc[record.timed, "train_seconds"].sum())
        assert record.environment["threads"] == THREADS
        share = {"start": TURNS, "threads": THREADS // 2, "turns": False}
        assert record.environment["beside"] == share
        assert record.resources["processes"] == 1, "no interruption"

    replayed = called("verify", "--steps", str(TURNS + 3), experiment_folder(whole))
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert replayed.stdout.count(f"{TURNS + 3} steps and what was evaluated") == 2

    with interrupted_at("From step"):
        done = run(halted, *SETTINGS)
    assert done.returncode == 130 and "Traceback" not in done.stderr, done.stderr
    stopped = find_runs(experiment_folder(halted))
    assert {record.status["state"] for record in stopped} == {"interrupted"}
    assert all(record.status["step"] >= TURNS for record in stopped)
    done = run(halted, *SETTINGS)
    assert done.returncode == 0, done.stderr
    assert_identical(whole, halted)


def page_of(folder):
    page = folder / "report.html"
    page.touch()
    return page
