"""The three sentences at the top never say more than the records."""

import pytest
from report_experiment import build

from harness.report.experiment import load
from harness.report.findings import find
from harness.report.lead import lead


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
