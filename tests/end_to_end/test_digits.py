"""A labelled data set from folders to the judge's verdict: scikit-learn's digits, and real ones."""

import json

import numpy as np
from command_line import experiment_folder, run
from digit_sets import bundled_digits, published_digits, write_digit_set

from harness.records import read_arrays


def compared(tmp_path, *splits, options=()):
    folder = write_digit_set(tmp_path / "digits", *splits, side=32)
    done = run(tmp_path / "results", "--dataset", str(folder), "--backends", "torch", *options)
    assert done.returncode == 0, done.stderr
    experiment = experiment_folder(tmp_path / "results")
    return experiment, json.loads((experiment / "metrics.json").read_text())


def inverted(digits):
    images, labels = digits
    return 255 - images, labels


def judged(metrics, table, **wanted):
    rows = [row for row in metrics[table] if row["metric"] == "judge_accuracy"]
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def test_labelled_digits_are_judged_at_every_evaluation_and_real_accuracy_stands_beside(tmp_path):
    test_a = bundled_digits(1200, 1240)
    experiment, metrics = compared(
        tmp_path,
        bundled_digits(0, 400),
        inverted(bundled_digits(600, 1000)),
        test_a,
        inverted(bundled_digits(1300, 1330)),
    )
    for direction, count in (("ab", 40), ("ba", 30)):
        rows = judged(metrics, "scores", direction=direction)
        assert [row["step"] for row in rows] == [0, 16, 32, 48, 64]
        assert all(row["n"] == count and 0 <= row["low"] < row["high"] <= 1 for row in rows)
        [beside] = judged(metrics, "references", direction=direction)
        assert beside["floor"] > 0.9, "the judge's accuracy on real test digits"
    stored = read_arrays(experiment / "labels.safetensors")
    assert stored["train_images_b"].shape == (400, 28, 28)
    np.testing.assert_array_equal(stored["test_labels_a"], test_a[1])
    page = (experiment / "report.html").read_text()
    assert "Judge&#39;s accuracy" in page and "The judge is" in page


def test_real_mnist_and_usps_are_judged(photographs, tmp_path):
    train_a, test_a = published_digits(photographs / "digits/mnist.npz", 1500, 60)
    train_b, test_b = published_digits(photographs / "digits/usps.npz", 1500, 60)
    options = ("--set", "evaluation.evaluate_every=0")
    _, metrics = compared(tmp_path, train_a, train_b, test_a, test_b, options=options)
    for direction in ("ab", "ba"):
        [beside] = judged(metrics, "references", direction=direction)
        assert beside["floor"] > 0.93
        assert 0.1 < beside["identity_baseline"] < beside["floor"]
