"""A bench of three backends and of four: each against each, and no interval for itself."""

import json

import numpy as np
import pytest
from bench_records import record, several, several_of, side

from harness.report.render import page_markdown
from harness.statistics.intervals import over_starts
from harness.studies.regression.measurement import read_measured
from harness.studies.timing import tables
from harness.studies.timing.answers import answers
from harness.studies.timing.findings import find, phase_gap
from harness.studies.timing.matrix import matrices
from harness.studies.timing.page import as_json, make_page, result, sentences
from harness.studies.timing.plots import figures
from harness.studies.timing.record import Start
from harness.studies.timing.record_files import read_record, write_record
from harness.studies.timing.verdicts import surely_faster, verdict


@pytest.fixture(scope="module")
def three():
    return several_of(1.3, 0.8)


@pytest.fixture(scope="module")
def entries(three):
    return find({"three.json": three})


def test_a_record_of_three_is_read_as_it_was_written(three, tmp_path):
    path = tmp_path / "three.json"
    write_record(three, path)
    document = json.loads(path.read_text())
    assert [one["backend"] for one in document["starts"][0]["sides"]] == ["torch", "tf", "jax"]
    assert "more" not in document["starts"][0] and "ratio" not in document
    assert [(one["of"], one["to"]) for one in document["ratios"]] == [
        ("tf", "torch"), ("jax", "torch"), ("jax", "tf")]  # fmt: skip
    assert read_record(path) == three


def test_a_record_of_two_has_the_keys_that_it_always_had(tmp_path):
    write_record(several(1.2), tmp_path / "two.json")
    document = json.loads((tmp_path / "two.json").read_text())
    assert "ratio" in document and "ratios" not in document
    assert list(document["starts"][0]) == ["steps_per_block", "cold_pairs", "sides"]


def test_blocks_of_all_sides_must_be_rounds():
    blocks = [[1.0, 1.0], [1.0, 1.0], [1.0]]
    with pytest.raises(ValueError, match="blocks are not pairs"):
        Start(0, 5, 0, *(side(n, b) for n, b in zip(("torch", "tf"), blocks, strict=False)),
              (side("jax", blocks[2]),))  # fmt: skip


def test_intervals_of_all_pairs_hold_together(three):
    for one, other in ((0, 1), (0, 2), (1, 2)):
        ratios = [start.ratio(one, other) for start in three.starts]
        assert three.ratio_of(one, other) == over_starts(ratios, 1 - 0.05 / 3)
        # A wider one than by itself.
        assert three.ratio_of(one, other).low < over_starts(ratios).low
    assert three.ratio_of(1, 2).value == pytest.approx(0.8 / 1.3, rel=0.02)


def test_it_is_settled_only_when_every_pair_is():
    blocks = np.full(8, 0.1)
    restless = np.random.default_rng(0)
    shaken = record(
        *((blocks, 1.3 * blocks, restless.uniform(0.5, 1.1) * blocks) for _ in range(8)),
        names=("torch", "tf", "jax"),
    )
    assert not shaken.settled and 2 in shaken.least_settled
    found = verdict(shaken)
    assert found.kind == "unknown" and "more starts would do" in found.text
    [table] = matrices(shaken)
    assert table.rows[0][1].text == "–" and table.rows[0][2].text == "no ratio yet"  # noqa: RUF001


def test_the_verdict_compares_each_with_the_first_and_names_the_fastest(three):
    found = verdict(three)
    assert found.kind == "faster" and found.faster == "JAX"
    assert found.share == pytest.approx(1 / 0.8 - 1, rel=0.02), "of the next one"
    assert found.text.startswith("TensorFlow takes 1.297 (") and "JAX takes 0.8" in found.text
    assert "times as long as PyTorch" in found.text and "(Bonferroni)" in found.text
    assert surely_faster(three, 2, 0) and surely_faster(three, 0, 1)
    assert not surely_faster(three, 1, 0) and not surely_faster(three, 1, 2)


def test_two_fastest_that_are_alike_leave_nobody_ahead():
    found = verdict(several_of(1.3, 1.0))
    assert found.kind == "alike" and not found.faster
    assert "which covers 1" in found.text and "None is shown to be faster" in found.text


def test_the_matrix_has_each_against_each(three):
    [table] = matrices(three)
    assert [cell.text for cell in table.header[1:]] == ["PyTorch", "TensorFlow", "JAX"]
    values = [[cell.text for cell in row[1:]] for row in table.rows]
    assert [values[i][i] for i in range(3)] == ["–"] * 3  # noqa: RUF001
    for row in range(3):
        for column in range(3):
            if row != column:
                product = float(values[row][column]) * float(values[column][row])
                assert product == pytest.approx(1, abs=0.002)
    assert values[1][0] == "1.297" and values[2][0] == "0.801"
    low, high = (float(x) for x in table.rows[0][2].detail.strip("[]").split(",\u00a0"))
    assert low < float(values[0][1]) < high
    assert matrices(several(1.2)) == []


def test_every_table_has_a_column_or_a_line_a_backend(entries):
    shown = tables.result_table(entries)
    assert [cell.text for cell in shown.header[1:5]] == ["Step, first", "Step, second",
                                                         "Step, third", "Ratio"]  # fmt: skip
    assert shown.rows[0][4].detail.splitlines()[1].startswith("0.8")
    steady = tables.steadiness_table(entries)
    assert [c.text for c in steady.header][3:6] == ["Drift, first", "Drift, second", "Drift, third"]
    phases = tables.phase_table(entries.results[0])
    assert [cell.detail for cell in phases.header[4:]] == ["TensorFlow, to the first",
                                                           "JAX, to the first"]  # fmt: skip
    assert {len(row) for row in phases.rows} == {6}
    assert len(tables.limit_table(entries).rows) == 3
    table = tables.csv_table(entries)
    assert list(table["side"]) == ["A", "B", "C"]
    assert np.isnan(table["ratio"][0]) and table["ratio"][2] == pytest.approx(0.8, rel=0.02)


def test_a_page_may_have_records_of_two_and_of_three(three):
    page = page_markdown(make_page(find({"two.json": several(1.2), "three.json": three})), {})
    assert page.count("Takes times as long") == 1
    assert "hold together instead (Bonferroni)" in page and "Step, third" in page


def test_pieces_hold_together_over_the_others_as_well(three):
    two = several(1.3, starts=8)
    wide, narrow = (phase_gap(each, "generators_forward") for each in (three, two))
    assert wide.high - wide.low > narrow.high - narrow.low
    behind = phase_gap(three, "generators_forward", 2)
    assert behind.value < 0 < wide.value


def test_answers_speak_of_all(entries):
    faster, _, spent, _ = answers(entries)
    assert faster.short.startswith("JAX: the next one takes 2")
    assert "(PyTorch), " in faster.sentences[0].text and "and 80" in faster.sentences[0].text
    assert "PyTorch and TensorFlow: " in spent.sentences[0].text
    assert "PyTorch and JAX: " in spent.sentences[0].text


def test_all_figures_are_drawn(entries):
    drawn = figures(entries)
    assert {"devices.png", "phases.png", "roofline.png", "blocks.png"} <= drawn.keys()


def test_the_terminal_and_json_have_all_sides_and_pairs(three, tmp_path):
    shown = result(three, tmp_path / "a.json", tmp_path / "b.html")
    assert [cell.text for cell in shown.tables[0].header] == ["", "PyTorch", "TensorFlow", "JAX"]
    assert len(shown.tables) == 2, "numbers, and the matrix"
    assert len(as_json(three)["sides"]) == 3 and len(as_json(three)["ratios"]) == 3
    assert sum("began" in line for line in sentences(three)) == 2


def test_four_backends_have_six_pairs(tmp_path):
    four = several_of(1.1, 1.2, 1.3, names=("torch", "tf", "jax", "tf"))
    assert len(four.pairs) == 6 and not four.same
    assert len(matrices(four)[0].rows) == 4


def test_a_regression_is_looked_for_in_every_pair(three, tmp_path):
    write_record(three, tmp_path / "three.json")
    measured = read_measured(tmp_path / "three.json")
    assert [key[1:] for key in measured.relative] == [("torch", "tf"), ("torch", "jax"),
                                                      ("tf", "jax")]  # fmt: skip
    assert all(len(ratios) == 8 for ratios in measured.relative.values())
