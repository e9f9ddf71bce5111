"""A labelled data set from folders to the judge's accuracy: real digits where the machine has them,
scikit-learn's otherwise."""

import json
import os
from pathlib import Path

import numpy as np
from command_line import experiment_folder, run, undrawn
from digit_sets import bundled_digits, published_digits, write_digit_set

from harness.system.files import read_arrays

TRAIN, TEST = 600, 16


def two_domains():
    """trainA, trainB, testA, testB: MNIST and USPS, or digits and the same inverted."""
    data = os.environ.get("CYCLEBENCH_DATA")
    if data:
        (train_a, test_a), (train_b, test_b) = (
            published_digits(Path(data) / f"digits/{name}.npz", TRAIN, TEST)
            for name in ("mnist", "usps")
        )
        return train_a, train_b, test_a, test_b
    a, b = bundled_digits(0, 500), bundled_digits(500, 1000)
    test_a, test_b = bundled_digits(1000, 1000 + TEST), bundled_digits(1200, 1200 + TEST)
    return a, _inverted(b), test_a, _inverted(test_b)


def _inverted(digits):
    images, labels = digits
    return 255 - images, labels


def judged(metrics, table, direction):
    rows = [row for row in metrics[table] if row["metric"] == "judge_accuracy"]
    return [row for row in rows if row["direction"] == direction]


def test_labelled_digits_are_judged_at_every_evaluation_and_real_accuracy_stands_beside(tmp_path):
    splits = two_domains()
    folder = write_digit_set(tmp_path / "digits", *splits, side=32)
    epochs = ("--set", "training.epochs_constant=1", "--set", "training.epochs_decay=1")
    with undrawn():
        done = run(tmp_path / "results", "--dataset", str(folder), "--backends", "torch", *epochs)
    assert done.returncode == 0, done.stderr
    experiment = experiment_folder(tmp_path / "results")
    metrics = json.loads((experiment / "metrics.json").read_text())
    for direction in ("ab", "ba"):
        rows = judged(metrics, "scores", direction)
        assert [row["step"] for row in rows] == [0, 16, 32]
        assert all(row["n"] == TEST and 0 <= row["low"] < row["high"] <= 1 for row in rows)
        [beside] = judged(metrics, "references", direction)
        assert beside["floor"] > 0.85, "the judge's accuracy on real test digits"
        assert beside["identity_baseline"] < beside["floor"]
    stored = read_arrays(experiment / "labels.safetensors")
    assert stored["train_images_b"].shape == (len(splits[1][1]), 28, 28)
    np.testing.assert_array_equal(stored["test_labels_a"], splits[2][1])
    page = (experiment / "report.html").read_text()
    assert "Judge&#39;s accuracy" in page and "The judge is" in page
