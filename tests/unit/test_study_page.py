"""The page of a study: what it says, what it must not say, and that it follows from the records."""

import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from grid_study import ONE_AXIS, build_grid
from page_reader import check_self_contained
from report_experiment import build, editing, write_run

from harness.cli import main
from harness.config.metric_table import BY_NAME
from harness.records.experiment import load
from harness.records.run import RunRecord
from harness.report.formatting import MISSING
from harness.studies.grid.answers import answers
from harness.studies.grid.between import between_answer
from harness.studies.grid.findings import GridFindings, find, relative_time
from harness.studies.grid.losses import loss_curves, steady_from
from harness.studies.grid.page import scores, write_page
from harness.studies.grid.plots import is_heat_map, places
from harness.studies.grid.record import is_study, read_record
from harness.studies.grid.tables import cost_table, csv_table, score_table
from harness.system.files import read_json, read_table, write_json, write_table

pytestmark = pytest.mark.usefixtures("small_figures")
KID = BY_NAME["kid_efflite0"]
RUNS = "runs/cpu-example"


def found(folder):
    return find(read_record(folder))


def rewrite(path, **changes):
    """A JSON record with some of its keys changed."""
    document = read_json(path) | changes
    del document["schema_version"]
    write_json(path, document)


def diverge(cell, backend, seed):
    """Make one run of a cell end half way with a loss that is not finite."""
    run = cell / RUNS / f"{backend}-seed{seed}"
    shutil.rmtree(run)
    write_run(cell, "cpu-example", backend, seed, state="failed")
    losses = read_table(run / "losses.csv")
    losses.loc[losses.index[-1], "cycle_a"] = np.inf
    write_table(run / "losses.csv", losses)


def shift_scores(cell, shift):
    """Move the differences between backends in one cell by `shift` in every seed alike."""
    differences = read_json(cell / "metrics.json")["differences"]
    for row in differences:
        row["value"] = row["value"] * 1e-6 + shift
    rewrite(cell / "metrics.json", differences=differences)


def slow_down(run, factor):
    blocks = RunRecord(run).blocks
    blocks["train_seconds"] *= factor
    write_table(run / "blocks.csv", blocks)


def texts_of(table):
    return [[f"{cell.text} {cell.detail}" for cell in row] for row in table.rows]


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Two axes, three seeds. Not to be changed: see `own`."""
    return build_grid(tmp_path_factory.mktemp("three"))


@pytest.fixture(scope="module")
def one_axis(tmp_path_factory):
    return build_grid(tmp_path_factory.mktemp("one"), ONE_AXIS)


def copied(study, results):
    shutil.copytree(study.parent.parent, results, dirs_exist_ok=True)
    return results / "studies" / study.name


@pytest.fixture
def own(three, tmp_path):
    """A copy of `three`, with its cells in tmp_path."""
    return copied(three, tmp_path)


@pytest.fixture(scope="module")
def written(small_figures, three):
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
    again = copied(written, tmp_path / "elsewhere")
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


@pytest.mark.parametrize("begun", [4, 3])
def test_of_one_direction_the_table_has_no_baseline_of_untranslated_images(
    own, tmp_path, monkeypatch, begun
):
    if begun == 3:
        shutil.rmtree(tmp_path / "cell-3")
    monkeypatch.setattr(GridFindings, "directions", ("ab",))
    table = score_table(found(own), KID)
    assert [cell.text for cell in table.header][-2:] == ["Verdict", "Real images"]
    assert [row[1].text for row in table.rows][-1] == ("summer → winter" if begun == 4 else MISSING)
    with pytest.raises(ValueError, match="a row unlike the header"):
        replace(table, rows=(table.rows[0][1:],))


def test_cells_are_compared_with_each_other_seed_by_seed(own, tmp_path):
    """Alike as copies, different where a cell is shifted, open where one seed in it is."""

    def shift(by):
        with editing(tmp_path / "cell-1" / "metrics.json") as metrics:
            for score in metrics["scores"]:
                if score["metric"] == KID.name:
                    score["value"] += by(score["seed"])
        [answer] = between_answer(found(own))
        return answer

    same = shift(lambda seed: 0)
    assert same.short.startswith("Yes") and "24 equivalent, 0 different, 0 cannot" in same.aside
    first = "blocks 0, lambda none / blocks 0, lambda usual"
    apart = shift(lambda seed: 0.1 if seed is not None else 0)
    assert apart.short.startswith("No: ") and first in apart.short
    assert "12 equivalent, 12 different, 0 cannot" in apart.aside
    unsure = shift(lambda seed: -0.1 if seed else 0)
    assert unsure.short == "Cannot tell yet" and "12 equivalent, 0 different" in unsure.aside
    needed = unsure.aside.split("truly score the same: ")[1]
    assert needed in unsure.sentences[0].text and "12 cannot tell yet" in unsure.aside


def test_only_the_seeds_and_backends_of_the_study_count(own):
    rewrite(own / "study.json", seeds=[0, 1], backends=["tf"])
    assert not found(own).judged and found(own).most_seeds == 2
    write_page(own)


def test_one_seed_makes_no_claim_about_frameworks_and_two_have_no_interval(own):
    rewrite(own / "study.json", seeds=[0])
    findings = found(own)
    assert findings.most_seeds == 1
    assert "one seed says nothing about frameworks" in scores(findings)
    first = answers(findings)[0]
    assert first.short == "Cannot tell"
    assert "one seed, which says nothing about the frameworks" in first.sentences[0].text
    assert {each.label for each in findings.judged} == {"cannot tell yet"}
    rewrite(own / "study.json", seeds=[0, 1])
    findings = found(own)
    assert "too few for an interval" in scores(findings)
    assert "[" not in texts_of(score_table(findings, KID))[0][2]


def test_one_difference_among_many_must_hold_for_all_of_them_together(own, tmp_path):
    for number in range(4):
        shift_scores(tmp_path / f"cell-{number}", 0.0)
    assert answers(found(own))[0].short == "Yes, within the margins"
    shift_scores(tmp_path / "cell-2", 1.0)  # certain whatever the level
    findings = found(own)
    assert findings.verdicts == 8
    assert answers(findings)[0].short == "No: different in blocks 2, lambda none"
    differences = read_json(tmp_path / "cell-2" / "metrics.json")["differences"]
    for row in differences:  # beyond the margin at 5 %, not at 5 % over 8
        row["value"] = 0.014 + 0.0012 * (row["seed"] - 1)
    rewrite(tmp_path / "cell-2" / "metrics.json", differences=differences)
    findings = found(own)
    apart = [each for each in findings.judged if each.label == "different"]
    assert len(apart) == 2 and not any(each.stands for each in apart)
    answer = answers(findings)[0]
    assert answer.short == "Cannot tell yet"
    assert "0 of the 2 called different stand" in answer.sentences[0].text
    assert "not among all" in texts_of(score_table(findings, KID))[4][5]


def test_a_seed_that_is_missing_keeps_the_study_from_saying_yes(own, tmp_path):
    for number in range(4):
        shift_scores(tmp_path / f"cell-{number}", 0.0)
    assert answers(found(own))[0].tone == "yes"
    rewrite(own / "study.json", seeds=[0, 1, 2, 3])
    assert answers(found(own))[0].short == "Cannot tell yet"


def test_failed_trainings_are_shown_and_do_not_hide_the_others(own, tmp_path):
    for seed in (0, 1, 2):
        diverge(tmp_path / "cell-3", "torch", seed)
    diverge(tmp_path / "cell-3", "tf", 1)
    write_run(tmp_path / "cell-0", "cpu-example", "tf", 2, state="interrupted")
    shutil.rmtree(tmp_path / "cell-1" / RUNS / "tf-seed0")
    write_run(tmp_path / "cell-1", "cpu-example", "tf", 0, state="failed")  # all losses finite
    write_page(own)
    findings = found(own)
    ended = answers(findings)[-1]
    assert ended.short == "6 of 24 did not, 5 failed"
    assert [(s.lead, s.text) for s in ended.sentences[:3]] == [
        ("blocks 0, lambda none, TensorFlow", "seed 2: interrupted at step 100 of 200."),
        ("blocks 0, lambda usual, TensorFlow", "seed 0: failed at step 100 of 200."),
        ("blocks 2, lambda usual, PyTorch", "seeds 0, 1, 2: diverged at step 100 of 200."),
    ]
    rows = texts_of(score_table(findings, KID))
    assert rows[6][2] == "– 3 of 3 diverged"  # noqa: RUF001
    assert "1 of 3 diverged" in rows[6][3] and "1 of 3 interrupted" in rows[0][3]
    assert texts_of(cost_table(findings))[6][2].startswith("0 of 3 seeds 0, 1, 2: diverged at")
    table = csv_table(findings)
    assert table["runs_diverged"].tolist() == [0, 0, 0, 0, 0, 0, 3, 1]
    assert table["runs_failed"].tolist() == [0, 0, 0, 1, 0, 0, 0, 0]
    for name in ("report.html", "report.md"):
        assert "3 of 3 diverged" in (own / name).read_text()


def test_cells_not_begun_and_studies_with_nothing_still_have_a_page(own, tmp_path):
    for number in (2, 3):
        shutil.rmtree(tmp_path / f"cell-{number}")
    rewrite(own / "study.json", report=read_json(own / "study.json")["report"] | {"x": "lambda"})
    write_page(own)
    assert answers(found(own))[0].tone != "yes"
    assert "12 of 24 did not" in (own / "report.html").read_text()
    for number in (0, 1):
        shutil.rmtree(tmp_path / f"cell-{number}")
    write_page(own)
    html = (own / "report.html").read_text()
    assert "Nothing is scored yet" in html and "not begun" in html and "<img" not in html


def test_training_time_is_relative_to_the_baseline_seed_by_seed(one_axis, tmp_path):
    folder = copied(one_axis, tmp_path)
    for seed, spread in enumerate((0.3, 1.0, 3.0)):
        slow_down(tmp_path / "cell-1" / RUNS / f"torch-seed{seed}", 3 + 0.1 * (seed - 1))
        slow_down(tmp_path / "cell-1" / RUNS / f"tf-seed{seed}", spread)
    findings = found(folder)
    time = relative_time(findings.cells[1], findings.baseline, "torch")
    logs = np.log([2.9, 3.0, 3.1])
    half = 4.302653 * logs.std(ddof=1) / 3**0.5
    assert time.value == pytest.approx(np.exp(logs.mean()))
    ends = np.exp(logs.mean() + np.array([-half, half]))
    assert (time.low, time.high) == pytest.approx(tuple(ends))
    restless = relative_time(findings.cells[1], findings.baseline, "tf")
    assert restless.low > 0, "a ratio has no bound below zero, however far apart seeds are"
    assert relative_time(findings.baseline, findings.baseline, "torch").value == 1
    table = csv_table(findings)
    assert table["relative_time"].iloc[2] == pytest.approx(np.exp(logs.mean()))
    assert table["step_ratio"].iloc[1] == pytest.approx(1.3, rel=0.05)
    assert np.isnan(table["step_ratio"].iloc[0])
    for seed in (0, 1, 2):  # twice the steps at the same pace
        rewrite(tmp_path / "cell-1" / RUNS / f"torch-seed{seed}" / "status.json", steps=400)
    longer = found(folder)
    time = relative_time(longer.cells[1], longer.baseline, "torch")
    assert time.value == pytest.approx(2 * np.exp(logs.mean()))


def test_a_difference_is_in_the_row_of_the_backend_it_is_a_difference_to(three):
    table = csv_table(found(three))
    gaps = table["kid_efflite0_ab_difference"]
    assert gaps.isna().tolist() == [True, False] * 4
    scores = table["kid_efflite0_ab"]
    assert gaps[1] == pytest.approx(scores[0] - scores[1])
    assert table["kid_efflite0_ab_verdict"].notna().tolist() == [False, True] * 4


def test_parameters_are_those_of_the_networks(three):
    cells = read_json(three / "study.json")["cells"]
    filters, blocks = 4, 2
    block = 2 * (9 * (4 * filters) ** 2 + 4 * filters)
    assert cells[2]["parameters"]["g_ab"] - cells[0]["parameters"]["g_ab"] == blocks * block
    assert set(cells[0]["parameters"]) == {"g_ab", "g_ba", "d_a", "d_b"}


def test_one_axis_is_curves_two_are_a_heat_map_unless_an_axis_is_named(own, one_axis):
    assert is_heat_map(found(own)) and not is_heat_map(found(one_axis))
    rewrite(own / "study.json", report=read_json(own / "study.json")["report"] | {"x": "lambda"})
    assert not is_heat_map(found(own))


def test_labels_stand_at_their_numbers():
    assert places(["0", "1", "9"]) == [0, 1, 9]
    assert places(["0.001", "0.1"]) == [-3, -1]
    assert places(["none", "1"]) == [0, 1] and places(["nan", "2"]) == [0, 1]
    assert places(["4"]) == [4]
    assert places(["0.0002", "0.002", "1e+30"]) == [0, 1, 2], "they would overlap"
    assert places(["0", "1", "3", "6", "9"]) == [0, 1, 3, 6, 9]


def test_a_study_of_another_kind_is_not_taken_for_one(tmp_path, three):
    assert is_study(three) and not is_study(tmp_path)
    write_json(tmp_path / "study.json", {"options": {}})
    assert not is_study(tmp_path)


# ---------------------------------------------------------------------------------------- losses


def test_generator_loss_is_the_weighted_sum(tmp_path):
    experiment = load(build(tmp_path))
    [run] = experiment.of("torch")
    losses = run.losses
    made = loss_curves(experiment, [run], "generators")[0]
    # `report_experiment` writes lambda 10 and identity 0.5.
    sides = [losses[f"adversarial_{s}"] for s in ("ab", "ba")]
    sides += [10 * losses[f"cycle_{s}"] + 5 * losses[f"identity_{s}"] for s in "ab"]
    np.testing.assert_allclose(made, sum(sides), rtol=1e-12)
    made = loss_curves(experiment, [run], "discriminators")[0]
    np.testing.assert_allclose(made, (losses["discriminator_a"] + losses["discriminator_b"]) / 2)


def test_loss_of_a_critic_includes_its_penalty_and_may_be_below_zero(tmp_path):
    build(tmp_path, seeds=(0,))
    record = read_json(tmp_path / "experiment.json")
    record["configuration"]["objective"] |= {"adversarial": "wasserstein_gp"}
    write_json(tmp_path / "experiment.json", record)
    experiment = load(tmp_path)
    [run] = experiment.of("torch")
    losses = run.losses.assign(penalty_a=0.5, penalty_b=0.25, discriminator_a=-9.0)
    write_table(run.folder / "losses.csv", losses)
    made = loss_curves(experiment, [RunRecord(run.folder)], "discriminators")[0]
    halves = (losses["discriminator_a"] + losses["discriminator_b"]) / 2
    np.testing.assert_allclose(made, halves + 10 * 0.75)
    assert made.max() < 5


def test_a_loss_is_steady_from_where_it_stays_near_its_end():
    falling = np.concatenate([np.linspace(11, 1, 200), np.ones(800)])
    step = steady_from(falling)
    assert 185 <= step <= 225
    assert steady_from(np.ones(100)) == 0
    assert steady_from(np.linspace(10, 1, 1000)) is None
    assert steady_from(np.full(100, np.nan)) is None and steady_from(np.ones(3)) is None
