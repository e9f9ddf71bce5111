"""Folders that are replaced as a whole, or not at all."""

from __future__ import annotations

import pytest

from harness.system.errors import UserError
from harness.system.folders import recover_folder, replacing_folder
from harness.system.lock import locked


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_is_replaced_when_all_is_there(tmp_path):
    for text in ("one", "two"):
        with replacing_folder(tmp_path / "M", "x") as new:
            assert new.name == "M" and new.parent.parent == tmp_path
            (new / text).write_text(text)
            assert names(tmp_path / "M") == ["one"] if text == "two" else True
    assert names(tmp_path) == ["M"] and names(tmp_path / "M") == ["two"]
    assert (tmp_path / "M").stat().st_mode & 0o700 == 0o700


def test_one_that_fails_leaves_what_was_there(tmp_path):
    (tmp_path / "M").mkdir()
    (tmp_path / "M" / "old").touch()
    with pytest.raises(KeyboardInterrupt), replacing_folder(tmp_path / "M", "x") as new:
        (new / "half").touch()
        raise KeyboardInterrupt
    assert names(tmp_path) == ["M"] and names(tmp_path / "M") == ["old"]


def test_where_nothing_can_be_written_it_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot write there .*; give another"):
        replacing_folder(tmp_path / "file" / "M", "give another").__enter__()


def test_killed_between_its_renames_the_old_one_comes_back(tmp_path):
    """Both were moved at once: one away, the other not yet there."""
    beside = tmp_path / ".M.abc.partial"
    (beside / ".old").mkdir(parents=True)
    (beside / ".old" / "report.html").touch()
    (beside / "M").mkdir()
    recover_folder(tmp_path / "M")
    assert names(tmp_path) == ["M"] and names(tmp_path / "M") == ["report.html"]


def test_what_killed_processes_left_goes_and_what_is_at_work_stays(tmp_path):
    for name in (".M.abc.partial", ".M.def.partial", ".Ms.abc.partial", ".M.abc"):
        (tmp_path / name / ".old").mkdir(parents=True)
    (tmp_path / "M").mkdir()
    with locked(tmp_path / ".M.def.partial"):
        recover_folder(tmp_path / "M")
    assert names(tmp_path) == [".M.abc", ".M.def.partial", ".Ms.abc.partial", "M"]


def test_what_was_replaced_is_never_put_back(tmp_path):
    """A process that was killed while it removed the old one, whose folder was moved later."""
    (tmp_path / ".M.abc.partial" / ".done").mkdir(parents=True)
    recover_folder(tmp_path / "M")
    assert names(tmp_path) == []
