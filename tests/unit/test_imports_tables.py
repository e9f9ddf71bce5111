"""Tables of curves as several loggers write them, and what counts steps in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from event_writer import write_events

from harness.records.imported_losses import Imported, read_imported
from harness.system.errors import UserError
from harness.system.files import write_json
from harness.tools.imports.losses import ImportRequest, import_losses
from harness.tools.imports.tables import read_tables

LIGHTNING = """epoch,step,g_loss,cycle_loss,val_fid
0,9,1.5,,
0,9,,0.25,
,,,,
0,19,1.25,0.125,
0,19,,,80.5
"""
WANDB = """"Step","birds - cycle_A","birds - cycle_A__MIN","birds - cycle_A__MAX","_runtime"
"0","2.0","2.0","2.0","fast"
"100","1.5","1.5","1.5","slow"
"""
TWO_RUNS = '"Step","a - g","b - g"\n"0","1","2"\n'
KERAS = "epoch;gen_g_loss;lr\n0;1.5;0.1\n1;0.75;0.1\n"
HISTORY = json.dumps({"gen_g_loss": [1.5, 0.75], "note": ["a"], "params": {"epochs": 2}})


def table(tmp_path: Path, text: str, name: str = "metrics.csv", encoding: str = "utf-8") -> Path:
    (tmp_path / name).write_text(text, encoding)
    return tmp_path / name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_json(tmp_path / "results/experiment.json", {})
    return tmp_path / "results"


def imported(folder: Path, file: Path, source: str = "csv", *terms: str, **more) -> Imported:
    import_losses(ImportRequest((file,), source, folder, name="other", terms=terms, **more))
    (found,) = read_imported(folder)
    return found


@pytest.mark.parametrize(
    ("text", "name", "curves", "unit"),
    [
        (LIGHTNING, "m.csv", {"g_loss": {9: 1.5, 19: 1.25}, "cycle_loss": {9: 0.25, 19: 0.125},
                              "val_fid": {19: 80.5}}, "step"),
        (WANDB, "w.csv", {"cycle_A": {0: 2.0, 100: 1.5}}, "step"),
        (TWO_RUNS, "w.csv", {"a - g": {0: 1.0}, "b - g": {0: 2.0}}, "step"),
        (KERAS, "k.csv", {"gen_g_loss": {0: 1.5, 1: 0.75}, "lr": {0: 0.1, 1: 0.1}}, "epoch"),
        (HISTORY, "h.json", {"gen_g_loss": {0: 1.5, 1: 0.75}}, "epoch"),
        (json.dumps({"history": {"g": [1, 2.5]}}), "h.json", {"g": {0: 1.0, 1: 2.5}}, "epoch"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_each_logger_is_understood(tmp_path, text, name, curves, unit, encoding) -> None:
    found = read_tables([table(tmp_path, text, name, encoding)])
    assert {name: curve.to_dict() for name, curve in found.by_name.items()} == curves
    assert found.unit == unit


def test_columns_of_words_are_left_out_and_said(tmp_path) -> None:
    found = read_tables([table(tmp_path, WANDB)])
    assert "metrics.csv: columns without numbers are left out: '_runtime'." in found.assumed
    assert any("its calls of `log`" in sentence for sentence in found.assumed)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("time,value\n1,2\n", "no column is called step, Step or epoch; there are 'time', 'value'"),
        ("step,value\n1,2,3\n", "lines with more or fewer fields"),
        ("step,value\n1.5,2\n", "no whole numbers in its column step"),
        ("step,value\n-1,2\n", "steps below zero"),
        ("step,value\n1,many\n", "no numbers in its columns"),
        ("step,a,a\n1,2,3\n", "a column twice"),
        ("{}", "JSON, but no lists of numbers"),
        ('{"a": ', "no table of curves"),
    ],
)
def test_what_is_no_table_of_curves_is_described(tmp_path, text, says) -> None:
    with pytest.raises(UserError, match=says):
        read_tables([table(tmp_path, text)])


def test_tables_of_steps_and_of_epochs_are_not_mixed(tmp_path) -> None:
    files = [table(tmp_path, KERAS, "a.csv"), table(tmp_path, LIGHTNING, "b.csv")]
    with pytest.raises(UserError, match=r"a\.csv: counts epochs, .*b\.csv steps; import each"):
        read_tables(files)


def test_a_table_can_have_the_names_of_a_code(tmp_path, folder) -> None:
    found = imported(folder, table(tmp_path, WANDB), "authors")
    assert found.table.to_dict("list") == {"step": [0, 100], "cycle_a": [0.2, 0.15]}


@pytest.mark.parametrize(
    "more", [{"steps_per_epoch": 50}, {"images_per_epoch": 99, "batch_size": 2, "per": "epoch"}]
)
@pytest.mark.parametrize("text", [KERAS, KERAS.replace("\n1;", "\n2;").replace("\n0;", "\n1;")])
def test_what_counts_epochs_is_drawn_at_their_last_steps(tmp_path, folder, more, text) -> None:
    found = imported(folder, table(tmp_path, text), "tf-tutorial", **more)
    assert found.table.to_dict("list") == {"step": [49, 99], "adversarial_ab": [1.5, 0.75]}
    assert any("last of its 50 steps" in sentence for sentence in found.declared)


def test_epochs_without_their_steps_are_refused(tmp_path, folder) -> None:
    file = table(tmp_path, KERAS)
    with pytest.raises(UserError, match=r"counts epochs, .*add --steps-per-epoch N"):
        imported(folder, file, "csv", "adversarial_ab=gen_g_loss")
    assert not (folder / "imported").exists()


def test_few_numbers_in_a_row_may_be_epochs_and_it_is_said(tmp_path, folder) -> None:
    scalars = [(epoch, "gen_g_loss", 1.0) for epoch in range(40)]
    file = write_events(tmp_path / "events.out.tfevents.1.host", scalars)
    found = imported(folder, file, "tf-tutorial")
    assert found.table["step"].tolist() == list(range(40))
    said = "Its numbers 0 to 39, one after another, are taken for steps; if they are epochs"
    assert any(said in sentence for sentence in found.declared)
    (folder / "imported/other.csv").unlink()
    (folder / "imported/other.json").unlink()
    found = imported(folder, file, "tf-tutorial", per="epoch", steps_per_epoch=10)
    assert found.table["step"].tolist() == list(range(9, 400, 10))


def test_every_hundredth_step_is_a_step(tmp_path, folder) -> None:
    scalars = [(step, "gen_g_loss", 1.0) for step in range(0, 400, 100)]
    found = imported(folder, write_events(tmp_path / "x.tfevents.1", scalars), "tf-tutorial")
    assert not any("taken for steps" in sentence for sentence in found.declared)
