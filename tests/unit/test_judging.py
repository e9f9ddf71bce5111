"""Verdicts of a report: one primary score, secondary ones corrected for their number."""

import copy

import numpy as np
import pytest
from report_experiment import build, editing, pages

from harness.config.load import load_experiment
from harness.config.metric_table import BY_NAME
from harness.records.experiment import load
from harness.records.seeds import begin_automatic
from harness.report.comparison.findings import find
from harness.report.comparison.judging import judge_row
from harness.report.comparison.outcomes import outcome
from harness.report.comparison.scores import headline_rows, metric_rows, primary_rows
from harness.statistics.equivalence import judge
from harness.system.errors import UserError


def experiment(folder, seeds=range(5), primary="kid_efflite0", **ratios):
    """A folder with margins of ratios. `ratios`: by metric, second over first with 2 % noise."""
    build(folder, seeds=seeds)
    with editing(folder / "experiment.json") as record:
        evaluation = record["configuration"]["evaluation"]
        evaluation["primary"] = primary
        evaluation["margins"] |= dict.fromkeys(("kid_efflite0", "fd_efflite0", "fid"), 1.25)
    rng = np.random.default_rng(0)
    with editing(folder / "metrics.json") as record:
        for row in record["scores"]:
            ratio = ratios.get(row["metric"])
            if ratio is not None:
                factor = ratio if row["backend"] == "tf" else 1.0
                row["value"] = factor * float(rng.normal(1.0, 0.02))
    return folder


def labels(rows, metric):
    return [row.verdict.label for row in rows if row.metric.name == metric]


def test_a_ratio_is_second_over_first_and_its_verdict_follows_from_both(tmp_path):
    rows = metric_rows(load(experiment(tmp_path, kid_efflite0=1.5)))
    for row in primary_rows(rows):
        first, second = zip(*row.paired, strict=True)
        assert row.ratio.value == pytest.approx(np.mean(second) / np.mean(first))
        assert row.ratio.value == pytest.approx(1.5, rel=0.05)
        assert row.verdict == judge(first, second, row.margin)
        assert row.verdict.label == "different" and row.margin_text == "0.80 to 1.25"


def test_the_primary_score_is_the_configured_one_and_decides(tmp_path):
    folder = experiment(tmp_path, primary="fd_efflite0", kid_efflite0=1.6, fd_efflite0=1.0)
    rows = metric_rows(load(folder))
    assert {row.metric.name for row in primary_rows(rows)} == {"fd_efflite0"}
    assert {row.metric.name for row in headline_rows(rows)} == {"kid_efflite0"}
    [answer] = [a for a in find(load(folder)).answers if a.question == "Do they learn the same?"]
    assert answer.short.startswith("Yes, within the margin")
    assert labels(rows, "kid_efflite0") == ["different"] * 2, "secondary, and only in the table"


def test_both_directions_must_be_equivalent_and_one_different_is_enough(tmp_path):
    folder = experiment(tmp_path, kid_efflite0=1.0)
    assert outcome(primary_rows(metric_rows(load(folder)))) == "equivalent"
    with editing(folder / "metrics.json") as record:
        for row in record["scores"]:
            if (row["metric"], row["backend"], row["direction"]) == ("kid_efflite0", "tf", "ba"):
                row["value"] *= 1.6
    rows = primary_rows(metric_rows(load(folder)))
    assert labels(rows, "kid_efflite0") == ["equivalent", "different"]
    assert outcome(rows) == "different"


def test_a_secondary_verdict_that_is_only_just_one_by_itself_does_not_stand(tmp_path):
    """Its level is a share of 5 %; as the primary score it would stand."""
    folder = experiment(tmp_path, kid_efflite0=1.0)
    with editing(folder / "metrics.json") as record:
        rng = np.random.default_rng(0)
        for row in record["differences"]:
            noise = rng.normal(0.0, 3.0)  # open, but for one score
            if row["metric"] == "cycle_psnr" and row["direction"] == "ab":
                noise = (0.16, -0.2, 0.35, 0.4, 0.45)[row["seed"]]
            row["value"] = float(noise)
    rows = metric_rows(load(folder))
    [row] = [r for r in rows if (r.metric.name, r.direction) == ("cycle_psnr", "ab")]
    assert judge_row(row, 0.05, None).label == "equivalent"
    assert row.verdict.label == "cannot tell yet" and "Holm" in row.verdict.reason
    with editing(folder / "experiment.json") as record:
        record["configuration"]["evaluation"]["primary"] = "cycle_psnr"
    [row] = [r for r in metric_rows(load(folder))
             if (r.metric.name, r.direction) == ("cycle_psnr", "ab")]  # fmt: skip
    assert row.primary and row.verdict.label == "equivalent"


def test_secondary_claims_of_equals_at_the_margin_are_wrong_in_one_of_twenty_reports(tmp_path):
    folder = experiment(tmp_path, seeds=range(4))
    rng, wrong = np.random.default_rng(1), 0
    loaded = load(folder)
    for _ in range(150):
        for row in loaded.metrics["differences"]:
            margin = loaded.configuration["evaluation"]["margins"][row["metric"]]
            row["value"] = float(margin * rng.normal(1.0, 0.3))
        rows = [r for r in metric_rows(loaded) if r.margin.scale == "difference"]
        wrong += any(r.verdict.label == "equivalent" for r in rows)
    assert wrong / 150 < 0.10


def test_looks_of_a_design_make_it_harder_to_claim(tmp_path):
    folder = experiment(tmp_path, seeds=range(3), kid_efflite0=1.33)
    assert outcome(primary_rows(metric_rows(load(folder)))) == "different"
    begin_automatic(folder, 20)
    rows = primary_rows(metric_rows(load(folder)))
    assert {row.maximum for row in rows} == {20} and outcome(rows) == "open"
    with editing(folder / "experiment.json") as record:
        record["configuration"]["evaluation"]["primary"] = "cycle_psnr"
    rows = metric_rows(load(folder))
    assert labels(rows, "kid_efflite0") == ["cannot tell yet"] * 2, "secondary ones as well"
    assert "group-sequential" in pages(folder)[1]


def test_scores_near_zero_give_no_ratio_and_say_why(tmp_path):
    folder = experiment(tmp_path, kid_efflite0=1.0)
    with editing(folder / "metrics.json") as record:
        for row in record["scores"]:
            if row["metric"] == "kid_efflite0":
                row["value"] = 0.001 * (row["seed"] - 2)
    rows = primary_rows(metric_rows(load(folder)))
    assert all(row.verdict.no_ratio and row.ratio.low is None for row in rows)
    assert "not surely above zero" in pages(folder)[1]


def test_the_last_steps_weights_have_no_part_in_a_verdict_where_an_average_was_scored(tmp_path):
    folder = experiment(tmp_path, kid_efflite0=1.0)
    with editing(folder / "metrics.json") as record:
        record["last_step"] = {
            name: copy.deepcopy(record[name]) for name in ("scores", "differences")
        }
        for row in [*record["scores"], *record["differences"]]:
            row["weights"] = "average"
        for row in record["scores"]:
            if row["metric"] == "kid_efflite0" and row["backend"] == "tf":
                row["value"] *= 1.6
    rows = metric_rows(load(folder))
    assert {row.weights for row in rows} == {"average"}
    assert outcome(primary_rows(rows)) == "different"


def test_one_seed_is_offered_the_way_to_a_decision(tmp_path):
    text = pages(experiment(tmp_path, seeds=(0,)))[1]
    assert "make compare SEEDS=auto" in text and "about 11 seeds in all, 9 min" in text


def test_older_records_keep_their_margins_of_the_difference(tmp_path):
    rows = metric_rows(load(build(tmp_path, seeds=range(3))))
    assert {row.margin.scale for row in rows} == {"difference"}
    assert {row.metric.name for row in primary_rows(rows)} == {"kid_efflite0"}


def test_a_recorded_ratio_that_is_none_is_named(tmp_path):
    folder = experiment(tmp_path)
    with editing(folder / "experiment.json") as record:
        record["configuration"]["evaluation"]["margins"]["fd_efflite0"] = 0.5
    with pytest.raises(UserError, match=r"experiment\.json: evaluation\.margins\.fd_efflite0"):
        metric_rows(load(folder))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("evaluation.primary=lpips", "evaluation.primary: one of kid_efflite0"),
        ("evaluation.margins.kid_efflite0=0.9", "margins.kid_efflite0: a ratio above 1 is needed"),
        ("evaluation.margins.fid=1", "margins.fid: a ratio above 1"),
    ],
)
def test_settings_are_checked_before_training(setting, message):
    with pytest.raises(UserError, match=message):
        load_experiment("seasons", "smoke", [setting])
    assert load_experiment("seasons", "smoke", []).evaluation.primary in BY_NAME
