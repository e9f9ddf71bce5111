"""Folders of the cache appear whole, and what stood there before goes only when they do."""

from __future__ import annotations

import pytest

from harness.data.cache import build_folder
from harness.system.errors import UserError


def filled(folder, text):
    with build_folder(folder) as new:
        (new / "file").write_text(text)


def test_a_folder_appears_whole_and_alone(tmp_path):
    filled(tmp_path / "below" / "set", "one")
    assert [each.name for each in (tmp_path / "below").iterdir()] == ["set"]
    assert (tmp_path / "below" / "set" / "file").read_text() == "one"


def test_what_stood_there_stays_until_the_new_one_is_whole(tmp_path):
    folder = tmp_path / "set"
    filled(folder, "one")
    with pytest.raises(RuntimeError), build_folder(folder) as new:
        (new / "file").write_text("half")
        raise RuntimeError
    assert (folder / "file").read_text() == "one" and len(list(tmp_path.iterdir())) == 1
    filled(folder, "two")
    assert (folder / "file").read_text() == "two" and len(list(tmp_path.iterdir())) == 1


def test_what_another_process_has_made_meanwhile_stays(tmp_path):
    folder = tmp_path / "set"
    with build_folder(folder) as new:
        (new / "file").write_text("mine")
        filled(folder, "theirs")
    assert (folder / "file").read_text() == "theirs" and len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_may_not_be_replaced_is_refused(tmp_path):
    folder = tmp_path / "set"
    filled(folder, "one")
    with pytest.raises(UserError, match="exists already"), build_folder(folder, replace=False):
        pass
    assert (folder / "file").read_text() == "one"
