"""The three answers and the sentences that sum them up: never more than the numbers allow."""

from dataclasses import replace

import pytest
from report_experiment import build, editing

from harness.records.experiment import load
from harness.report.comparison.findings import find
from harness.report.comparison.scores import headline_rows
from harness.report.comparison.verdict import answers, summary_sentences
from harness.statistics.equivalence import Verdict

SAME, LEARNT = "Do they learn the same?", "Have they learnt anything?"
FAST = "Are they equally fast?"


def answered(folder):
    """question -> (short answer, all its sentences)"""
    return {
        answer.question: (answer.short, " ".join(f"{s.lead}: {s.text}" for s in answer.sentences))
        for answer in find(load(folder)).answers
    }


def sentences(folder):
    experiment = load(folder)
    findings = find(experiment)
    return summary_sentences(experiment, findings.metrics, findings.timing, findings.divergences)


def scale_differences(folder, factor, shift=0.0):
    with editing(folder / "metrics.json") as record:
        for row in record["differences"]:
            for name in ("value", "low", "high"):
                row[name] = row[name] * factor + shift


def test_one_seed_makes_no_claim_beyond_the_run_however_large_the_gap(tmp_path):
    folder = build(tmp_path)
    scale_differences(folder, 1000)
    short, text = answered(folder)[SAME]
    assert short == "Cannot tell yet: 1 seed"
    assert "Nothing is claimed beyond this run: a claim needs at least 2 more seeds." in text
    assert "different" not in text and "equivalent" not in text
    assert "for other test images" in text
    assert "One seed" in find(load(folder)).scope


def test_two_seeds_show_no_interval_and_ask_for_one_more(tmp_path):
    short, text = answered(build(tmp_path, seeds=(0, 1)))[SAME]
    assert short == "Cannot tell yet: 2 seeds"
    assert "no interval from two seeds" in text and "at least 1 more seed." in text


@pytest.mark.parametrize(
    ("factor", "shift", "short", "words"),
    [
        (0.01, 0.0, "Yes, within the margin", "equivalent"),
        (1.0, 0.0, "Cannot tell yet", "more seeds needed"),
        (1.0, 0.5, "No: different in summer → winter and winter → summer", "different"),
    ],
)
def test_three_seeds_are_judged_against_the_margin(tmp_path, factor, shift, short, words):
    folder = build(tmp_path, seeds=(0, 1, 2))
    scale_differences(folder, factor, shift)
    given, text = answered(folder)[SAME]
    assert given == short
    assert words in text and "over 3 seeds" in text and "margin of ±10.0" in text


def test_worse_than_the_untranslated_images_is_said_to_have_learnt_nothing(tmp_path):
    short, text = answered(build(tmp_path))[LEARNT]
    assert short == "Not yet: the untranslated images score better"
    assert "PyTorch and TensorFlow do not beat the untranslated images" in text
    assert "learnt nothing useful yet" in text
    assert "untranslated images score 19.0" in text
    assert "Change since step 0 from 500.0: −65 % (PyTorch)" in text  # noqa: RUF001
    assert ": closer to the truth than the untranslated images." in text


def test_an_interval_that_holds_the_baseline_is_no_win(tmp_path):
    folder = build(tmp_path, winning=True)
    short, text = answered(folder)[LEARNT]
    assert short == "Yes: better than the untranslated images"
    assert "PyTorch and TensorFlow beat the untranslated images." in text
    with editing(folder / "metrics.json") as record:
        for row in record["scores"]:
            if row["metric"] == "kid_efflite0" and row["backend"] == "tf" and row["step"]:
                row["high"] = 0.05
    short, text = answered(folder)[LEARNT]
    assert short == "Partly"
    assert "For TensorFlow there is no answer" in text
    assert "PyTorch beats the untranslated images." in text


def test_the_speed_answer_names_the_slower_one_and_its_interval(tmp_path):
    short, text = answered(build(tmp_path))[FAST]
    assert short.startswith("No: TensorFlow took 1.3") and short.endswith("in this run")
    assert "not about another start" in text
    assert "times as long as in PyTorch (95 % interval 1." in text
    assert "18 pairs of blocks" in text and "Example CPU" in text


def test_an_interval_that_holds_one_shows_no_difference(tmp_path):
    folder = build(tmp_path)
    for name in ("torch", "tf"):
        with editing(folder / f"runs/cpu-example/{name}-seed0/blocks.csv") as table:
            table["train_seconds"] = 1.0 + 0.1 * (table.index % 3) * (-1 if name == "tf" else 1)
            table.loc[table.index % 2 == 0, "train_seconds"] = 1.1 if name == "tf" else 0.9
    short, text = answered(folder)[FAST]
    assert short == "No difference seen"
    assert "the interval contains 1" in text


def test_too_few_blocks_give_no_verdict_on_speed(tmp_path):
    folder = build(tmp_path)
    with editing(folder / "runs/cpu-example/tf-seed0/blocks.csv") as table:
        table.drop(index=range(5, len(table)), inplace=True)
    short, text = answered(folder)[FAST]
    assert short == "Cannot tell yet: too few blocks"
    assert "3 pairs of blocks run in turns are too few for an interval" in text


def test_without_scores_nothing_is_claimed(tmp_path):
    folder = build(tmp_path)
    (folder / "metrics.json").unlink()
    given = answered(folder)
    assert given[SAME][0] == "No comparison yet"
    assert given[LEARNT][0] == "Not scored yet"
    assert given[FAST][0].startswith("No: TensorFlow")


@pytest.mark.parametrize(
    ("read", "short", "says"),
    [
        (0.9, "Partly", ": more than in untranslated images"),
        (0.3, "Not yet", ": not more than in untranslated images"),
    ],
)
def test_a_judge_is_heard_beside_the_headline_score(tmp_path, read, short, says):
    folder = build(tmp_path)
    with editing(folder / "metrics.json") as record:
        for row in [*record["scores"]]:
            if row["metric"] == "kid_efflite0":
                row |= {"value": 9.0, "low": 8.9, "high": 9.1}  # far worse than untranslated
                interval = {"value": read, "low": read - 0.02, "high": read + 0.02}
                record["scores"].append({**row, "metric": "judge_accuracy", **interval})
        for row in [*record["references"]]:
            if row["metric"] == "kid_efflite0":
                levels = {"floor": 0.97, "identity_baseline": 0.6}
                record["references"].append({**row, "metric": "judge_accuracy", **levels})
    given, text = answered(folder)[LEARNT]
    assert given.startswith(short)
    assert f"in {100 * read:.1f} % (" in text and "in 60.0 % of untranslated" in text
    assert "97.0 % of real images" in text and says in text


def test_one_run_on_too_few_test_images_is_not_judged(tmp_path):
    folder = build(tmp_path)
    with editing(folder / "metrics.json") as record:
        for row in [*record["scores"], *record["differences"]]:
            row |= {"low": None, "high": None}
    given = answered(folder)
    assert given[LEARNT][0] == "Cannot tell yet"
    assert "too few test images for an interval" in given[LEARNT][1]
    assert "no interval from so few test images" in given[SAME][1]


# --------------------------------------------------------------------- the sentences at the top


def test_one_seed_decides_nothing(tmp_path):
    same, fast, why = sentences(build(tmp_path))
    assert same.startswith("1 seed cannot show whether PyTorch and TensorFlow learn the same: KID-")
    assert " for summer → winter (95 % interval " in same and " for winter → summer (95 %" in same
    assert fast.startswith("A training step in TensorFlow took 1.297 times as long as in PyTorch")
    assert " on Example CPU @ 2.40GHz (95 % interval 1." in fast
    assert "a second seed would show" in why


def test_seeds_give_a_measure_and_of_several_devices_the_largest_gap_is_named(tmp_path):
    folder = build(tmp_path, seeds=(0, 1, 2), devices=("cpu-example", "gpu-example"))
    same, fast, why = sentences(folder)
    assert "not yet known whether PyTorch and TensorFlow learn the same" in same
    assert same.count("95 %") == 1 and "at most" in same
    assert fast.count("95 %") == 2 and fast.count("as long as in PyTorch") == 1
    assert "between two seeds of PyTorch it is" in why


@pytest.mark.parametrize("backends", [("torch",), ()])
def test_without_two_backends_there_is_no_answer(tmp_path, backends):
    assert sentences(build(tmp_path, backends=backends)) == []


@pytest.mark.parametrize(
    ("labels", "says", "tone"),
    [
        (("equivalent", "equivalent"), "learn the same, within the margin", "yes"),
        (("different", "different"), "(summer → winter and winter → summer)", "no"),
        (("equivalent", "different"), "do not learn the same (winter → summer)", "no"),
        (("cannot tell yet", "different"), "do not learn the same (winter → summer)", "no"),
        (("equivalent", "cannot tell yet"), "It is not yet known whether", "open"),
        ((None, None), "It is not yet known whether", "open"),
    ],
)
def test_one_direction_that_differs_decides_and_the_box_below_agrees(tmp_path, labels, says, tone):
    experiment = load(build(tmp_path, seeds=(0, 1, 2)))
    findings = find(experiment)
    rows = [
        replace(row, verdict=Verdict(label, None, "") if label else None)
        for row, label in zip(headline_rows(findings.metrics), labels, strict=True)
    ]
    assert says in summary_sentences(experiment, rows, findings.timing, findings.divergences)[0]
    assert answers(experiment, rows, findings.timing)[0].tone == tone
