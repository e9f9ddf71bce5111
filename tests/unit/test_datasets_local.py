"""A data set is found where the user put it, or refused where it was clearly meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from datasets_helpers import Site, find, write_set

from harness.data.find_local import find_local
from harness.data.layout import DatasetFolder
from harness.system.errors import UserError

pytestmark = pytest.mark.usefixtures("own_cache")


def test_any_folder_with_the_four_splits_works_by_path(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "my faces")
    assert find(str(folder)) == DatasetFolder("my faces", folder, ("A", "B"))
    assert find("../my faces").folder == folder


def test_a_path_with_a_published_name_gets_its_titles(tmp_path: Path) -> None:
    write_set(tmp_path / "x" / "summer2winter")
    found = find(str(tmp_path / "x" / "summer2winter"))
    assert (found.name, found.titles) == ("summer2winter_yosemite", ("summer", "winter"))


def test_a_path_that_lacks_a_split_is_refused_by_name(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "half")
    (folder / "testB").rename(folder / "tset")
    with pytest.raises(UserError, match="half: no folder testB in it"):
        find(str(folder))
    folder = folder.rename(tmp_path / "half:one-two")
    with pytest.raises(UserError, match="half:one-two: no folder testB in it"):
        find(str(folder))
    with pytest.raises(UserError, match="nowhere: no such folder"):
        find(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("typed", ["summer2winter", "summer2winter_yosemite"])
@pytest.mark.parametrize("folder", ["summer2winter", "summer2winter_yosemite"])
def test_data_dir_may_use_the_published_name_or_an_alias(
    tmp_path: Path, typed: str, folder: str
) -> None:
    write_set(tmp_path / "data" / folder)
    found = find(typed, tmp_path / "data")
    assert found == DatasetFolder(
        "summer2winter_yosemite", tmp_path / "data" / folder, ("summer", "winter")
    )


def test_data_dir_may_be_the_set_itself(tmp_path: Path) -> None:
    write_set(tmp_path / "horse2zebra")
    assert find("horse2zebra", tmp_path / "horse2zebra").folder == tmp_path / "horse2zebra"
    assert find_local("summer2winter", tmp_path / "horse2zebra") is None


def test_data_dir_may_hold_a_set_of_ones_own(tmp_path: Path) -> None:
    write_set(tmp_path / "data" / "faces")
    assert find("faces", tmp_path / "data").name == "faces"


def test_an_incomplete_set_in_data_dir_is_not_passed_over(tmp_path: Path, mirror: Site) -> None:
    folder = write_set(tmp_path / "data" / "horse2zebra")
    (folder / "trainB").rename(folder / "train_b")
    with pytest.raises(UserError, match="no folder trainB"):
        find("horse2zebra", tmp_path / "data")
    assert mirror.requests == []


def test_a_data_dir_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="typo: no such folder"):
        find("horse2zebra", tmp_path / "typo")
