"""Scores over training: curves, best beside last, discriminators, extreme cases."""

import numpy as np
import pytest
from report_experiment import STEPS, build, editing, pages

from harness.metrics.pixel import mae
from harness.records.experiment import load
from harness.report.comparison.findings import find
from harness.report.comparison.galleries import EACH, extreme_galleries
from harness.report.comparison.plots import output_figure, score_figure
from harness.report.comparison.scores import ScorePoint, metric_rows, score_curves
from harness.report.formatting import fixed
from harness.system.files import read_arrays, read_json, write_arrays


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    return build(tmp_path_factory.mktemp("one"))


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    return build(tmp_path_factory.mktemp("three"), seeds=(0, 1, 2))


def recorded(folder, **wanted):
    rows = read_json(folder / "metrics.json")["scores"]
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def row_of(folder, metric, direction="ab"):
    rows = metric_rows(load(folder))
    return next(r for r in rows if (r.metric.name, r.direction) == (metric, direction))


def test_a_curve_has_every_evaluated_step_with_the_interval_of_one_run(one):
    curve = score_curves(load(one), "kid_efflite0")["tf", "ba"]
    assert [point.step for point in curve] == [0, STEPS // 2, STEPS]
    [last] = recorded(one, metric="kid_efflite0", backend="tf", direction="ba", step=STEPS)
    assert curve[-1] == ScorePoint(STEPS, last["value"], last["low"], last["high"])


def test_a_curve_of_several_runs_is_their_mean_and_range(three):
    curve = score_curves(load(three), "kid_efflite0")["torch", "ab"]
    at = {"metric": "kid_efflite0", "backend": "torch", "direction": "ab", "step": STEPS // 2}
    values = [row["value"] for row in recorded(three, **at)]
    assert len(values) == 3
    assert curve[1] == ScorePoint(
        STEPS // 2, pytest.approx(np.mean(values)), min(values), max(values)
    )


def test_the_last_score_is_the_headline_and_the_best_stands_beside_it(one):
    lower = row_of(one, "kid_efflite0").scores["torch"]
    [last] = recorded(one, metric="kid_efflite0", backend="torch", direction="ab", step=STEPS)
    assert lower.interval.value == last["value"]
    assert (lower.best.value, lower.best.step) == (pytest.approx(0.9 * last["value"]), STEPS // 2)
    higher = row_of(one, "pair_psnr").scores["torch"]
    assert (higher.best.value, higher.best.step) == (higher.interval.value, STEPS)
    assert row_of(one, "cycle_psnr").scores["torch"].best is None, "measured at the last step only"
    for text in pages(one):
        assert f"best: {1000 * lower.best.value:.1f}, step {STEPS // 2}" in text
        assert "too optimistic" in text and "Cycle scores" in text and "The judge is" not in text


def test_the_untrained_network_is_never_the_best(tmp_path):
    folder = build(tmp_path)
    with editing(folder / "metrics.json") as metrics:
        for row in metrics["scores"]:
            if row["metric"] == "kid_efflite0" and row["step"] == 0:
                row["value"] = 0.001
    assert row_of(folder, "kid_efflite0").scores["tf"].best.step == STEPS // 2


def test_the_best_of_several_runs_is_the_mean_of_their_own(three, tmp_path):
    score = row_of(three, "kid_efflite0").scores["torch"]
    at = {"metric": "kid_efflite0", "backend": "torch", "direction": "ab", "step": STEPS // 2}
    values = [row["value"] for row in recorded(three, **at)]
    assert score.best.value == pytest.approx(np.mean(values)) and score.best.step == STEPS // 2
    folder = build(tmp_path, seeds=(0, 1, 2))
    with editing(folder / "metrics.json") as metrics:
        for row in metrics["scores"]:
            if (row["metric"], row["seed"], row["step"]) == ("kid_efflite0", 0, STEPS):
                row["value"] = 1e-6
    assert row_of(folder, "kid_efflite0").scores["torch"].best.step is None
    assert "different steps" in pages(folder)[0]


def test_one_seed_says_how_far_its_difference_varied_between_steps(one, three):
    row = row_of(one, "kid_efflite0")
    gap = row.difference.value
    ends = sorted((-2.0 * gap, 1.5 * gap))
    assert row.over_training == pytest.approx(tuple(ends))
    low, high = (fixed(end, 1, 1000.0) for end in ends)
    assert (
        f"Between the evaluated steps of this run it varied from {low} to {high}." in pages(one)[0]
    )
    assert row_of(three, "kid_efflite0").over_training is None, "seeds say more"
    assert "it varied" not in pages(three)[0]


def test_what_is_not_recorded_is_not_drawn(tmp_path):
    folder = build(tmp_path)
    (folder / "metrics.json").unlink()
    for run in load(folder).runs:
        arrays = run.evaluation(STEPS)
        kept = {name: array for name, array in arrays.items() if "patches" not in name}
        write_arrays(run.evaluation_file(STEPS), kept)
    assert (
        score_figure(load(folder), ["kid_efflite0"]) is None and output_figure(load(folder)) is None
    )
    assert [gallery.name for gallery in find(load(folder)).cases] == ["cycle_ab", "cycle_ba"]
    pages(folder)


def test_cases_are_the_ends_of_the_order_by_cycle_error(one):
    experiment = load(one)
    gallery = next(g for g in extreme_galleries(experiment) if g.name == "cycle_ba")
    source = read_arrays(one / "references.safetensors")["real_b"]
    finals = {run.backend: run.evaluation(STEPS) for run in experiment.runs}
    errors = np.mean([mae(arrays["bab"], source) for arrays in finals.values()], axis=0)
    order = np.argsort(errors)
    assert gallery.indices == (*order[:EACH], *order[-EACH:])
    titles = ["original", "PyTorch", "and back", "TensorFlow", "and back"]
    assert [column.title for column in gallery.columns] == titles
    np.testing.assert_array_equal(gallery.columns[4].images, finals["tf"]["bab"])
    worst = mae(finals["torch"]["bab"], source)[order[-1]]
    assert gallery.captions[-1].startswith(f"worst, test image {order[-1]}: PyTorch {worst:.1f},")


def test_cases_by_discriminator_put_the_most_convincing_first(one):
    experiment = load(one)
    gallery = next(g for g in extreme_galleries(experiment) if g.name == "judged_ab")
    finals = [run.evaluation(STEPS)["patches_fake_b"] for run in experiment.runs]
    means = np.mean([outputs.mean(axis=(1, 2)) for outputs in finals], axis=0)
    assert gallery.indices[0] == means.argmax() and gallery.indices[-1] == means.argmin()


def test_few_test_images_are_not_shown_twice(tmp_path):
    folder = build(tmp_path)
    for file in [folder / "references.safetensors", *folder.glob("runs/*/*/evaluations/*")]:
        write_arrays(file, {name: array[:3] for name, array in read_arrays(file).items()})
    for gallery in extreme_galleries(load(folder)):
        assert sorted(gallery.indices) == [0, 1, 2] and len(gallery.captions) == 3
