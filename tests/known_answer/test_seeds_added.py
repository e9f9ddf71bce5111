"""`--seeds auto` from the command line: interrupted after a look, it goes on with the next seed."""

from __future__ import annotations

import json
from pathlib import Path

import known_backend
import known_set
import known_world
import numpy as np
import pytest
from command_line import called, experiment_folder, given, interrupted_at, undrawn

from harness.records.run import find_runs

translated = known_backend.translated
# So narrow a margin that no verdict ends it before its maximum.
SETTINGS = (
    "evaluation.margins.kid_efflite0=1.0001", "evaluation.evaluate_every=0",
    "training.steps_per_epoch=4", "timing.timed_steps=null",
)  # fmt: skip


def uneven(images: np.ndarray, direction: str, backend: str, seed: int, *others) -> np.ndarray:
    """Now one backend is better and now the other: nothing can be told of them."""
    luck = 5 * ((seed + known_backend.number(backend)) % 2)
    return translated(images, direction, backend, luck, *others)


def test_seeds_are_added_one_by_one_up_to_the_maximum_across_an_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    known_backend.forget_processes()
    monkeypatch.setattr(known_backend, "translated", uneven)
    arguments = (
        *("compare", "--preset", "smoke", "--dataset", known_set.write_set(tmp_path / "data")),
        *("--results", tmp_path / "results", "--seeds", "auto", "--max-seeds", "4"),
        *("--at-once", "1", *given((*known_world.OVERRIDES, *SETTINGS))),
    )
    with known_world.known_parts(), undrawn():
        with interrupted_at("After 3 seeds: cannot tell yet"):
            done = called(*arguments)
        assert done.returncode == 130 and "goes on from here" in done.stderr, done.stderr
        folder = experiment_folder(tmp_path / "results")
        complete = {(r.backend, r.seed) for r in find_runs(folder) if r.complete}
        assert complete >= {(name, seed) for name in ("torch", "tf") for seed in range(3)}
        done = called(*arguments)
    assert done.returncode == 0, done.stderr
    assert "After 4 seeds: cannot tell yet" in done.stderr
    assert {run.seed for run in find_runs(folder)} == {0, 1, 2, 3}
    record = json.loads((folder / "seeds.json").read_text())
    assert (record["design"], record["maximum"]) == ("auto", 4)
    assert [look["seeds"] for look in record["looks"]] == [[0, 1, 2], [0, 1, 2, 3]]
    assert (
        "Seeds were added until the primary score was decided" in (folder / "report.md").read_text()
    )
