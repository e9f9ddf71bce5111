"""A busy machine: its blocks are marked and left out; where too few are left there is no ratio."""

from __future__ import annotations

import json

import numpy as np
import pytest
from report_experiment import build, editing, pages

from harness.records.experiment import load
from harness.report.comparison import data_files
from harness.report.comparison.busy import SHARES
from harness.report.comparison.findings import find
from harness.report.comparison.plots import block_figure
from harness.report.comparison.timing import UNTIMED, block_times
from harness.statistics.timed_blocks import load_limit, under_load

DISTURBED = 5.0  # times as long a disturbed block takes, in the second backend alone


@pytest.fixture
def loaded(tmp_path):
    """Writes an experiment of one seed with `count` of each backend's timed blocks under load."""

    def make(count, column="others_share", device="cpu-example", share=0.4):
        folder = build(tmp_path / f"{count}-{column}-{device}", devices=(device,))
        for backend in ("torch", "tf"):
            run = folder / "runs" / device / f"{backend}-seed0"
            with editing(run / "environment.json") as environment:
                environment["threads"] = 2
            with editing(run / "blocks.csv") as blocks:
                blocks["train_seconds"] *= 2.0 / blocks["train_seconds"].median()
                if backend == "tf":
                    blocks["train_seconds"] *= 1.3
                for name in SHARES:
                    blocks[name] = 0.01
                busy = blocks.index[blocks["warmup"] == 0][:count]
                blocks.loc[busy, column] = share
                if backend == "tf":
                    blocks.loc[busy, "train_seconds"] *= DISTURBED
        return load(folder)

    return make


def pairs_of(experiment):
    [device] = experiment.devices
    return len(block_times(experiment.of("torch", device)))


def step_row(experiment):
    return next(r for r in find(experiment).timing if r.quantity == "step_ms_median")


def speed_answer(experiment):
    return find(experiment).answers[-1]


def test_a_block_is_under_load_from_a_twentieth_or_a_quarter_of_a_core():
    assert load_limit(2) == 0.05 and load_limit(64) == pytest.approx(0.25 / 64)
    shares = np.array([0.0, 0.04, 0.054, 0.056, 0.9, np.nan])
    expected = [False, False, False, True, True, False]
    assert under_load(shares, np.full(6, 2.0), 2).tolist() == expected
    # One unit of the counter, a hundredth of a second, is a tenth of this block.
    assert under_load(np.array([0.14, 0.16]), np.full(2, 0.1), 2).tolist() == [False, True]


@pytest.mark.parametrize("column", SHARES)
def test_pairs_under_load_are_left_out_and_counted(loaded, column):
    experiment = loaded(3, column)
    pairs, row = pairs_of(experiment), step_row(experiment)
    assert row.ratio.value == pytest.approx(1.3, rel=0.05), "the disturbed ones would make it 6.5"
    assert row.pairs == pairs - 3 and row.load.marked == 3 and not row.load.refused
    said = " ".join(sentence.text for sentence in speed_answer(experiment).sentences)
    assert "3 more pairs of blocks under load from other programs were left out." in said


def test_a_busy_machine_gives_no_ratio_anywhere(loaded):
    calm = loaded(0)
    pairs = pairs_of(calm)
    busy = loaded(pairs - 5)
    assert speed_answer(calm).short.startswith(
        "No, TensorFlow is slower: a training step in TensorFlow took 1.3"
    )
    answer = speed_answer(busy)
    assert answer.tone == "open" and answer.short.endswith(
        ", so there is no ratio. Train anew on an idle machine."
    )
    assert answer.short.startswith("Not known, the machine was busy: other programs used 40 % of ")
    said = " ".join(sentence.text for sentence in answer.sentences)
    assert "other programs used 40 % of the CPU time" in said and "Close other programs" in said
    findings = find(busy)
    for row in data_files.summary(busy, findings)["timing"]:
        if row["quantity"] in UNTIMED:
            assert row["ratio"]["value"] is not None and row["load"]["no_ratio"] is None
        else:
            assert row["ratio"] == {"value": None, "low": None, "high": None}
            assert "busy" in row["load"]["no_ratio"]
    json.dumps(data_files.summary(busy, findings), allow_nan=False)
    for page in pages(busy.folder):
        assert "none: the machine was busy" in page and "times as long" not in page


def test_six_pairs_left_alone_are_enough(loaded):
    pairs = pairs_of(loaded(0))
    assert step_row(loaded(pairs - 6)).ratio.low is not None


def test_steal_and_limits_are_told(loaded):
    pairs = pairs_of(loaded(0))
    for column, words in (("steal_share", "the hypervisor took 40 %"),
                          ("throttled_share", "a limit on CPU time cost 40 %")):  # fmt: skip
        assert words in step_row(loaded(pairs, column)).load.reason


def test_on_a_gpu_load_is_recorded_and_marks_nothing(loaded):
    experiment = loaded(5, device="gpu-example")
    [run] = experiment.of("torch", "gpu-example")
    assert run.environment["device_kind"] == "cuda"
    assert step_row(experiment).load.marked == 0


def test_older_runs_say_that_load_was_not_recorded(tmp_path):
    experiment = load(build(tmp_path / "old"))
    row = step_row(experiment)
    assert row.ratio.value == pytest.approx(1.3, rel=0.05) and row.load.others is None
    said = " ".join(sentence.text for sentence in speed_answer(experiment).sentences)
    assert "not recorded" in said


def test_the_figure_marks_blocks_under_load(loaded):
    drawn = {count: block_figure(loaded(count), "cpu-example") for count in (0, 3)}
    assert b"under load" in drawn[3].svg and b"under load" not in drawn[0].svg
