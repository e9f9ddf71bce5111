"""The three sentences at the top never say more than the records."""

from dataclasses import replace

import pytest
from report_experiment import build

from harness.records.experiment import load
from harness.report.comparison.findings import find
from harness.report.comparison.scores import headline_rows
from harness.report.comparison.summary_sentences import lead
from harness.report.comparison.verdict import answers
from harness.statistics.equivalence import Verdict


def sentences(folder):
    experiment = load(folder)
    found = find(experiment)
    return lead(experiment, found.metrics, found.timing, found.divergences)


def test_one_seed_decides_nothing(tmp_path):
    same, fast, why = sentences(build(tmp_path))
    assert same.startswith("Whether PyTorch and TensorFlow learn the same cannot be told from 1 se")
    assert "(summer → winter)" in same and "(winter → summer)" in same and "[" in same
    assert fast.startswith("For a training step TensorFlow took 1.297 [")
    assert fast.endswith("times as long as PyTorch on Example CPU @ 2.40GHz.")
    assert "takes a second seed to tell" in why


def test_seeds_give_a_verdict_and_a_measure(tmp_path):
    same, _, why = sentences(build(tmp_path, seeds=(0, 1, 2)))
    assert "can neither be told apart nor called equivalent yet" in same
    assert "those of two seeds of PyTorch end" in why


def test_of_several_devices_the_largest_gap_is_named(tmp_path):
    same, fast, _ = sentences(
        build(tmp_path, seeds=(0, 1, 2), devices=("cpu-example", "gpu-example"))
    )
    assert same.count("[") == 1 and "at most" in same
    assert fast.count("[") == 2 and fast.count("as long as PyTorch") == 1


@pytest.mark.parametrize("backends", [("torch",), ()])
def test_without_two_backends_there_is_no_answer(tmp_path, backends):
    assert sentences(build(tmp_path, backends=backends)) == []


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (("equivalent", "equivalent"), "learn the same, within the margin"),
        (("different", "different"), "do not learn the same (summer → winter and winter → summer)"),
        (("equivalent", "different"), "do not learn the same (winter → summer)"),
        (("cannot tell yet", "different"), "do not learn the same (winter → summer)"),
        (("equivalent", "cannot tell yet"), "can neither be told apart nor called equivalent yet"),
        ((None, None), "can neither be told apart nor called equivalent yet"),
    ],
)
def test_one_direction_that_differs_decides_and_the_box_below_agrees(tmp_path, labels, says):
    experiment = load(build(tmp_path, seeds=(0, 1, 2)))
    found = find(experiment)
    rows = []
    for row, label in zip(headline_rows(found.metrics), labels, strict=True):
        verdict = None if label is None else Verdict(label, None, "")
        rows.append(replace(row, verdict=verdict))
    assert says in lead(experiment, rows, found.timing, found.divergences)[0]
    box = answers(experiment, rows, found.timing)[0]
    tones = {"learn the same": "yes", "do not": "no", "can neither": "open"}
    assert box.tone == next(tone for start, tone in tones.items() if says.startswith(start))
