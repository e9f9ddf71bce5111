"""Imported records: read as they were written, and checked, for others may have edited them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.records.imported_losses import Imported, read_imported, write_imported
from harness.system.errors import UserError

TABLE = pd.DataFrame({"step": [0, 5], "cycle_a": [0.1, np.nan], "cycle": [np.nan, 1 / 3]})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b", "a"):
        imported = Imported(name, f"Title {name}", ("Said.",), TABLE)
        write_imported(tmp_path, imported, {"source": "authors", "files": []}, ("Assumed.",))
    return tmp_path


def test_what_is_written_is_read_by_name(folder: Path) -> None:
    first, second = read_imported(folder)
    assert (first.name, first.title, first.declared) == ("a", "Title a", ("Said.", "Assumed."))
    assert second.name == "b"
    pd.testing.assert_frame_equal(first.table, TABLE)


def test_an_experiment_without_any_has_none(tmp_path: Path) -> None:
    assert read_imported(tmp_path) == ()


HEAD = "# schema_version: 1\n"


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("step,cycle_a\n0,1\n0,2\n", "a step twice"),
        ("step,cycle_a\n5,1\n0,2\n", "ascending"),
        ("step,cycle_a\n-1,1\n", "from 0"),
        ("step,cycle_a\n0.5,1\n", "whole numbers"),
        ("step,cycle_z\n0,1\n", "'cycle_z', which is no loss"),
        ("step,cycle_a\n0,inf\n", "cannot be drawn"),
        ("step,cycle_a\n0,0\n1,-1e16\n", "cannot be drawn"),
        ("step,cycle_a\n0,words\n", "more than numbers"),
        ("step\n0\n", "nothing behind it"),
        ("cycle_a,step\n1,0\n", "no column step in front"),
        ("step,cycle_a\n", "nothing behind it"),
    ],
)
def test_a_table_that_is_none_is_refused(folder: Path, table: str, says: str) -> None:
    (folder / "imported/a.csv").write_text(HEAD + table)
    with pytest.raises(UserError, match=f"a.csv: .*{says}.*; remove .* and import it again"):
        read_imported(folder)


def test_a_record_without_its_other_half_is_refused(folder: Path) -> None:
    (folder / "imported/a.json").unlink()
    with pytest.raises(UserError, match=r"a\.json: no such file, but there is its table"):
        read_imported(folder)
    (folder / "imported/a.csv").unlink()
    (folder / "imported/b.csv").unlink()
    with pytest.raises(UserError, match=r"b\.csv: no such file"):
        read_imported(folder)


def test_what_a_killed_process_was_writing_is_passed_over(folder: Path) -> None:
    for name in (".c.csv", ".c.json"):
        (folder / "imported" / name).write_text("half of it")
    assert [imported.name for imported in read_imported(folder)] == ["a", "b"]


def test_a_file_with_another_name_is_refused(folder: Path) -> None:
    (folder / "imported/A.csv").touch()
    with pytest.raises(UserError, match=r"A\.json: not called as imported losses are; remove it"):
        read_imported(folder)


@pytest.mark.parametrize("left", ["a.csv", "a.json"])
def test_a_name_is_taken_by_either_file(folder: Path, left: str) -> None:
    for file in (folder / "imported").glob("a.*"):
        if file.name != left:
            file.unlink()
    with pytest.raises(UserError, match=r"a\.csv: already there"):
        write_imported(folder, Imported("a", "Title", (), TABLE), {"source": "authors"}, ())


@pytest.mark.parametrize(
    ("name", "title", "table", "says"),
    [
        ("A", "Title", TABLE, "--name 'A': lower-case letters"),
        ("c", "x" * 1001, TABLE, r"c\.json: title: .*; give a shorter --title"),
        ("c", "Title", TABLE[["step"]], r"c\.csv: no column step .*; nothing is written"),
    ],
)
def test_what_could_not_be_read_again_is_not_written(tmp_path: Path, name, title, table, says):
    imported = Imported(name, title, ("Said.",), table)
    with pytest.raises(UserError, match=says):
        write_imported(tmp_path, imported, {"source": "authors"}, ())
    assert not list(tmp_path.iterdir())


def test_a_title_that_is_none_is_refused(folder: Path) -> None:
    path = folder / "imported/a.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "title": ["x"]}))
    with pytest.raises(UserError, match=r"a\.json: title: "):
        read_imported(folder)
