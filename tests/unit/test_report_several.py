"""A report of three and of four backends: each against the first, in one table and one sentence."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from report_experiment import build, editing, pages
from several_backends import BACKENDS, folder_with

from harness.records.experiment import load
from harness.report.comparison import notes, plots
from harness.report.comparison.baseline_check import have_they_learnt
from harness.report.comparison.data_files import summary, table_files
from harness.report.comparison.divergence import divergences, why
from harness.report.comparison.findings import find
from harness.report.comparison.forest import forest_rows
from harness.report.comparison.galleries import galleries, picture_row
from harness.report.comparison.tables import metric_table, timing_tables
from harness.report.comparison.timing import paired_times, timing_rows
from harness.report.comparison.verdict import answers
from harness.report.figures import legend_columns
from harness.report.formatting import MINUS
from harness.statistics.intervals import ratio_interval


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return folder_with(tmp_path_factory.mktemp("three"), {"jax": 1.6}, seeds=range(3))


@pytest.fixture(scope="module")
def experiment(folder):
    return load(folder)


@pytest.fixture(scope="module")
def findings(experiment):
    return find(experiment)


def fast(findings):
    return next(a for a in findings.answers if a.question == "Are they equally fast?")


def heads(table):
    return [cell.text for cell in table.header]


def test_one_table_of_scores_has_a_row_a_direction_and_a_verdict_a_comparison(experiment, findings):
    table = metric_table(experiment, findings.metrics, "cpu-example")
    assert heads(table)[2:] == ["PyTorch", "TensorFlow", "JAX", "Verdict", "Verdict",
                                "Real images", "Untranslated"]  # fmt: skip
    assert [cell.detail for cell in table.header[5:7]] == [
        f"PyTorch {MINUS} TensorFlow",
        f"PyTorch {MINUS} JAX",
    ]
    kid = [row for row in table.rows if row[0].text.startswith("KID")]
    assert [row[1].text for row in kid] == ["summer → winter", "winter → summer"]
    for row, of_row in zip(kid, findings.metrics[::2], strict=False):
        assert all(cell.text for cell in row[2:5]), "no score is left out, and none stands twice"
        assert row[6].text == "different" and "ratio 1.58" in row[6].detail
        assert f"difference {of_row.text(of_row.difference.value)}" in row[5].detail


def test_one_table_of_times_has_a_ratio_a_comparison(experiment, findings):
    [table] = timing_tables(experiment, findings.timing, "cpu-example")
    assert heads(table) == ["Quantity", "PyTorch", "TensorFlow", "JAX", "Ratio", "Ratio"]
    assert [cell.detail for cell in table.header[4:]] == ["TensorFlow / PyTorch", "JAX / PyTorch"]
    median = table.rows[0]
    assert median[4].text == "1.30" and median[5].text == "0.80"
    assert "54 block pairs" in median[5].detail


def test_the_first_backends_time_stands_beside_any_number_of_others(tmp_path):
    four = ("jax", "torch", "tf")
    loaded = load(build(tmp_path, backends=four))
    [table] = timing_tables(loaded, timing_rows(loaded), "cpu-example")
    assert heads(table)[1:4] == ["JAX", "PyTorch", "TensorFlow"]
    assert [cell.detail for cell in table.header[4:]] == ["PyTorch / JAX", "TensorFlow / JAX"]


def test_intervals_of_several_ratios_hold_together(experiment, findings):
    rows = [row for row in findings.timing if row.quantity == "step_ms_median"]
    for row, other in zip(rows, ("tf", "jax"), strict=True):
        pairs = paired_times(experiment.of("torch"), experiment.of(other))
        second, first = pairs["second"].to_numpy(), pairs["first"].to_numpy()
        assert row.ratio == ratio_interval(second, first, 0.975)
        alone = ratio_interval(second, first)
        assert row.ratio.low < alone.low < alone.high < row.ratio.high


def test_the_answer_on_speed_names_each_and_says_how_sure_it_is(findings):
    answer = fast(findings)
    assert answer.short.startswith(
        "No, TensorFlow is slower, JAX is faster: a training step took 1.3"
    )
    assert "times as long in TensorFlow (95 % interval" in answer.short
    assert "times as long in JAX (95 %" in answer.short and answer.short.endswith("as in PyTorch.")
    assert "2 comparisons hold together at 95 % (Bonferroni)" in answer.sentences[-1].text


def test_only_who_is_surely_faster_or_slower_is_said_to_be(tmp_path):
    folder = build(tmp_path, backends=BACKENDS)
    blocks = "runs/cpu-example/{}-seed0/blocks.csv"
    with editing(folder / blocks.format("torch")) as first:
        seconds = first["train_seconds"].to_numpy().copy()
    rng = np.random.default_rng(0)
    with editing(folder / blocks.format("jax")) as other:
        other["train_seconds"] = seconds * rng.lognormal(0, 0.1, len(seconds))
    assert fast(find(load(folder))).short.startswith("No, TensorFlow is slower: a training step")


def test_devices_that_do_not_agree_are_told_as_a_span(tmp_path):
    folder = build(tmp_path, backends=BACKENDS, devices=("cpu-a", "gpu-b"))
    short = fast(find(load(folder))).short
    assert "in TensorFlow (2 devices)" in short and "in JAX (2 devices)" in short


def test_a_busy_machine_says_whose_ratio_is_missing(tmp_path):
    folder = build(tmp_path, backends=BACKENDS)
    with editing(folder / "runs/cpu-example/jax-seed0/blocks.csv") as blocks:
        blocks["others_share"] = 0.9
        blocks["steal_share"] = blocks["throttled_share"] = 0.0
    short = fast(find(load(folder))).short
    assert "the machine was busy, and there is no ratio of JAX" in short
    assert "1.3" in short and "in TensorFlow" in short


def test_losses_are_followed_from_the_first_backend_to_each_other(experiment):
    found = divergences(experiment)
    assert [(one.first, one.second) for one in found] == [("torch", "tf"), ("torch", "jax")]
    assert [p.split(" start")[0] for p in why(experiment, found)[:2]] == [
        "PyTorch and TensorFlow", "PyTorch and JAX"]  # fmt: skip


def test_every_gallery_shows_the_difference_of_each_to_the_first(experiment):
    [ab] = [g for g in galleries(experiment) if g.name == "ab"]
    titles = [column.title.partition(",")[0] for column in ab.columns]
    assert titles == ["original (summer)", "PyTorch", "TensorFlow", "JAX",
                      "difference of TensorFlow", "difference of JAX", "truth"]  # fmt: skip
    first, _, jax = (column.images.astype(int) for column in ab.columns[1:4])
    gap = np.abs(first - jax).mean(-1)
    brightest = np.unravel_index(gap[0].argmax(), gap[0].shape)
    shown = ab.columns[5].images[0, ..., 0]
    assert shown[brightest] == shown.max() > 0
    assert [len(one.columns) for one in picture_row([ab])] == [4], "no differences up there"


def test_galleries_of_many_columns_have_a_line_of_the_page_and_can_be_scrolled(folder, tmp_path):
    html = pages(folder)[0]
    assert 'style="grid-template-columns:repeat(7,minmax(5.4rem,160px));overflow-x:auto"' in html
    assert '<div class="side" style="grid-template-columns:minmax(0,1fr)">' in html
    two = pages(build(tmp_path))[0]
    assert 'repeat(5,minmax(0,160px))">' in two and "5.4rem" not in two


def test_the_unfolded_forest_plot_has_every_row_of_the_primary_score(
    experiment, findings, monkeypatch
):
    monkeypatch.setattr("harness.report.figures._saved", lambda figure, _: figure)
    monkeypatch.setattr(plots, "files", dict)
    rows = forest_rows(findings.metrics)
    assert sum(row.primary for row in rows) == 4
    drawn = plots.figures(experiment, findings)
    assert {"forest.png", "forest_all.png", "divergence.png"} <= drawn.keys()


def test_captions_do_not_speak_of_two(experiment, tmp_path):
    three = notes.captions(experiment)
    assert "waiting for the turn of the other backends" in three["clocks"]
    assert "each other backend and the first, same seed" in three["divergence"]
    two = notes.captions(load(build(tmp_path)))
    assert "waiting for the turn of the other backend." in two["clocks"]
    assert "Solid: two backends, same seed." in two["divergence"]


def test_a_page_lists_all_frameworks_and_explains_the_corrections(folder):
    html, text = pages(folder)
    assert "PyTorch, TensorFlow and JAX" in text
    assert "corrected for its 2 comparisons (Holm)" in html
    assert "Each of 2 backends is compared with the first; the intervals of their" in text


def test_tables_for_programs_have_a_row_a_comparison_and_latex_one_table(experiment, findings):
    files = table_files(experiment, findings)
    scores = pd.read_csv(io_of(files["tables/scores.csv"]))
    assert set(scores["backends"]) == {"torch tf", "torch jax"}
    assert {"torch", "tf", "jax", "jax_low"} <= set(scores.columns)
    latex = files["tables/timing.tex"].decode()
    assert latex.count("\\begin{tabular}{lrrrrr}") == 1 and "JAX / PyTorch" in latex
    assert files["tables/scores.tex"].decode().count("\\begin{tabular}{llrrrrrrr}") <= 1


def io_of(content):
    return io.BytesIO(content)


def test_one_backend_alone_still_has_a_page(tmp_path):
    html, text = pages(build(tmp_path, backends=("jax",), seeds=range(3)))
    assert "it needs complete runs of two backends" in text
    assert "(Holm)" not in html.split("<h2")[0]
    loaded = load(tmp_path)
    [table] = timing_tables(loaded, timing_rows(loaded), "cpu-example")
    assert heads(table) == ["Quantity", "JAX"]
    assert [a.question for a in answers(loaded, [], [], have_they_learnt(loaded, []))]


def test_summary_json_has_no_positions(experiment, findings):
    document = json.loads(json.dumps(summary(experiment, findings), allow_nan=False))
    timing = [row for row in document["timing"] if row["quantity"] == "step_ms_median"]
    assert [set(row) & set(BACKENDS) for row in timing] == [{"torch", "tf"}, {"torch", "jax"}]


@pytest.mark.parametrize(
    ("labels", "columns"),
    [
        (["PyTorch", "TensorFlow"], 2),
        (["PyTorch, real", "PyTorch, fake", "TensorFlow, real", "TensorFlow, fake"], 4),
        (["PyTorch against itself", "TensorFlow against itself", "JAX against itself",
          "PyTorch against TensorFlow", "PyTorch against JAX"], 4),
        ([f"{letter * 30}, real" for letter in "abcdef"], 3),
        (["x" * 200], 1),
    ],
)  # fmt: skip
def test_a_legend_takes_more_lines_before_it_is_wider_than_its_figure(labels, columns):
    assert legend_columns(labels, 11) == columns
