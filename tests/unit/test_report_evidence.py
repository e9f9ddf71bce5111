"""What a report says of parity.json and course.json, and that it says it first."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from report_experiment import build, editing, pages

from harness.records.evidence import COURSE, PARITY
from harness.records.experiment import load
from harness.report.comparison.data_files import summary
from harness.report.comparison.findings import find
from harness.system.errors import UserError
from harness.system.files import write_json

SCALE = {
    "filters": 8, "discriminator_filters": 8, "crop_size": [32, 32], "pool_size": 50,
    "batch_size": 2,
}  # fmt: skip
NAMES = {"torch": "PyTorch", "tf": "TensorFlow"}


def row(what: str, measured: float | None, tolerance: float, arithmetic: str) -> dict[str, Any]:
    passed = measured is not None and measured <= tolerance
    return {
        "check": "04 gradients", "what": what, "measured": measured, "tolerance": tolerance,
        "arithmetic": arithmetic, "passed": passed,
    }  # fmt: skip


CLIMB = {
    "backends": ["torch", "tf"],
    "frameworks": NAMES,
    "device": "cpu",
    "device_name": "a CPU",
    "digest": "0" * 16,
    "checked": SCALE,
    "trained": SCALE,
    "seconds": 15.0,
    "rows": [
        row("tf, first", 3e-13, 1e-11, "float64"),
        row("tf, second", 2e-5, 5e-5, "float32"),
        row("tf, third", 2e-6, 3e-5, "finite differences"),
        row("tf, fourth", 0.0, 0.0, "exact"),
    ],
}
COURSES = [
    {
        "device": "cpu-example",
        "seed": 0,
        "steps": 200,
        "files": {"torch": "00", "tf": "11"},
        "pairs": [{"backends": ["torch", "tf"], "weights": 0.18, "losses": [None, 0.1]}],
        "twin": {"backend": "torch", "weights": 0.15, "losses": [None, 0.1], "seconds": 9.0},
    }
]
SAME = (
    "PyTorch and TensorFlow compute the same function: 4 checks, largest deviation 3.0e-13 in"
    " float64 and 2.0e-05 in float32"
)
COURSE_SENTENCE = (
    "After 200 steps the weights of PyTorch and TensorFlow differ by 18 %; PyTorch differs from"
    " itself by 15 % when its start is moved by one unit in the last place."
)


@pytest.fixture
def folder(tmp_path):
    build(tmp_path)
    write_json(tmp_path / PARITY, {"climbs": [CLIMB]})
    write_json(tmp_path / COURSE, {"courses": COURSES})
    return tmp_path


def failing(row_number: int, measured: float | None) -> dict[str, Any]:
    climb = copy.deepcopy(CLIMB)
    climb["rows"][row_number] |= {"measured": measured, "passed": False}  # type: ignore[index]
    return climb


def test_the_first_two_answers_are_the_function_and_the_course(folder):
    answers = find(load(folder)).answers
    assert [answer.question for answer in answers] == [
        "Do they compute the same function?",
        "Do they follow the same course?",
        "Do they learn the same?",
        "Are they equally fast?",
    ]
    assert answers[0].short == (
        "Yes: all of 4 checks pass, with a largest deviation of 3.0e-13 in float64 and 2.0e-05 in"
        " float32."
    )
    for text in pages(folder):
        assert answers[0].short in text and COURSE_SENTENCE in text


def test_what_is_smaller_in_the_checks_is_said_with_both_sizes(folder):
    with editing(folder / PARITY) as document:
        document["climbs"][0]["trained"] = {**SCALE, "filters": 64, "crop_size": [256, 256]}
    reduced = (
        "For the checks the networks have 8 filters in a generator&#39;s first layer (64 in"
        " training) and images of 32 pixels (256 in training)"
    )
    assert reduced in pages(folder)[0]


@pytest.mark.parametrize(("measured", "shown"), [(0.31, "3.1e-01"), (None, "an unbounded amount")])
def test_a_failed_check_is_the_first_sentence_and_red(folder, measured, shown):
    write_json(folder / PARITY, {"climbs": [failing(0, measured)]})
    first = find(load(folder)).answers[0]
    assert first.tone == "no" and first.short == (
        "No: 1 of 4 checks failed, the first in rung 04 gradients: tf, first is off by"
        f" {shown}, and 1.0e-11 is allowed."
    )
    html, markdown = pages(folder)
    assert html.index(first.short) < html.index(COURSE_SENTENCE)
    assert markdown.index(first.short) < markdown.index(COURSE_SENTENCE)
    assert '<div class="answer no"><div class="question">Do they compute' in html


def test_of_two_devices_each_is_named_and_the_one_that_failed_comes_first(folder):
    gpu = {**failing(1, 0.5), "device": "cuda", "device_name": "a GPU"}
    write_json(folder / PARITY, {"climbs": [CLIMB, gpu]})
    first = find(load(folder)).answers[0]
    assert first.short.startswith("No: 1 of 8 checks failed, the first in rung 04 gradients on a G")
    assert first.sentences[0].lead == "a GPU"


@pytest.mark.parametrize(
    ("twin", "tone", "short"),
    [
        (0.18, "yes", "Yes, within rounding: one "),
        (0.09, "yes", "Yes, within rounding: one "),
        (0.06, "open", "Not shown: one "),
        (0.0, "open", "Cannot tell: moving the start by one rounding error changed nothing."),
    ],
)
def test_one_twin_allows_no_more_than_a_comparison_of_two_numbers(folder, twin, tone, short):
    with editing(folder / COURSE) as document:
        document["courses"][0]["twin"]["weights"] = twin
    answer = find(load(folder)).answers[1]
    assert answer.short.startswith(short) and answer.tone == tone
    if twin:
        assert f"changes PyTorch's weights by {100 * twin:#.2g}".rstrip(".") in answer.short
        assert answer.short.endswith("weights differ from PyTorch's by 18 %.")
    assert "not how much it varies" in answer.sentences[-1].text


def test_of_several_pairs_the_one_that_differs_most_is_named(folder):
    with editing(folder / COURSE) as document:
        pairs = document["courses"][0]["pairs"]
        pairs.append({**pairs[0], "backends": ["tf", "torch"], "weights": 0.19})
    short = find(load(folder)).answers[1].short
    assert "differ most, PyTorch's weights differ from TensorFlow's by 19 %." in short


def test_every_row_is_in_the_table(folder):
    html, _ = pages(folder)
    assert "All 4 checks of the function on a CPU" in html
    for one in CLIMB["rows"]:
        assert one["what"] in html


def test_summary_json_has_both(folder):
    experiment = load(folder)
    document = json.loads(json.dumps(summary(experiment, find(experiment)), allow_nan=False))
    [parity], [course] = document["parity"], document["course"]
    assert (parity["checks"], parity["passed"], parity["failed"]) == (4, 4, [])
    assert parity["largest"] == {"float64": 3e-13, "float32": 2e-5, "bfloat16": None, "tf32": None}
    assert course["pairs"] == [{"backends": ["torch", "tf"], "weights": 0.18, "losses": 0.1}]
    assert course["twin"]["weights"] == 0.15


def test_of_a_folder_without_them_nothing_is_said(tmp_path):
    build(tmp_path)
    html, _ = pages(tmp_path)
    assert "same function" not in html and "same course" not in html
    assert len(find(load(tmp_path)).answers) == 2


@pytest.mark.parametrize(
    ("file", "key", "value"),
    [(PARITY, "climbs", [{**CLIMB, "rows": [{}]}]), (COURSE, "courses", [{"steps": "many"}])],
)
def test_a_damaged_record_is_named(folder, file, key, value):
    write_json(folder / file, {key: value})
    with pytest.raises(UserError, match=rf"{file}: {key}\.0.*make compare"):
        find(load(folder))
