"""Checkpoints of a run: when they are made, and which are taken up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from losing_backend import Losing, begin

import backends
from backends.interface import Batch
from backends.objective import RECORDED
from harness.system.errors import Diverged, UserError
from harness.system.files import read_arrays, read_json, write_arrays, write_json


@pytest.fixture(autouse=True)
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "load", Losing)


def steps_kept(folder: Path) -> list[int]:
    return sorted(int(file.stem[-8:]) for file in folder.glob("checkpoint-*"))


def test_a_checkpoint_is_due_after_so_many_steps_or_seconds(tmp_path: Path) -> None:
    run = begin(tmp_path, "timing.checkpoint_steps=10", "timing.checkpoint_seconds=1e6")
    for until in (7, 12, 15, 21, 30, 31):
        run.train(until)
        run.checkpoint_if_due()
    assert steps_kept(tmp_path) == [12, 30]
    run = begin(tmp_path, "timing.checkpoint_seconds=1e-9")
    run.train(33)
    run.checkpoint_if_due()
    assert steps_kept(tmp_path) == [30, 33]


def test_a_block_ends_where_the_run_is_told_to_stop_and_nothing_is_lost(tmp_path: Path) -> None:
    run = begin(tmp_path)
    run.progress = lambda: run.step == 7
    assert run.train(13)["step"] == run.step == len(run.history.rows) == 7
    assert run.blocks[-1][:2] == (0, 7)
    run.checkpoint("interrupted")
    again = begin(tmp_path)
    again.train(13)
    (tmp_path / "whole").mkdir()
    whole = begin(tmp_path / "whole")
    whole.train(13)
    assert np.array_equal(again.history.rows, whole.history.rows)
    steps = [batch.learning_rate for one in (run, again) for batch in one.backend.batches]
    assert steps == [batch.learning_rate for batch in whole.backend.batches]


def test_where_the_newest_is_damaged_training_goes_on_from_the_one_before(tmp_path: Path) -> None:
    run = begin(tmp_path)
    for until in (10, 20):
        run.train(until)
        run.checkpoint("running")
    run.checkpoints.files[0].write_bytes(b"half")
    again = begin(tmp_path)
    assert again.step == 10 and len(again.history.rows) == 10
    again.train(40)
    again.finish()
    assert len(again.record.losses) == 40 and steps_kept(tmp_path) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"record/losses": np.zeros((3, len(RECORDED)))}, r"losses \(3, 14\) at step 7"),
        ({"record/losses": np.zeros((7, 2))}, r"losses \(7, 2\) at step 7"),
        ({"record/clocks": np.zeros(2)}, "its checkpoint is not of this run"),
        ({"record/blocks": None}, "record/blocks"),
        ({"step": None}, "step"),
        ({"step": np.zeros(2)}, "scalar"),
        (
            {"step": np.array(99), "record/losses": np.zeros((99, len(RECORDED)))},
            "its checkpoint is not of this run .step 99 of 40",
        ),
    ],
)
def test_a_checkpoint_of_something_else_is_refused_by_name(
    tmp_path: Path, change: dict[str, np.ndarray | None], says: str
) -> None:
    run = begin(tmp_path)
    run.train(7)
    run.checkpoint("interrupted")
    file = run.checkpoints.files[0]
    arrays = {**read_arrays(file), **change}
    write_arrays(file, {name: array for name, array in arrays.items() if array is not None})
    content = file.read_bytes()
    with pytest.raises(UserError, match=says) as refusal:
        begin(tmp_path)
    assert str(tmp_path) in str(refusal.value) and "remove" in str(refusal.value)
    assert file.read_bytes() == content


def test_a_run_is_not_taken_up_in_another_environment(tmp_path: Path) -> None:
    run = begin(tmp_path)
    run.train(7)
    run.checkpoint("interrupted")
    file = tmp_path / "environment.json"
    environment = {key: value for key, value in read_json(file).items() if key != "schema_version"}
    write_json(file, {**environment, "precision": "half", "driver": "another"})
    with pytest.raises(UserError, match=r"begun with precision half \(now any\)"):
        begin(tmp_path)
    assert read_json(file)["precision"] == "half" and steps_kept(tmp_path) == [7]
    write_json(file, {**environment, "driver": "another"})
    assert begin(tmp_path).step == 7, "a driver may change"


class Exploding(Losing):
    """From the 13th step on a loss is infinite."""

    def losses(self) -> np.ndarray:
        first, rows = self.handed_out, super().losses()
        rows[max(0, 13 - first) :, RECORDED.index("cycle_b")] = np.inf
        return rows


def test_a_run_that_diverges_says_where_and_keeps_the_state_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "load", Exploding)
    folder = tmp_path / "torch-seed0"
    folder.mkdir()
    run = begin(folder)
    run.train(10)
    run.checkpoint("running")
    with pytest.raises(Diverged, match=r"cycle_b is inf at step 13; .* in checkpoint-00000010"):
        run.train(20)
    run.fail("diverged: somewhere")
    assert run.record.diverged and run.record.status["why"] == "diverged: somewhere"
    assert steps_kept(folder) == [10]


def test_progress_is_told_of_every_step_and_every_few_images(tmp_path: Path) -> None:
    run = begin(tmp_path)
    told: list[int] = []
    run.progress = lambda: told.append(len(seen))
    seen: list[Batch] = run.backend.batches  # type: ignore[attr-defined]
    run.train(6)
    assert told == [1, 2, 3, 4, 5, 6]
    told.clear()
    run.test_a = np.zeros((20, 4, 4, 3), np.uint8)
    run.evaluate(everything=False)
    pieces = [-(-len(images) // 8) for images in (run.test_a, run.test_b)]
    assert len(told) == 3 * sum(pieces), "translations, then scores of real and translated ones"
    assert run.record.evaluation(6)["ab"].shape == (20, 4, 4, 3)
