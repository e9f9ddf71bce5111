"""Everything that the whole path writes is what the formulas of its parts give."""

from __future__ import annotations

import checks_alone
import checks_data
import checks_figures
import checks_galleries
import checks_scores
import checks_sentences
import checks_tables
import checks_training
import known_world
import pytest
from known_world import World


def _all(*modules):
    return [
        pytest.param(check, id=f"{module.__name__.removeprefix('checks_')}: {check.__name__}")
        for module in modules
        for check in module.CHECKS
    ]


@pytest.mark.parametrize("check", _all(checks_data, checks_training))
def test_records(check, trained: World) -> None:
    check(trained)


@pytest.mark.parametrize("check", _all(checks_alone))
def test_records_of_runs_in_turns_to_the_end(check, alone: World) -> None:
    check(alone)


@pytest.mark.parametrize("check", _all(checks_scores))
def test_scores(check, scored: World) -> None:
    check(scored)


@pytest.mark.parametrize(
    "check", _all(checks_tables, checks_sentences, checks_figures, checks_galleries)
)
def test_report(check, shown: World) -> None:
    check(shown)


def test_what_is_trained_and_scored_is_not_done_again(trained: World, scored: World) -> None:
    """A second `compare` finds all runs complete; a second scoring starts no network."""
    assert "tf, seed 2: killed. Starting anew from the last checkpoints" in trained.said
    assert "torch, seed 2: goes on from step 12" in trained.said
    assert "tf, seed 2: goes on from step 8" in trained.said
    before = {key: run.folder.stat().st_mtime_ns for key, run in trained.runs.items()}
    with known_world.known_parts():
        again = known_world.train(trained.folder.parents[1])
    assert again.folder == trained.folder
    assert again.said.count("already trained, reused") == len(before)
    assert {key: run.folder.stat().st_mtime_ns for key, run in again.runs.items()} == before
