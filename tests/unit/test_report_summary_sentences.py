"""The three sentences at the top never say more than the records."""

from dataclasses import replace

import pytest
from report_experiment import build

from harness.records.experiment import load
from harness.report.comparison.findings import find
from harness.report.comparison.scores import headline_rows
from harness.report.comparison.summary_sentences import summary_sentences
from harness.report.comparison.verdict import answers
from harness.statistics.equivalence import Verdict


def sentences(folder):
    experiment = load(folder)
    found = find(experiment)
    return summary_sentences(experiment, found.metrics, found.timing, found.divergences)


def test_one_seed_decides_nothing(tmp_path):
    same, fast, why = sentences(build(tmp_path))
    assert same.startswith("1 seed cannot show whether PyTorch and TensorFlow learn the same: KID-")
    assert " for summer → winter (95 % interval " in same and " for winter → summer (95 %" in same
    assert fast.startswith("A training step in TensorFlow took 1.297 times as long as in PyTorch")
    assert " on Example CPU @ 2.40GHz (95 % interval 1." in fast
    assert "a second seed would show" in why


def test_seeds_give_a_verdict_and_a_measure(tmp_path):
    same, _, why = sentences(build(tmp_path, seeds=(0, 1, 2)))
    assert "not yet known whether PyTorch and TensorFlow learn the same" in same
    assert "between two seeds of PyTorch it is" in why


def test_of_several_devices_the_largest_gap_is_named(tmp_path):
    same, fast, _ = sentences(
        build(tmp_path, seeds=(0, 1, 2), devices=("cpu-example", "gpu-example"))
    )
    assert same.count("95 %") == 1 and "at most" in same
    assert fast.count("95 %") == 2 and fast.count("as long as in PyTorch") == 1


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
        (("equivalent", "cannot tell yet"), "It is not yet known whether"),
        ((None, None), "It is not yet known whether"),
    ],
)
def test_one_direction_that_differs_decides_and_the_box_below_agrees(tmp_path, labels, says):
    experiment = load(build(tmp_path, seeds=(0, 1, 2)))
    found = find(experiment)
    rows = []
    for row, label in zip(headline_rows(found.metrics), labels, strict=True):
        verdict = None if label is None else Verdict(label, None, "")
        rows.append(replace(row, verdict=verdict))
    assert says in summary_sentences(experiment, rows, found.timing, found.divergences)[0]
    box = answers(experiment, rows, found.timing)[0]
    tones = {"learn the same": "yes", "do not": "no", "It is not": "open"}
    assert box.tone == next(tone for start, tone in tones.items() if says.startswith(start))
