"""The three answers: right words for the numbers, and never more than they allow."""

import pytest
from report_experiment import build

from harness.records.experiment import load
from harness.report.comparison.findings import find
from harness.system.files import read_json, read_table, write_json, write_table


def answers(folder):
    """question -> (short answer, all its sentences)"""
    found = find(load(folder))
    return {
        answer.question: (answer.short, " ".join(f"{s.lead}: {s.text}" for s in answer.sentences))
        for answer in found.answers
    }


def scale_differences(folder, factor, shift=0.0):
    record = read_json(folder / "metrics.json")
    for row in record["differences"]:
        for name in ("value", "low", "high"):
            row[name] = row[name] * factor + shift
    write_json(folder / "metrics.json", record)


def test_one_seed_makes_no_claim_beyond_the_run_however_large_the_gap(tmp_path):
    folder = build(tmp_path)
    scale_differences(folder, 1000)
    short, text = answers(folder)["Do they learn the same?"]
    assert short == "Cannot tell yet: 1 seed"
    assert "Nothing is claimed beyond this run: a claim needs at least 2 more seeds." in text
    assert "different" not in text and "equivalent" not in text
    assert "for other test images" in text
    assert "One seed" in find(load(folder)).scope


def test_two_seeds_show_no_interval_and_ask_for_one_more(tmp_path):
    short, text = answers(build(tmp_path, seeds=(0, 1)))["Do they learn the same?"]
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
    given, text = answers(folder)["Do they learn the same?"]
    assert given == short
    assert words in text and "over 3 seeds" in text and "margin of ±10.0" in text


def test_worse_than_the_untranslated_images_is_said_to_have_learnt_nothing(tmp_path):
    short, text = answers(build(tmp_path))["Have they learnt anything?"]
    assert short == "Not yet: the untranslated images score better"
    assert "PyTorch and TensorFlow do not beat the untranslated images" in text
    assert "learnt nothing useful yet" in text
    assert "untranslated images score 19.0" in text
    assert "Change since step 0 from 500.0: −65 % (PyTorch)" in text  # noqa: RUF001
    assert "closer to the truth than the untranslated images" in text


def test_better_than_the_untranslated_images_is_a_yes(tmp_path):
    short, text = answers(build(tmp_path, winning=True))["Have they learnt anything?"]
    assert short == "Yes: better than the untranslated images"
    assert "PyTorch and TensorFlow beat the untranslated images." in text


def test_an_interval_that_holds_the_baseline_is_no_win(tmp_path):
    folder = build(tmp_path, winning=True)
    record = read_json(folder / "metrics.json")
    for row in record["scores"]:
        if row["metric"] == "kid_efflite0" and row["backend"] == "tf" and row["step"]:
            row["high"] = 0.05
    write_json(folder / "metrics.json", record)
    short, text = answers(folder)["Have they learnt anything?"]
    assert short == "Partly"
    assert "For TensorFlow there is no answer" in text
    assert "PyTorch beats the untranslated images." in text


def test_the_speed_answer_names_the_slower_one_and_its_interval(tmp_path):
    short, text = answers(build(tmp_path))["Are they equally fast?"]
    assert short.startswith("No: TensorFlow took 1.3") and short.endswith("in this run")
    assert "not about another start" in text
    assert "times as long as in PyTorch (95 % interval 1." in text
    assert "18 pairs of blocks" in text and "Example CPU" in text


def test_an_interval_that_holds_one_shows_no_difference(tmp_path):
    folder = build(tmp_path)
    for name in ("torch", "tf"):
        path = folder / f"runs/cpu-example/{name}-seed0/blocks.csv"
        table = read_table(path)
        table["train_seconds"] = 1.0 + 0.1 * (table.index % 3) * (-1 if name == "tf" else 1)
        table.loc[table.index % 2 == 0, "train_seconds"] = 1.1 if name == "tf" else 0.9
        write_table(path, table)
    short, text = answers(folder)["Are they equally fast?"]
    assert short == "No difference seen"
    assert "the interval contains 1" in text


def test_too_few_blocks_give_no_verdict_on_speed(tmp_path):
    folder = build(tmp_path)
    path = folder / "runs/cpu-example/tf-seed0/blocks.csv"
    write_table(path, read_table(path).head(5))
    short, text = answers(folder)["Are they equally fast?"]
    assert short == "Cannot tell yet: too few blocks"
    assert "3 pairs of blocks run in turns are too few for an interval" in text


def test_without_scores_nothing_is_claimed(tmp_path):
    folder = build(tmp_path)
    (folder / "metrics.json").unlink()
    given = answers(folder)
    assert given["Do they learn the same?"][0] == "No comparison yet"
    assert given["Have they learnt anything?"][0] == "Not scored yet"
    assert given["Are they equally fast?"][0].startswith("No: TensorFlow")


@pytest.mark.parametrize(
    ("read", "short", "says"),
    [
        (0.9, "Partly", ": more than in untranslated images"),
        (0.3, "Not yet", ": not more than in untranslated images"),
    ],
)
def test_a_judge_is_heard_beside_the_headline_score(tmp_path, read, short, says):
    folder = build(tmp_path)
    record = read_json(folder / "metrics.json")
    for row in [*record["scores"]]:
        if row["metric"] == "kid_efflite0":
            row |= {"value": 9.0, "low": 8.9, "high": 9.1}  # far worse than untranslated
            interval = {"value": read, "low": read - 0.02, "high": read + 0.02}
            record["scores"].append({**row, "metric": "judge_accuracy", **interval})
    for row in [*record["references"]]:
        if row["metric"] == "kid_efflite0":
            known = {"floor": 0.97, "identity_baseline": 0.6}
            record["references"].append({**row, "metric": "judge_accuracy", **known})
    write_json(folder / "metrics.json", record)
    found, text = answers(folder)["Have they learnt anything?"]
    assert found.startswith(short)
    assert f"in {100 * read:.1f} % (" in text and "in 60.0 % of untranslated" in text
    assert "97.0 % of real images" in text and says in text


def test_one_run_on_too_few_test_images_is_not_judged(tmp_path):
    folder = build(tmp_path)
    record = read_json(folder / "metrics.json")
    for row in [*record["scores"], *record["differences"]]:
        row |= {"low": None, "high": None}
    write_json(folder / "metrics.json", record)
    found = answers(folder)
    assert found["Have they learnt anything?"][0] == "Cannot tell yet"
    assert "too few test images for an interval" in found["Have they learnt anything?"][1]
    assert "no interval from so few test images" in found["Do they learn the same?"][1]
