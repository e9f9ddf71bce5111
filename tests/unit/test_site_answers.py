"""What a device's page answers: which framework is faster, and what has changed."""

from pathlib import Path

import pytest
from entries import document, entry
from site_reader import texts

from harness.studies.site.answers import device_answers
from harness.studies.site.tables import index_table

pytestmark = pytest.mark.usefixtures("small_figures")
ROOT = Path(__file__).parents[2]
EVIL = '<script>alert(1)</script>"><img src=x onerror=alert(2)> | x'


def with_ratio(number, low, high, **changed):
    given = document(number, **changed)
    for pair in given["pairs"]:
        pair["ratio"] = {"value": (low + high) / 2, "low": low, "high": high, "n": 5}
    return type(entry()).model_validate(given)


@pytest.mark.parametrize(
    ("low", "high", "short"),
    [
        (1.1, 1.3, "PyTorch"),
        (0.7, 0.9, "TensorFlow"),
        (0.9, 1.3, "Not decided: intervals contain 1"),
    ],
)
def test_a_framework_is_faster_where_the_whole_interval_says_so(low, high, short):
    [faster, _] = device_answers([with_ratio(2, low, high), with_ratio(1, 3.0, 4.0)])
    assert faster.short == short and faster.tone == ("open" if "Not" in short else "yes")
    [sentence] = faster.sentences
    assert sentence.lead == "seasons, quick, 2026-01-03:", "the newest"
    value = f"{(low + high) / 2:.2f} times [{low:.2f},\u00a0{high:.2f}]"
    assert sentence.text == f"TensorFlow 2.21.0: {value} the step time of PyTorch 2.13.0."


def test_workloads_are_counted_and_the_fastest_of_three_beats_both_others():
    every = [with_ratio(3, 1.1, 1.3), with_ratio(2, 0.9, 1.3, preset="paper"),
             with_ratio(1, 0.7, 0.8, preset="hour")]  # fmt: skip
    short = "PyTorch in 1 of 3 workloads, TensorFlow in 1 of 3 workloads and not decided in 1"
    assert device_answers(every)[0].short == short
    three = {"backends": ("torch", "tf", "jax")}
    assert device_answers([with_ratio(1, 1.1, 1.3, **three)])[0].short == "PyTorch"
    # TensorFlow and JAX beat PyTorch, and have not been compared.
    assert "Not decided" in device_answers([with_ratio(1, 0.7, 0.8, **three)])[0].short
    versions = {"backends": ("tf", "tf@2.20.0"), "versions": {"tf@2.20.0": "2.20.0"}}
    assert device_answers([with_ratio(1, 1.1, 1.3, **versions)])[0].short == "TensorFlow 2.21.0"
    table = index_table([with_ratio(1, 1.1, 1.3, **versions)], {"A CPU, 2 threads": "a.html"})
    assert texts(table, "Ratio of step times") == ["TensorFlow 2.20.0 / TensorFlow 2.21.0 1.200"]
    alone = entry(1).model_copy(update={"pairs": ()})
    assert device_answers([alone])[0].short == "Not measured"


def over_weeks(count, step_at=None):
    """TensorFlow's ratio; from `step_at` on 10 % more, with another version."""
    made = []
    for number in range(count):
        after = step_at is not None and number >= step_at
        ratio = (1.2 + 0.001 * (number % 3)) * (1.1 if after else 1.0)
        version = "2.22.0" if after else "2.21.0"
        made.append(with_ratio(number, ratio - 0.01, ratio + 0.01, versions={"tf": version}))
    return made[::-1]


def test_what_changed_is_said_with_the_versions_that_changed_with_it():
    [_, changed] = device_answers(over_weeks(40, step_at=25))
    assert changed.short == "Yes: 1 step found, the last on 2026-01-26" and changed.tone == "no"
    [sentence] = changed.sentences
    assert "step time relative, TensorFlow / PyTorch, +10." in sentence.text
    assert sentence.text.endswith("Changed with it: versions.tensorflow 2.21.0 (now 2.22.0).")


def test_no_step_is_not_said_to_be_none_and_too_few_tell_nothing():
    [_, changed] = device_answers(over_weeks(40))
    assert (changed.short, changed.tone) == ("No step found", "open") and not changed.sentences
    [_, changed] = device_answers(over_weeks(5))
    assert changed.short == "Too few measurements to tell"
    assert "the most here are 5" in changed.sentences[0].text
