"""The page of a study: what it says, what it must not say, and that it follows from the records."""

import re
import shutil

import numpy as np
import pytest
from grid_study import ONE_AXIS, TWO_BY_TWO, build_grid
from page_reader import check_self_contained
from report_experiment import write_run

from harness.cli import main
from harness.config.metric_table import BY_NAME
from harness.records.run import RunRecord
from harness.studies.grid.page.answers import answers
from harness.studies.grid.page.findings import find, relative_time
from harness.studies.grid.page.notes import scores
from harness.studies.grid.page.plots import is_heat_map, places
from harness.studies.grid.page.tables import cost_table, csv_table, score_table
from harness.studies.grid.page.write import write_page
from harness.studies.grid.record import is_study, read_record
from harness.system.files import read_json, read_table, write_json, write_table

KID = BY_NAME["kid_efflite0"]


def found(folder):
    return find(read_record(folder))


def diverge(cell, backend, seed):
    """Make one run of a cell end half way with a loss that is not finite."""
    run = cell / "runs" / "cpu-example" / f"{backend}-seed{seed}"
    shutil.rmtree(run)
    write_run(cell, "cpu-example", backend, seed, state="failed")
    losses = read_table(run / "losses.csv")
    losses.loc[losses.index[-1], "cycle_a"] = np.inf
    write_table(run / "losses.csv", losses)


def shift_scores(cell, shift):
    """Move the differences between backends in one cell by `shift` in every seed alike."""
    metrics = read_json(cell / "metrics.json")
    for row in metrics["differences"]:
        row["value"] = row["value"] * 1e-6 + shift
    write_json(cell / "metrics.json", without_version(metrics))


def without_version(record, **changes):
    return {key: value for key, value in (record | changes).items() if key != "schema_version"}


def texts_of(table):
    return [[f"{cell.text} {cell.detail}" for cell in row] for row in table.rows]


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Two axes, three seeds."""
    return build_grid(tmp_path_factory.mktemp("three"))


@pytest.fixture(scope="module")
def written(three):
    assert write_page(three) == three / "report.html"
    return three


def test_the_page_fetches_nothing_and_has_every_figure(written):
    html = (written / "report.html").read_text()
    assert len(check_self_contained(html).images) == 2
    assert {path.name for path in (written / "figures").glob("*.png")} == {
        "kid_efflite0.png", "losses.png",
    }  # fmt: skip
    for name in re.findall(r"\]\(([^)]+)\)", (written / "report.md").read_text()):
        assert (written / name).exists()


def test_the_same_records_give_the_same_bytes_wherever_they_lie(written, tmp_path):
    moved = shutil.copytree(written.parent.parent, tmp_path / "elsewhere") / "studies"
    [again] = moved.iterdir()
    names = ("report.html", "report.md", "table.csv", "figures/losses.png")
    before = {name: (written / name).read_bytes() for name in names}
    for name in names:
        (again / name).unlink()
    assert main(["report", str(again)]) == 0
    for name in names:
        assert (again / name).read_bytes() == before[name]


def test_names_are_escaped(tmp_path):
    evil = "<script>alert(1)</script>|*x* $\\frac$"
    text = f"""
description: '{evil}'
preset: smoke
grid: {{lambda: {{'{evil}': {{objective.lambda_a: 1}}, b: {{objective.lambda_a: 2}}}}}}
"""
    folder = build_grid(tmp_path, text, (0,))
    write_page(folder)
    assert evil in check_self_contained((folder / "report.html").read_text()).text
    markdown = (folder / "report.md").read_text()
    assert "<script" not in markdown and "|*x*" not in markdown


def test_scores_are_means_over_seeds_beside_floor_and_baseline(three):
    rows = texts_of(score_table(found(three), KID))
    assert len(rows) == 4 * 2
    head, direction, torch, tf, _, verdict, floor, baseline = rows[0]
    assert head.startswith("blocks 0, lambda none") and direction.startswith("summer → winter")
    assert re.match(r"17\d\.\d \[", torch) and re.match(r"1[89]\d\.\d \[", tf)
    assert "learnt nothing yet" in torch and "margin ±10.0" in verdict
    assert (floor.strip(), baseline.strip()) == ("0.4", "19.0")


def test_only_the_seeds_and_backends_of_the_study_count(tmp_path):
    folder = build_grid(tmp_path, seeds=(0, 1, 2))
    record = read_json(folder / "study.json") | {"seeds": [0]}
    record.pop("schema_version")
    write_json(folder / "study.json", record)
    assert found(folder).most_seeds == 1
    write_json(folder / "study.json", record | {"backends": ["tf"], "seeds": [0, 1]})
    assert not found(folder).judged and found(folder).most_seeds == 2
    write_page(folder)


def test_one_seed_makes_no_claim_about_frameworks(tmp_path):
    findings = found(build_grid(tmp_path, seeds=(0,)))
    assert "one seed says nothing about frameworks" in scores(findings)
    first = answers(findings)[0]
    assert first.short == "Cannot tell"
    assert "one seed, which says nothing about the frameworks" in first.sentences[0].text
    assert {each.label for each in findings.judged} == {"cannot tell yet"}


def test_two_seeds_have_no_interval(tmp_path):
    findings = found(build_grid(tmp_path, seeds=(0, 1)))
    assert "too few for an interval" in scores(findings)
    assert "[" not in texts_of(score_table(findings, KID))[0][2]


def test_one_difference_among_many_must_hold_for_all_of_them_together(tmp_path):
    folder = build_grid(tmp_path)
    for number in range(4):
        shift_scores(tmp_path / f"cell-{number}", 0.0)
    assert answers(found(folder))[0].short == "Yes, within the margins"
    shift_scores(tmp_path / "cell-2", 1.0)  # certain whatever the level
    findings = found(folder)
    assert findings.verdicts == 8
    assert answers(findings)[0].short == "No: different in blocks 2, lambda none"
    metrics = read_json(tmp_path / "cell-2" / "metrics.json")
    for row in metrics["differences"]:  # beyond the margin at 5 %, not at 5 % over 8
        row["value"] = 0.014 + 0.0012 * (row["seed"] - 1)
    metrics.pop("schema_version")
    write_json(tmp_path / "cell-2" / "metrics.json", metrics)
    findings = found(folder)
    apart = [each for each in findings.judged if each.label == "different"]
    assert len(apart) == 2 and not any(each.stands for each in apart)
    answer = answers(findings)[0]
    assert answer.short == "Cannot tell yet"
    assert "0 of the 2 called different stand" in answer.sentences[0].text
    assert "not among all" in texts_of(score_table(findings, KID))[4][5]


def test_a_cell_that_lost_a_seed_keeps_the_study_from_saying_yes(tmp_path):
    folder = build_grid(tmp_path, seeds=(0, 1, 2, 3))
    for number in range(4):
        shift_scores(tmp_path / f"cell-{number}", 0.0)
    assert answers(found(folder))[0].tone == "yes"
    diverge(tmp_path / "cell-1", "tf", 3)
    assert answers(found(folder))[0].short == "Cannot tell yet"


def test_failed_trainings_are_shown_and_do_not_hide_the_others(tmp_path):
    folder = build_grid(tmp_path)
    for seed in (0, 1, 2):
        diverge(tmp_path / "cell-3", "torch", seed)
    diverge(tmp_path / "cell-3", "tf", 1)
    write_run(tmp_path / "cell-0", "cpu-example", "tf", 2, state="interrupted")
    write_page(folder)
    findings = found(folder)
    ended = answers(findings)[2]
    assert ended.short == "5 of 24 did not, 4 failed"
    assert [(s.lead, s.text) for s in ended.sentences[:2]] == [
        ("blocks 0, lambda none, TensorFlow", "seed 2: interrupted at step 100 of 200."),
        ("blocks 2, lambda usual, PyTorch", "seeds 0, 1, 2: diverged at step 100 of 200."),
    ]
    rows = texts_of(score_table(findings, KID))
    assert rows[6][2] == "– 3 of 3 diverged"  # noqa: RUF001
    assert "1 of 3 diverged" in rows[6][3] and "1 of 3 interrupted" in rows[0][3]
    assert texts_of(cost_table(findings))[6][2].startswith("0 of 3 seeds 0, 1, 2: diverged at")
    table = csv_table(findings)
    assert table["runs_diverged"].tolist() == [0, 0, 0, 0, 0, 0, 3, 1]
    for name in ("report.html", "report.md"):
        assert "3 of 3 diverged" in (folder / name).read_text()


def test_cells_not_begun_and_studies_with_nothing_still_have_a_page(tmp_path):
    folder = build_grid(tmp_path / "some", begun=2)
    write_page(folder)
    assert answers(found(folder))[0].tone != "yes"
    assert "12 of 24 did not" in (folder / "report.html").read_text()
    folder = build_grid(tmp_path / "none", begun=0)
    write_page(folder)
    html = (folder / "report.html").read_text()
    assert "Nothing is scored yet" in html and "not begun" in html and "<img" not in html


def test_training_time_is_relative_to_the_baseline_seed_by_seed(tmp_path):
    folder = build_grid(tmp_path, ONE_AXIS)
    slow = tmp_path / "cell-1" / "runs" / "cpu-example"
    for seed in (0, 1, 2):
        record = RunRecord(slow / f"torch-seed{seed}")
        same = RunRecord(tmp_path / "cell-0" / "runs" / "cpu-example" / f"torch-seed{seed}")
        blocks = same.blocks
        blocks["train_seconds"] *= 3 + 0.1 * (seed - 1)
        write_table(record.folder / "blocks.csv", blocks)
    findings = found(folder)
    time = relative_time(findings.cells[1], findings.baseline, "torch")
    logs = np.log([2.9, 3.0, 3.1])
    half = 4.302653 * logs.std(ddof=1) / 3**0.5
    assert time.value == pytest.approx(np.exp(logs.mean()))
    assert (time.low, time.high) == pytest.approx(
        tuple(np.exp(logs.mean() + np.array([-half, half])))
    )
    for seed in (0, 1, 2):  # twice the steps at the same pace
        status = RunRecord(slow / f"torch-seed{seed}").status
        write_json(slow / f"torch-seed{seed}" / "status.json", without_version(status, steps=400))
    longer = found(folder)
    time = relative_time(longer.cells[1], longer.baseline, "torch")
    assert time.value == pytest.approx(2 * np.exp(logs.mean()))
    own = relative_time(findings.baseline, findings.baseline, "torch")
    assert own.value == 1
    table = csv_table(findings)
    assert table["relative_time"].iloc[2] == pytest.approx(np.exp(logs.mean()))
    assert table["step_ratio"].iloc[1] == pytest.approx(1.3, rel=0.05)
    assert np.isnan(table["step_ratio"].iloc[0])


def test_a_difference_is_in_the_row_of_the_backend_it_is_a_difference_to(three):
    table = csv_table(found(three))
    gaps = table["kid_efflite0_ab_difference"]
    assert gaps.isna().tolist() == [True, False] * 4
    scores = table["kid_efflite0_ab"]
    assert gaps[1] == pytest.approx(scores[0] - scores[1])
    assert table["kid_efflite0_ab_verdict"].notna().tolist() == [False, True] * 4


def test_a_training_that_died_of_something_else_is_not_called_diverged(tmp_path):
    folder = build_grid(tmp_path)
    shutil.rmtree(tmp_path / "cell-0" / "runs" / "cpu-example" / "tf-seed0")
    write_run(tmp_path / "cell-0", "cpu-example", "tf", 0, state="failed")  # all losses finite
    [lost] = [run for run in found(folder).cells[0].runs if run.state != "complete"]
    assert lost.state == "failed"


def test_parameters_are_those_of_the_networks(three):
    cells = read_json(three / "study.json")["cells"]
    filters, blocks = 4, 2
    block = 2 * (9 * (4 * filters) ** 2 + 4 * filters)
    assert cells[2]["parameters"]["g_ab"] - cells[0]["parameters"]["g_ab"] == blocks * block
    assert set(cells[0]["parameters"]) == {"g_ab", "g_ba", "d_a", "d_b"}


def test_one_axis_is_curves_two_are_a_heat_map_unless_an_axis_is_named(tmp_path, three):
    assert is_heat_map(found(three))
    assert not is_heat_map(found(build_grid(tmp_path, ONE_AXIS)))
    folder = build_grid(tmp_path / "named", TWO_BY_TWO + "report: {x: lambda}\n")
    assert not is_heat_map(found(folder))
    write_page(folder)


def test_labels_stand_at_their_numbers():
    assert places(["0", "1", "9"]) == [0, 1, 9]
    assert places(["0.001", "0.1"]) == [-3, -1]
    assert places(["none", "1"]) == [0, 1] and places(["nan", "2"]) == [0, 1]
    assert places(["4"]) == [4]
    assert places(["0.0002", "0.002", "1e+30"]) == [0, 1, 2], "they would overlap"
    assert places(["0", "1", "3", "6", "9"]) == [0, 1, 3, 6, 9]


def test_a_ratio_of_times_has_no_bound_below_zero(tmp_path):
    folder = build_grid(tmp_path, ONE_AXIS)
    for seed, factor in enumerate((0.3, 1.0, 3.0)):
        record = RunRecord(tmp_path / f"cell-1/runs/cpu-example/tf-seed{seed}")
        blocks = record.blocks
        blocks["train_seconds"] *= factor
        write_table(record.folder / "blocks.csv", blocks)
    findings = found(folder)
    assert relative_time(findings.cells[1], findings.baseline, "tf").low > 0


def test_a_study_of_another_kind_is_not_taken_for_one(tmp_path, three):
    assert is_study(three) and not is_study(tmp_path)
    write_json(tmp_path / "study.json", {"options": {}})
    assert not is_study(tmp_path)
