"""Studies of three backends: consistency, grid, variance and estimate, each against the first."""

import io
import json

import numpy as np
import pytest
from grid_study import build_grid
from report_experiment import build, editing
from rich.console import Console
from study_folder import build_study

from harness.config.load import load_experiment
from harness.report.figures import backend_colour
from harness.statistics.equivalence import Margin, judge, seeds_for_power
from harness.studies.consistency import answers as consistency_answers
from harness.studies.consistency import findings as consistency
from harness.studies.consistency import tables as consistency_tables
from harness.studies.consistency.figures import figures
from harness.studies.consistency.scores import Subject, seed_rows
from harness.studies.estimate.predict import Extraction, MeasuredCosts, Scoring, predict
from harness.studies.estimate.show import as_json as estimate_json
from harness.studies.estimate.show import print_estimate
from harness.studies.estimate.work import Counts, Work
from harness.studies.grid import findings as grid
from harness.studies.grid import tables as grid_tables
from harness.studies.grid.answers import answers as grid_answers
from harness.studies.grid.record import read_record
from harness.system.machine import Machine
from harness.tools import variance

THREE = ("torch", "tf", "jax")


# ---------------------------------------------------------------------------------- consistency


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return consistency.load(build_study(tmp_path_factory.mktemp("study"), THREE))


@pytest.fixture(scope="module")
def found(study):
    return consistency.find(study)


def test_every_other_backend_has_a_last_ratio_and_a_variance(study, found):
    assert list(found.last) == [f"{measure}, {title}" for title in ("TensorFlow", "JAX")
                                for measure in ("weights", "outputs", "losses")]  # fmt: skip
    assert found.last["weights, JAX"] > 0
    pairs = {backends for _, backends in found.variances}
    assert pairs == {("torch", "tf"), ("torch", "jax")}
    table = consistency_tables.seeds_table(study, found)
    assert all(row[-1].text for row in table.rows)


def test_seed_verdicts_of_several_are_at_a_share_of_five_per_cent(found):
    ratio = {row.subject: row for row in found.seeds if row.backends == ("torch", "jax")}
    subject, row = next(iter(ratio.items()))
    assert isinstance(subject, Subject)
    draw = np.random.default_rng(0)
    values = {name: {subject: dict(enumerate(draw.normal(1, 0.1, 5)))} for name in THREE}
    rows = seed_rows(values, {subject.metric.name: row.margin})
    for each in rows:
        one, two = (list(values[name][subject].values()) for name in each.backends)
        assert each.verdict == judge(one, two, row.margin, 0.025)
    two_only = seed_rows({n: values[n] for n in THREE[:2]}, {subject.metric.name: row.margin})
    one, two = (list(values[name][subject].values()) for name in THREE[:2])
    assert two_only[0].verdict == judge(one, two, row.margin)


def test_answers_of_a_study_name_the_backend(study, found):
    divergence, _, seeds, _ = consistency_answers.answers(study, found)
    assert [s.lead for s in divergence.sentences[:-1]] == [
        f"{title}, {phase}" for title in ("TensorFlow", "JAX") for phase in ("early", "late")
    ]
    assert "JAX" in divergence.sentences[-1].text
    assert "a backend against PyTorch" in seeds.sentences[0].text
    assert "5 % over 2 comparisons (Bonferroni)" in seeds.sentences[0].text


def test_bands_have_the_colours_of_the_backends_and_five_are_drawn(study, found):
    assert {"divergence.png", "ratio.png"} <= figures(study, found).keys()
    assert backend_colour("tf", THREE) == backend_colour("tf")


# ----------------------------------------------------------------------------------------- grid


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    results = tmp_path_factory.mktemp("results")
    folder = build_grid(results, begun=0)
    for number in range(3):  # the fourth is not begun
        build(results / f"cell-{number}", (0, 1, 2), backends=THREE, size=8)
    with editing(folder / "study.json") as record:
        record["backends"] = list(THREE)
    return grid.find(read_record(folder))


def test_a_study_has_a_row_a_cell_and_direction_and_a_verdict_a_comparison(cells):
    table = grid_tables.score_table(cells, cells.metrics[0])
    assert [c.text for c in table.header[2:]] == ["PyTorch", "TensorFlow", "JAX", "Verdict",
                                                  "Verdict", "Real images",
                                                  "Untranslated"]  # fmt: skip
    assert len(table.rows) == 8 and {len(row) for row in table.rows} == {9}
    begun = table.rows[0]
    assert all(cell.text not in ("", "–") for cell in begun)  # noqa: RUF001
    assert "difference" in begun[5].detail and begun[5].detail != begun[6].detail
    assert {cell.text for cell in table.rows[-1][2:]} == {"–"}  # noqa: RUF001


def test_verdicts_of_a_study_are_counted_over_all_comparisons(cells):
    assert len(cells.judged) == 3 * 2 * 2  # cells, directions, comparisons
    same = grid_answers(cells)[0]
    assert "backend against the first" in same.sentences[0].text


# ------------------------------------------------------------------------------------- variance


def test_variance_has_a_pair_a_backend_that_is_compared_with_the_first(tmp_path):
    folder = build(tmp_path, seeds=range(5), backends=THREE)
    [row] = [r for r in variance.variance_rows(folder, 5)
             if (r.metric, r.direction) == ("pair_psnr", "ab")]  # fmt: skip
    assert list(row.compared) == ["tf", "jax"]
    scores = json.loads((folder / "metrics.json").read_text())["scores"]
    of = {
        name: [s["value"] for s in scores if (s["backend"], s["metric"], s["direction"], s["step"])
               == (name, "pair_psnr", "ab", 200)]
        for name in THREE
    }  # fmt: skip
    last = row.compared["jax"][0]
    assert last.deviation == pytest.approx(np.std(np.subtract(of["torch"], of["jax"]), ddof=1))
    margin = Margin(row.margin)
    assert last.needed == seeds_for_power(of["torch"], of["jax"], margin, 0.025)
    document = variance.as_json([row])["rows"][0]
    assert set(document["compared"]) == {"tf", "jax"} and "last" not in document
    table = variance.as_table([row])
    assert np.isnan(table["last_deviation"][0]) and table["last_deviation"][2] == last.deviation
    out = io.StringIO()
    variance.print_rows([row], Console(file=out, width=300))
    text = out.getvalue()
    assert "5 % over 2 comparisons" in text and "Each is compared with the first" in text
    lines = [line for line in text.splitlines() if " jax " in line or " tf " in line]
    assert len(lines) == 2 and all("/" in line for line in lines)


def test_variance_of_two_has_the_keys_that_it_always_had(tmp_path):
    rows = variance.variance_rows(build(tmp_path, seeds=range(3)), 5)
    assert list(variance.as_json(rows)["rows"][0]) == [
        "metric", "direction", "device", "weights", "evaluations", "backends", "last", "averaged",
        "margin", "seed_seconds", "reals",
    ]  # fmt: skip


# ------------------------------------------------------------------------------------- estimate


def test_an_estimate_is_the_sum_of_all_backends():
    experiment = load_experiment("seasons", "smoke", [])
    work = Work(experiment, Counts(64, 64, 16, 16), THREE)
    costs = tuple(
        MeasuredCosts(name, title, 1.0, 1.0, 1.0, step, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        for name, title, step in zip(THREE, ("PyTorch", "TensorFlow", "JAX"), (0.1, 0.2, 0.3),
                                     strict=True)
    )  # fmt: skip
    scoring = Scoring(Extraction(0.0, 0.0), None, 0.0, 0.0, 0.0, 0.0, "measured")
    estimate = predict(work, costs, scoring, 0.0)
    assert estimate.training == pytest.approx(sum(estimate.run(name) for name in THREE))
    out = io.StringIO()
    print_estimate(estimate, Machine("cpu", "a machine", 2), None, Console(file=out, width=300))
    assert "Training PyTorch, TensorFlow and JAX, 1 seed" in out.getvalue()
    assert set(estimate_json(estimate, Machine("cpu", "a machine", 2), None)["runs"]) == set(THREE)
