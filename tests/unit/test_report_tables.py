"""Tables as files: CSV holds the full numbers, LaTeX the shown ones, and no name is markup."""

import copy
import io
import re
import shutil
import subprocess

import pandas as pd
import pytest
from report_experiment import STEPS, build, editing, write_run

from harness.records.experiment import load
from harness.report.comparison.data_files import summary, table_files
from harness.report.comparison.findings import find
from harness.report.comparison.scores import BASELINES
from harness.report.comparison.tables import baseline_table, last_step_table
from harness.report.formatting import MINUS, MISSING
from harness.report.latex import LONG, document, escape
from harness.report.page import Cell, Table

NAMES = {"scores", "cycle", "losses", "timing", "clocks", "environment", "configuration"}
EVIL = r"a_b%c&d#e{f}g~h^i\j$k"
DEVICES = ("cpu-example", "gpu-example")


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    return load(build(tmp_path_factory.mktemp("two"), seeds=(0, 1, 2), devices=DEVICES))


@pytest.fixture(scope="module")
def files(experiment):
    return table_files(experiment, find(experiment))


def csv(files, name):
    return pd.read_csv(io.BytesIO(files[f"tables/{name}.csv"]), float_precision="round_trip")


def tex(files, name):
    return files[f"tables/{name}.tex"].decode()


def test_every_table_is_there_in_both_forms(files):
    assert set(files) == {f"tables/{name}.{kind}" for name in NAMES for kind in ("csv", "tex")}


def test_csv_has_every_number_of_the_summary_in_full(experiment, files):
    given = summary(experiment, find(experiment))
    scores = csv(files, "scores").set_index(["device", "metric", "direction"])
    assert len(scores) == len(given["metrics"]) > 20
    for row in given["metrics"]:
        written = scores.loc[(row["device"], row["metric"], row["direction"])]
        assert written["torch"] == row["torch"]["value"]
        assert written["tf_high"] == row["tf"]["high"]
        assert written["difference_low"] == row["difference"]["low"]
    losses = csv(files, "losses").set_index(["term", "convention"])
    for row in given["losses"]:
        assert losses.loc[(row["term"], row["convention"]), "tf"] == row["tf"]
    timing = csv(files, "timing").set_index(["device", "quantity"])
    for row in given["timing"]:
        value = timing.loc[(row["device"], row["quantity"]), "torch"]
        assert value == row["torch"] or (row["torch"] is None and pd.isna(value))


def test_steps_are_whole_numbers_and_what_cannot_be_had_is_empty(files):
    rows = csv(files, "scores")
    cycle = rows["metric"] == "cycle_psnr"
    assert cycle.any() and rows.loc[cycle, "torch_best_step"].isna().all()
    lines = files["tables/scores.csv"].decode().splitlines()
    place = lines[0].split(",").index("torch_best_step")
    assert {line.split(",")[place] for line in lines[1:]} <= {"", "0", str(STEPS // 2), str(STEPS)}


def test_latex_shows_what_the_page_shows(experiment, files):
    text = tex(files, "scores")
    assert text.count("\\begin{table}") == 2 == text.count("\\bottomrule")
    assert "\\label{tab:scores-cpu-example}" in text
    row = next(r for r in find(experiment).metrics if r.metric.name == "kid_efflite0")
    shown = f"{row.scores['torch'].interval.value * 1000:,.1f}"
    assert f"{shown} \\\\ {{\\footnotesize {{[}}" in text
    assert not set(text) & set("→↓↑\u00a0" + MINUS + MISSING), "glyphs that fonts may lack"


def test_each_row_of_latex_has_as_many_cells_as_its_table_has_columns(files):
    for name in NAMES:
        columns = 0
        for line in tex(files, name).splitlines():
            if begun := re.match(r"\\begin\{(?:tabular|longtable)\}\{([lr]+)\}", line):
                columns = len(begun[1])
            elif line.endswith(r" \\") and not line.startswith(r"\caption"):
                assert len(re.findall(r"(?<!\\)&", line)) == columns - 1, (name, line)


@pytest.mark.parametrize(
    "text, expected",
    [
        (EVIL, r"a\_b\%c\&d\#e\{f\}g\textasciitilde{}h\textasciicircum{}i\textbackslash{}j\$k"),
        ("[x]*", "{[}x{]}{*}"),
        ("a--b---c", "a-{}-b-{}-{}-c"),
        ("two\nlines\x00 \u202eand", "two lines and"),
        ("?`!`", r"?\textasciigrave{}!\textasciigrave{}"),
        ("", ""),
        ("Zürich 山", "Zürich 山"),
    ],
)
def test_text_means_itself_in_latex(text, expected):
    assert escape(text) == expected


def test_a_hostile_name_is_escaped_wherever_it_stands(tmp_path):
    folder = build(tmp_path, dataset=EVIL)
    with editing(folder / "experiment.json") as head:
        head["configuration"]["titles"] = {"a": EVIL, "b": "\\input{x}"}
    experiment = load(folder)
    files = table_files(experiment, find(experiment))
    for name in NAMES:
        assert EVIL not in tex(files, name) and "\\input" not in tex(files, name)
    assert escape(EVIL) in tex(files, "scores") and escape(EVIL) in tex(files, "configuration")


def test_a_long_table_may_break_across_pages():
    rows = tuple((Cell(str(i)), Cell("x")) for i in range(LONG + 1))
    table = Table((Cell("a"), Cell("b")), rows)
    long, short = (
        document([("l", "C", Table(table.header, kept))]) for kept in (rows, rows[:LONG])
    )
    assert "\\begin{longtable}{lr}" in long and long.count("\\label") == 1
    assert "\\begin{tabular}{lr}" in short


def test_without_a_complete_run_there_is_the_configuration(tmp_path):
    folder = build(tmp_path, backends=())
    write_run(folder, "cpu-example", "tf", 0, state="running")
    experiment = load(folder)
    names = set(table_files(experiment, find(experiment)))
    assert names == {"tables/configuration.csv", "tables/configuration.tex"}


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="no pdflatex here")
def test_latex_compiles(files, tmp_path):
    whole = "".join(tex(files, name) for name in sorted(NAMES))
    hostile = document([("e", EVIL, Table((Cell(EVIL),), ((Cell("[x]", "*\n--"),),)))])
    (tmp_path / "a.tex").write_text(
        "\\documentclass{article}\\usepackage[T1]{fontenc}\\usepackage{booktabs,longtable}"
        f"\\begin{{document}}{whole}{hostile}\\end{{document}}"
    )
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "a.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]


# ------------------------------------------------------- baselines and the last step's scores


def test_baselines_stand_beside_each_other_where_there_are_more_than_one(tmp_path):
    folder = build(tmp_path)
    before = load(folder)
    assert baseline_table(before, find(before).metrics) is None
    with editing(folder / "metrics.json") as record:
        for row in record["references"]:
            if row["metric"] == "pair_psnr" and row["direction"] == "ab":
                row["colour_baseline"], row["mean_baseline"] = 16.77, 17.53
    experiment = load(folder)
    table = baseline_table(experiment, find(experiment).metrics)
    titles = [cell.text for cell in table.header]
    assert titles[-3:] == list(BASELINES.values())
    [row] = [r for r in table.rows if r[0].text.startswith("PSNR") and r[-1].text != MISSING]
    assert [cell.text for cell in row[-2:]] == ["16.77", "17.53"]


def test_the_last_steps_scores_stand_beside_those_of_averaged_weights(tmp_path):
    folder = build(tmp_path)
    before = load(folder)
    assert last_step_table(before, find(before).metrics) is None
    with editing(folder / "metrics.json") as record:
        record["last_step"] = copy.deepcopy(
            {name: record[name] for name in ("scores", "differences")}
        )
        for row in record["last_step"]["scores"]:
            row["value"] = 2 * row["value"] if row["metric"] == "fd_efflite0" else row["value"]
    experiment = load(folder)
    table = last_step_table(experiment, find(experiment).metrics)
    assert [cell.detail for cell in table.header[2:]] == ["averaged weights", "last step"] * 2
    rows = [[float(cell.text) for cell in r[2:]] for r in table.rows if r[0].text.startswith("FD")]
    assert len(rows) == 2
    for averaged, last in ((row[i], row[i + 1]) for row in rows for i in (0, 2)):
        assert last == pytest.approx(2 * averaged, abs=0.02)
