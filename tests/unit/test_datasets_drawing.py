"""Built-in data sets are drawn whole, once for each size, count and version of what draws."""

from __future__ import annotations

import subprocess
import sys
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from datasets_helpers import Site, everything_in, find, write_set

from harness.data.catalogue import CATALOGUE, BuiltIn
from harness.data.digits import write_digits
from harness.data.find_or_fetch import find_or_fetch
from harness.data.layout import ALL_SPLITS, SPLITS
from harness.data.seasons import write_seasons
from harness.system.errors import UserError

module = sys.modules["harness.data.find_or_fetch"]

pytestmark = pytest.mark.usefixtures("own_cache")


def test_seasons_is_drawn_once_for_each_size_and_count(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []

    def write_seasons(folder: Path, *settings: object) -> None:
        drawn.append(settings[:3])
        for split in ALL_SPLITS:
            (folder / split).mkdir(parents=True)

    fake = types.SimpleNamespace(write_seasons=write_seasons)
    monkeypatch.setitem(sys.modules, "harness.data.seasons", fake)
    write_set(tmp_path / "data" / "seasons")
    first = find("seasons", tmp_path / "data")
    assert first.folder.parent == own_cache / "datasets"
    assert find("seasons") == first
    (first.folder / "testA_in_B").rmdir()
    assert find("seasons") == first
    assert find_or_fetch("seasons", None, size=8, counts=(4, 2)).folder != first.folder
    monkeypatch.setattr(module, "_version_of_drawing", lambda source: "newer")
    assert find("seasons").folder != first.folder
    assert drawn == [(8, 3, 2), (8, 3, 2), (8, 4, 2), (8, 3, 2)]


def test_seasons_of_an_impossible_size_is_refused(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_seasons(*settings: object) -> None:
        raise ValueError("cannot draw size=8")

    fake = types.SimpleNamespace(write_seasons=write_seasons)
    monkeypatch.setitem(sys.modules, "harness.data.seasons", fake)
    with pytest.raises(UserError, match="seasons: cannot draw size=8"):
        find("seasons")


def test_the_version_of_a_drawing_follows_the_code_that_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = BuiltIn("painter", "write", SPLITS)
    nothing = module._version_of_drawing(source, tmp_path)
    (tmp_path / "painter").mkdir()
    (tmp_path / "painter" / "paint.py").write_text("blue = 1")
    before = module._version_of_drawing(source, tmp_path)
    (tmp_path / "painter" / "paint.py").write_text("blue = 2")
    after = module._version_of_drawing(source, tmp_path)
    library = replace(source, libraries=("pillow",))
    monkeypatch.setattr(module, "version", lambda name: f"old {name}")
    old = module._version_of_drawing(library, tmp_path)
    monkeypatch.setattr(module, "version", lambda name: f"new {name}")
    new = module._version_of_drawing(library, tmp_path)
    assert len({nothing, before, after, old, new}) == 5


def test_every_built_in_set_has_a_version_of_its_own() -> None:
    nothing = module._version_of_drawing(BuiltIn("painter", "write", SPLITS))
    sources = [entry.source for entry in CATALOGUE if isinstance(entry.source, BuiltIn)]
    versions = {module._version_of_drawing(source) for source in sources}
    assert len(versions | {nothing}) == len(sources) + 1 == 3


def test_digits_lost_labels_are_drawn_again(own_cache: Path, mirror: Site) -> None:
    lines: list[str] = []
    stages: set[tuple[str, int]] = set()
    digits = find_or_fetch(
        "digits", None, size=16, counts=(3, 2),
        report=lines.append, progress=lambda stage, done, total: stages.add((stage, total)),
    )  # fmt: skip
    assert digits.name == "digits" and digits.titles == ("handwritten", "typeset")
    assert digits.folder.parent == own_cache / "datasets" and stages == {("draw", 10)}
    assert "3 + 2 images a domain of 16 px" in lines[0] and mirror.requests == []
    (digits.folder / "labels.csv").unlink()
    assert find_or_fetch("digits", None, size=16, counts=(3, 2)) == digits
    assert (digits.folder / "labels.csv").exists()


def test_more_handwritten_digits_than_there_are_is_one_line(own_cache: Path) -> None:
    with pytest.raises(UserError, match=r"digits: there are 1797 .*1700.* 98 .*other .*counts$"):
        find_or_fetch("digits", None, size=16, counts=(1700, 98))
    assert everything_in(own_cache) == []


def test_the_catalogue_leaves_what_draws_until_something_is_drawn() -> None:
    code = (
        "import sys, harness.data.find_or_fetch;"
        "print([m for m in ('sklearn', 'matplotlib', 'harness.data.seasons',"
        " 'harness.data.digits') if m in sys.modules])"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == "[]"


@pytest.mark.parametrize(("write", "total"), [(write_seasons, 8), (write_digits, 6)])
def test_progress_counts_every_picture(tmp_path: Path, write: Callable, total: int) -> None:
    calls: list[tuple[int, int]] = []
    write(tmp_path / "set", 16, 2, 1, lambda done, total: calls.append((done, total)))
    assert calls == [(done, total) for done in range(1, total + 1)]


@pytest.mark.parametrize("write", [write_seasons, write_digits])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_nothing_remains_of_an_interrupted_write(
    tmp_path: Path, write: Callable, error: type[BaseException]
) -> None:
    folder = tmp_path / "new" / "set"

    def stop(done: int, total: int) -> None:
        assert not folder.exists()
        if done == 5:
            raise error

    with pytest.raises(error):
        write(folder, 16, 2, 1, stop)
    assert list(folder.parent.iterdir()) == []


@pytest.mark.parametrize("write", [write_seasons, write_digits])
def test_an_existing_folder_is_left_alone(tmp_path: Path, write: Callable) -> None:
    (tmp_path / "mine" / "set").mkdir(parents=True)
    with pytest.raises(UserError, match="exists already; remove it"):
        write(tmp_path / "mine", 16, 1, 1)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["set"]


@pytest.mark.parametrize(
    ("write", "size", "train", "test", "problem"),
    [
        (write_seasons, 8, 1, 1, "cannot draw"),
        (write_seasons, 16, 0, 1, "cannot draw"),
        (write_seasons, 16, 1, 10**7, "cannot draw"),
        (write_digits, 15, 1, 1, "cannot draw"),
        (write_digits, 16, 0, 1, "cannot draw"),
        (write_digits, 16, 1, 0, "cannot draw"),
        (write_digits, 16, 1797, 1, "there are 1797 handwritten digits, not 1797 to train with"),
    ],
)
def test_impossible_data_sets_are_refused(
    tmp_path: Path, write: Callable, size: int, train: int, test: int, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        write(tmp_path / "new" / "set", size, train, test)
    assert everything_in(tmp_path / "new") == []
