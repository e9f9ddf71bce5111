"""`cyclebench parity`: the experiment, then the covering ones; what is said and written of them."""

from __future__ import annotations

import pytest

from harness.cli import main
from harness.studies import parity
from harness.studies.parity import ParityRow
from harness.system.files import read_json

GOOD = ParityRow("04 gradients", "tf, x", 1e-13, 1e-11, "float64")
BAD = ParityRow("03 losses", "tf, cycle_a", 2e-3, 1e-5, "float32")
LOST = ParityRow("15 not finite", "tf, a NaN", float("nan"), 0.0, "exact")


@pytest.fixture
def climbed(monkeypatch):
    """Covering experiments that are given in place of those that would be climbed."""
    experiments = {"01 small": [GOOD, GOOD], "02 smaller": [GOOD]}
    monkeypatch.setattr(parity, "check_parity", lambda *_: [GOOD])
    monkeypatch.setattr(parity, "climb_covering", lambda names: experiments)
    return experiments


def test_experiments_have_a_line_each_and_all_rows_are_written(climbed, capsys, tmp_path):
    assert main(["parity", "--preset", "smoke", "--to", str(tmp_path / "rows.json")]) == 0
    shown = capsys.readouterr().out
    assert shown.count("01 small") == 1 and "Parity: 4 of 4 rows pass" in shown
    written = read_json(tmp_path / "rows.json")
    assert [len(rows) for rows in written["covering"].values()] == [2, 1]
    assert len(written["rows"]) == 1


@pytest.mark.parametrize("row", [BAD, LOST], ids=["too far", "not a number"])
def test_a_breach_of_a_covering_experiment_is_shown_in_full_and_is_a_failure(climbed, row, capsys):
    climbed["02 smaller"].append(row)
    assert main(["parity", "--preset", "smoke"]) == 1
    shown = capsys.readouterr().out
    assert row.what in shown and shown.count("tf, x") == 1, "what passed is not in full"
    assert "Parity: 4 of 5 rows pass" in shown


def test_fast_leaves_them_out(climbed, capsys, tmp_path):
    climbed["02 smaller"].append(BAD)
    assert main(["parity", "--preset", "smoke", "--fast", "--to", str(tmp_path / "r.json")]) == 0
    assert "01 small" not in capsys.readouterr().out
    assert "covering" not in read_json(tmp_path / "r.json")
