"""The whole of `make compare` with three known backends: who is trained, compared, and told."""

from __future__ import annotations

import json
from collections.abc import Iterator

import by_hand
import known_backend
import known_numbers
import known_world
import pytest
from command_line import undrawn
from known_world import World

import backends
from harness.report.comparison import write_report

THREE = ("torch", "tf", "third")
TITLES = {**known_backend.FRAMEWORKS, "third": "The <third>"}
SEEDS = (0, 1, 2)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Trained and scored, with a report."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(known_backend, "BACKENDS", THREE)
        patch.setattr(known_backend, "FRAMEWORKS", TITLES)
        patch.setattr(backends, "available", lambda: THREE)
        patch.setattr(backends, "packages", lambda name: ("numpy",))
        patch.setattr(backends, "releases", lambda name: None)
        patch.setattr(backends, "colour", lambda name: None)
        patch.setattr(backends, "variables", lambda name: ())
        patch.setattr(backends, "without_overrides", dict)
        with known_world.known_parts(), undrawn():
            trained = known_world.train(tmp_path_factory.mktemp("known"), SEEDS)
            scored = known_world.evaluate(trained, tmp_path_factory.mktemp("scored"))
            write_report(scored.folder)
            yield World(scored.folder, trained.said)


def test_every_backend_is_trained_with_every_seed(world: World) -> None:
    complete = {key for key, run in world.runs.items() if run.complete}
    assert complete == {(name, seed) for name in THREE for seed in SEEDS}


def test_the_course_compares_each_with_each_and_the_first_with_its_twin(world: World) -> None:
    [course] = json.loads((world.folder / "course.json").read_text())["courses"]
    assert [pair["backends"] for pair in course["pairs"]] == [
        ["torch", "tf"], ["torch", "third"], ["tf", "third"]]  # fmt: skip
    assert course["twin"]["backend"] == "torch"


def test_scores_and_differences_are_those_of_their_formulas(world: World) -> None:
    rows = json.loads((world.folder / "summary.json").read_text())["metrics"]
    [row] = [r for r in rows if (r["metric"], r["direction"]) == ("kid_efflite0", "ab")
             and "third" in r]  # fmt: skip
    assert "tf" not in row and "torch" in row
    first, third = (known_numbers.final("kid_efflite0", "ab", name) for name in ("torch", "third"))
    gaps = [x - y for x, y in zip(first, third, strict=True)]
    assert row["difference"]["value"] == pytest.approx(sum(gaps) / 3)
    assert row["ratio"]["value"] == pytest.approx(by_hand.ratio_interval(first, third)[0])


def test_times_are_of_blocks_that_all_three_ran_in_turns(world: World) -> None:
    rows = json.loads((world.folder / "summary.json").read_text())["timing"]
    ratios = {
        next(name for name in THREE[1:] if name in row): row["ratio"]
        for row in rows
        if row["quantity"] == "step_ms_median"
    }
    # The third's steps take as long as the first's in every block.
    assert ratios["third"]["value"] == pytest.approx(1.0)
    assert ratios["third"]["low"] == ratios["third"]["high"] == pytest.approx(1.0)
    assert 1.3 < ratios["tf"]["low"] < ratios["tf"]["value"] < ratios["tf"]["high"] < 1.45


def test_the_page_names_all_three(world: World) -> None:
    text = (world.folder / "report.md").read_text()
    html = (world.folder / "report.html").read_text()
    assert "The 2 comparisons with Py" in text and "share an error rate (Holm)" in text
    assert "The &lt;third&gt;" in html and "The <third>" not in html
    answer = text.split("Are they equally fast?")[1].split("Do they")[0]
    assert "is slower: a training step took" in answer and "faster" not in answer.split(":")[0]
    tables = (world.folder / "tables").iterdir()
    assert {"timing.tex", "scores.tex", "scores.csv"} <= {path.name for path in tables}
