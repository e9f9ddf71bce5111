"""Learnt the same, as fast, anything at all? Never more than the numbers allow."""

from dataclasses import replace

import pytest
from report_experiment import build, editing

from harness.config.metric_table import METRICS
from harness.records.experiment import load
from harness.report.comparison.findings import find
from harness.report.comparison.scores import primary_rows
from harness.report.comparison.verdict import answers
from harness.statistics.equivalence import Verdict

SAME = "Do they learn the same?"
FAST = "Are they equally fast?"


def answered(folder):
    """question -> (short answer, all its sentences)"""
    return {
        answer.question: (answer.short, " ".join(f"{s.lead}: {s.text}" for s in answer.sentences))
        for answer in find(load(folder)).answers
    }


def learnt(folder):
    """The sentence below the third answer, and all sentences of the section on it."""
    findings = find(load(folder))
    [same] = [answer for answer in findings.answers if answer.question == SAME]
    assert same.aside == findings.learnt.short
    return same.aside, " ".join(sentence.text for sentence in findings.learnt.sentences)


def with_ratios(folder):
    """As folders are recorded today: a primary score, and margins of ratios."""
    margins = {metric.name: metric.margin for metric in METRICS}
    with editing(folder / "experiment.json") as record:
        record["configuration"]["evaluation"] = {"primary": "kid_efflite0", "margins": margins}
    return folder


def scale_differences(folder, factor, shift=0.0):
    with editing(folder / "metrics.json") as record:
        for row in record["differences"]:
            for name in ("value", "low", "high"):
                row[name] = row[name] * factor + shift


def test_one_seed_decides_nothing_and_no_interval_leads(tmp_path):
    folder = build(tmp_path)
    scale_differences(folder, 1000)
    short, text = answered(folder)[SAME]
    assert short.startswith("Not decided by one seed: KID-EffLite0 x1000 differs by ")
    assert "PyTorch \N{MINUS SIGN} TensorFlow" in short and "[" not in short
    assert "interval" not in short and "for other test images" in text
    assert "different" not in text and "equivalent" not in text
    assert "One seed" in find(load(folder)).scope


def test_one_seed_of_a_primary_score_gives_ratios_and_what_decides(tmp_path):
    short, text = answered(with_ratios(build(tmp_path)))[SAME]
    assert short == (
        "Not decided by one seed: KID-EffLite0 (lower is better) of TensorFlow is 1.12"
        " (summer → winter) and 1.12 (winter → summer) times that of PyTorch;"
        " make compare SEEDS=auto decides this: about 11 seeds in all, 9 min 43 s more on Example"
        " CPU @ 2.40GHz."
    )
    assert "TensorFlow / PyTorch is 1.12." in text


def test_seeds_of_a_primary_score_give_the_ratio_with_its_interval(tmp_path):
    answer = find(load(with_ratios(build(tmp_path, seeds=(0, 1, 2))))).answers[0]
    assert answer.tone == "yes"
    assert answer.short.startswith(
        "Yes, within the margin of 0.80 to 1.25: KID-EffLite0 (lower is better) of Tens"
    )
    assert "is 1.08 (summer → winter, 95 % interval 0.99 to 1.18) and" in answer.short


def test_two_seeds_show_no_interval(tmp_path):
    short, text = answered(build(tmp_path, seeds=(0, 1)))[SAME]
    assert short.startswith("Not decided by 2 seeds: ")
    assert "interval" not in short and "no interval from two seeds" in text


@pytest.mark.parametrize(
    ("factor", "shift", "short", "words"),
    [
        (0.01, 0.0, "Yes, within the margin of ±10.0: ", "equivalent"),
        (
            1.0,
            0.0,
            "Not decided by 3 seeds, whose intervals reach beyond the margin of ±10.0: ",
            "more seed",
        ),
        (
            1.0,
            0.5,
            "No, beyond the margin of ±10.0 in summer → winter and winter → summer: ",
            "different",
        ),
    ],
)
def test_three_seeds_are_judged_against_the_margin(tmp_path, factor, shift, short, words):
    folder = build(tmp_path, seeds=(0, 1, 2))
    scale_differences(folder, factor, shift)
    given, text = answered(folder)[SAME]
    assert given.startswith(short) and given.count("95 % interval") == 2
    assert words in text and "over 3 seeds" in text and "margin of ±10.0" in text
    assert given.endswith("more seeds needed if the frameworks are truly equal.") is (
        words == "more seed"
    )


def test_of_several_devices_the_largest_difference_is_named(tmp_path):
    devices = ("cpu-example", "gpu-example")
    given = answered(build(tmp_path, seeds=(0, 1, 2), devices=devices))
    short = given[SAME][0]
    assert short.count("95 %") == 1 and "differs by at most" in short
    fast = given[FAST][0]
    assert fast.count("95 %") == 2 and fast.count("as long as in PyTorch") == 1
    assert "on Example CPU @ 2.40GHz" in fast and "on Example GPU 80GB" in fast


def without_pairs(folder):
    with editing(folder / "metrics.json") as record:
        for name in ("references", "scores", "differences"):
            record[name] = [row for row in record[name] if not row["metric"].startswith("pair")]


def test_to_have_learnt_equally_little_is_no_success(tmp_path):
    folder = build(tmp_path, seeds=(0, 1, 2))
    scale_differences(folder, 0.01, 0.0)
    assert find(load(folder)).answers[0].tone == "yes"
    without_pairs(folder)
    answer = find(load(folder)).answers[0]
    assert answer.tone == "open" and "nothing useful has been learnt" in answer.aside
    assert answer.short.startswith("Equally little, within the margin of ±10.0: ")


def test_worse_than_the_untranslated_images_is_said_to_have_learnt_nothing(tmp_path):
    folder = build(tmp_path)
    without_pairs(folder)
    short, text = learnt(folder)
    assert short == "The untranslated images score better: nothing useful has been learnt yet."
    assert "Not better than the untranslated images" in text
    assert "PyTorch and TensorFlow" in text and "19.0 (untranslated images)" in text


def test_an_interval_that_holds_the_baseline_is_no_win(tmp_path):
    folder = build(tmp_path, winning=True)
    short, text = learnt(folder)
    assert short == "Both beat every baseline in both directions."
    assert "Better than every baseline: PyTorch and TensorFlow." in text
    with editing(folder / "metrics.json") as record:
        for row in record["scores"]:
            if row["metric"] == "kid_efflite0" and row["backend"] == "tf" and row["step"]:
                row["high"] = 0.05
    short, text = learnt(folder)
    assert short == (
        "Learnt? The untranslated images are beaten in 10 of 12 comparisons: each framework in each"
        " direction, by KID-EffLite0, PSNR to true pair and SSIM to true pair."
    )
    assert "the interval contains the score of the untranslated images: TensorFlow." in text
    assert "Better than every baseline: PyTorch." in text


def test_another_baseline_may_be_the_harder_one(tmp_path):
    folder = build(tmp_path, winning=True)
    with editing(folder / "metrics.json") as record:
        for row in record["references"]:
            if row["metric"] == "kid_efflite0":
                row["colour_baseline"] = 0.001
    short, _ = learnt(folder)
    assert short == "Both beat the untranslated images in both directions, but not every baseline."


def test_the_speed_answer_names_the_slower_one_and_its_interval(tmp_path):
    short, text = answered(build(tmp_path))[FAST]
    assert short.startswith(
        "No, TensorFlow is slower: a training step in TensorFlow took 1.297 times as long as in"
    )
    assert "(95 % interval 1." in short
    assert "not about another start" in text
    assert "18 pairs of blocks" in text and "Example CPU" in text


def test_an_interval_that_holds_one_shows_no_difference(tmp_path):
    folder = build(tmp_path)
    for name in ("torch", "tf"):
        with editing(folder / f"runs/cpu-example/{name}-seed0/blocks.csv") as table:
            table["train_seconds"] = 1.0 + 0.1 * (table.index % 3) * (-1 if name == "tf" else 1)
            table.loc[table.index % 2 == 0, "train_seconds"] = 1.1 if name == "tf" else 0.9
    short, text = answered(folder)[FAST]
    assert short.startswith("No difference seen: a training step in TensorFlow took ")
    assert "the interval contains 1" in text


def test_one_test_image_is_said_to_be_the_reason(tmp_path):
    folder = build(tmp_path)
    with editing(folder / "metrics.json") as metrics:
        for row in metrics["scores"] + metrics["differences"]:
            if row["metric"] == "kid_efflite0":
                row |= {"value": None, "low": None, "high": None, "n": 1}
    why = "a domain has one test image, and the score compares sets of two or more."
    assert answered(folder)[SAME][0] == f"No comparison yet: {why}"


def test_too_few_blocks_give_no_verdict_on_speed(tmp_path):
    folder = build(tmp_path)
    with editing(folder / "runs/cpu-example/tf-seed0/blocks.csv") as table:
        table.drop(index=range(5, len(table)), inplace=True)
    short, text = answered(folder)[FAST]
    assert short.startswith("Cannot tell yet, too few pairs of blocks for an interval: a training ")
    assert "3 pairs of blocks run in turns are too few for an interval" in text


def test_without_scores_nothing_is_claimed(tmp_path):
    folder = build(tmp_path)
    (folder / "metrics.json").unlink()
    given = answered(folder)
    assert given[SAME][0] == "No comparison yet: nothing has been scored."
    assert learnt(folder)[0] == "Not scored yet."
    assert given[FAST][0].startswith("No, TensorFlow is slower: a training step in TensorFlow")


@pytest.mark.parametrize(
    ("read", "short"),
    [
        (0.9, "Learnt? The untranslated images are beaten in 4 of "),
        (0.3, "The untranslated images score better"),
    ],
)
def test_a_judge_is_heard_beside_the_headline_score(tmp_path, read, short):
    folder = build(tmp_path, paired=False)
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
    given, text = learnt(folder)
    assert given.startswith(short)
    assert f"{100 * read:.1f} (PyTorch)" in text and "60.0 (untranslated images)" in text
    assert "97.0 (real images)" in text


def test_one_run_on_too_few_test_images_is_not_judged(tmp_path):
    folder = build(tmp_path)
    with editing(folder / "metrics.json") as record:
        for row in [*record["scores"], *record["differences"]]:
            row |= {"low": None, "high": None}
    short, text = learnt(folder)
    assert short == "Better than the untranslated images? It cannot be told yet."
    assert "too few test images for an interval" in text
    assert "no interval from so few test images" in answered(folder)[SAME][1]


@pytest.mark.parametrize("backends", [("torch",), ()])
def test_without_two_backends_there_is_no_comparison(tmp_path, backends):
    given = answered(build(tmp_path, backends=backends))
    assert given[SAME][0] == "No comparison yet: it needs complete runs of two backends."
    assert given[FAST][0].startswith("No comparison yet: ")


@pytest.mark.parametrize(
    ("labels", "says", "tone"),
    [
        (("equivalent", "equivalent"), "Yes, within the margin of ±10.0: ", "yes"),
        (("different", "different"), " in summer → winter and winter → summer: ", "no"),
        (("equivalent", "different"), "No, beyond the margin of ±10.0 in winter → summer: ", "no"),
        (("cannot tell yet", "different"), "±10.0 in winter → summer: ", "no"),
        (("equivalent", "cannot tell yet"), "Not decided by 3 seeds", "open"),
        ((None, None), "Not decided, since no margin was fixed", "open"),
    ],
)
def test_one_direction_that_differs_decides(tmp_path, labels, says, tone):
    experiment = load(build(tmp_path, seeds=(0, 1, 2)))
    findings = find(experiment)
    rows = [
        replace(row, verdict=Verdict(label, None, "") if label else None)
        for row, label in zip(primary_rows(findings.metrics), labels, strict=True)
    ]
    rows += [row for row in findings.metrics if row.metric.name.startswith("pair")]
    same = answers(experiment, rows, findings.timing, findings.learnt)[0]
    assert says in same.short and same.tone == tone
