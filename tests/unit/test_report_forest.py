"""The forest plot: where each row is, which rows there are, and what is said of undecided ones."""

import math
from dataclasses import replace

import pytest
from report_experiment import build

from harness.records.experiment import load
from harness.report.comparison.findings import find
from harness.report.comparison.forest import FEW, forest_figure, forest_rows, position
from harness.report.comparison.notes import seeds_needed
from harness.statistics.equivalence import Margin, Verdict
from harness.statistics.intervals import Interval


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    return load(build(tmp_path_factory.mktemp("forest"), seeds=(0, 1, 2)))


@pytest.fixture(scope="module")
def rows(experiment):
    return find(experiment).metrics


def test_a_difference_is_divided_by_its_margin(rows):
    row = replace(rows[0], margin=Margin(0.5))
    assert position(row, -0.25) == -0.5


def test_a_ratio_of_the_margin_is_one_margin_off_either_way(rows):
    row = replace(rows[0], margin=Margin(1.25, "ratio"))
    # Second over first: where the second is lower, first - second is above zero.
    assert position(row, 0.8) == pytest.approx(1.0)
    assert position(row, 1.25) == pytest.approx(-1.0)
    assert position(row, -0.1) == math.inf
    assert position(replace(row, margin=None), 0.8) is None


def test_rows_of_the_primary_score_come_first_and_those_without_a_margin_are_left_out(rows):
    found = forest_rows([replace(rows[4], margin=None), rows[2], rows[0], rows[1]])
    assert found == [rows[0], rows[1], rows[2]]
    no_ratio = replace(rows[0], margin=Margin(1.25, "ratio"), ratio=Interval(None))
    assert forest_rows([no_ratio]) == []


def test_it_is_drawn_in_every_format_also_where_rows_are_far_off(experiment, rows):
    far = replace(rows[0], difference=Interval(9.0, -9.0, 27.0))
    drawn = forest_figure(experiment, [far, *rows[:FEW]])
    assert drawn is not None and drawn.png and drawn.svg and drawn.pdf
    assert forest_figure(experiment, []) is None


@pytest.mark.parametrize(
    ("seeds", "verdicts", "says"),
    [
        (1, [("cannot tell yet", 2, 2)] * 3, ["A verdict needs at least 2 more seeds."]),
        (3, [("equivalent", None, None)], []),
        (
            3,
            [("cannot tell yet", 9, 2), ("cannot tell yet", None, 4), ("equivalent", None, None)],
            [
                "2 of 3 rows are not decided: 2 to 9 and more further seeds would decide them if"
                " the backends are equal."
            ],
        ),
    ],
)
def test_how_many_seeds_are_needed_is_said_once(rows, seeds, verdicts, says):
    changed = [
        replace(
            rows[0],
            gaps=(0.0,) * seeds,
            verdict=Verdict(label, further, "", least),
        )
        for label, further, least in verdicts
    ]
    assert seeds_needed(changed) == says
