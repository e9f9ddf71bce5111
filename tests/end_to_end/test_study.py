"""A tiny study as a user runs it: reuse, divergence, the page; `make stress` interrupts it."""

import pytest
from command_line import called, given, run, undrawn

from harness.records.run import find_runs
from harness.system.files import read_json, read_table

# The second rate is as far as one can go: it diverges within a few steps.
SETTINGS = {"training.epochs_constant": 1, "training.epochs_decay": 1, "data.test": 4,
            "training.steps_per_epoch": 8, "timing.block_seconds": 0.1,
            "model.blocks": 0, "model.discriminator_layers": 1}  # fmt: skip
FILE = f"""
description: Tiny
preset: smoke
seeds: [0]
set: {SETTINGS}
grid: {{optimiser.learning_rate: [0.0002, 1.0e+30]}}
"""

ONE = ("--backends", "torch")  # comparisons have both


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("file") / "tiny.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture(scope="module")
def studied(tmp_path_factory, file):
    """Results of a study one cell of which a comparison had trained before; what it said."""
    results = tmp_path_factory.mktemp("results")
    settings = given(f"{key}={value}" for key, value in SETTINGS.items())
    with undrawn():
        before = run(results, *ONE, *settings, "--set", "optimiser.learning_rate=2e-4")
        assert before.returncode == 0, before.stderr
        [cell] = results.iterdir()
        written = {path: path.stat().st_mtime_ns for path in cell.rglob("status.json")}
        finished = called("study", file, "--results", results, *ONE)
    assert finished.returncode == 0, finished.stderr
    assert {path: path.stat().st_mtime_ns for path in cell.rglob("status.json")} == written
    return results, cell, finished.stderr


def test_a_cell_that_was_compared_before_is_reused(studied):
    results, cell, said = studied
    assert "Cells: 1 of 2 are trained, 1 to train" in said
    [folder] = (results / "studies").iterdir()
    cells = read_json(folder / "study.json")["cells"]
    assert (folder / cells[0]["folder"]).resolve() == cell.resolve()
    assert len(list(results.iterdir())) == 3  # two cells and the studies


def test_a_diverged_cell_is_shown_and_is_not_trained_again(studied, file):
    results, _, _ = studied
    [folder] = (results / "studies").iterdir()
    second = folder / read_json(folder / "study.json")["cells"][1]["folder"]
    assert [run.diverged for run in find_runs(second)] == [True]
    page = (folder / "report.html").read_text()
    assert "1 of 2 did not, 1 failed" in page and "Nothing is scored yet" not in page
    table = read_table(folder / "table.csv")
    assert table["runs_complete"].tolist() == [1, 0]
    assert table["kid_efflite0_ab"].notna().tolist() == [True, False]
    for arguments in ((), ("--report-only",)):
        (folder / "report.html").unlink()
        with undrawn():
            again = called("study", file, "--results", results, *ONE, *arguments)
        assert again.returncode == 0 and "starting" not in again.stderr
        assert (folder / "report.html").read_text() == page
