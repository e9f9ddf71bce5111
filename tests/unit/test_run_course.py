"""Weights that a run keeps on its way, and the start of a twin. With PyTorch itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from losing_backend import begin

from harness.plan.initial_weights import initial_state
from harness.system.checksums import check_sums
from harness.system.files import read_arrays
from harness.training.run import TrainingRun

STEP = 7  # in the middle of a block, an epoch and two checkpoints
TINY = (
    "model.filters=2", "model.blocks=0", "model.discriminator_filters=2",
    "model.discriminator_layers=1", "training.policy=linear",
)  # fmt: skip


def started(folder: Path, course: int | None = STEP, ulp_draw: int | None = None) -> TrainingRun:
    folder.mkdir(exist_ok=True)
    return begin(folder, *TINY, course=course, ulp_draw=ulp_draw)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> TrainingRun:
    """Trained in blocks that do not end at STEP."""
    run = started(tmp_path_factory.mktemp("whole"))
    for until in (5, 10):
        run.train(until)
    run.finish()
    return run


def test_the_weights_after_that_step_are_kept_and_the_blocks_stay_as_they_are(whole, tmp_path):
    kept = read_arrays(whole.record.course_file(STEP))
    assert kept.keys() == whole.model.parameter_shapes().keys()
    assert {array.dtype for array in kept.values()} == {np.dtype(np.float32)}
    other = started(tmp_path, course=None)
    other.train(STEP)
    state = other.backend.state()
    assert all(np.array_equal(state[name], array) for name, array in kept.items())
    assert [block[:2] for block in whole.blocks] == [(0, 5), (5, 5)]
    assert not list(tmp_path.glob("course-*"))


def test_keeping_them_changes_nothing_of_the_training_and_is_no_training_time(whole, tmp_path):
    other = started(tmp_path, course=None)
    for until in (5, 10):
        other.train(until)
    assert np.array_equal(other.history.rows, whole.history.rows)
    assert other.clocks.seconds()["checkpoint"] == 0 < whole.clocks.seconds()["checkpoint"]


@pytest.mark.parametrize("stopped", [5, 9])
def test_a_run_that_was_interrupted_before_or_after_keeps_the_same_bytes(whole, tmp_path, stopped):
    run = started(tmp_path)
    run.train(5)
    run.checkpoint("interrupted")
    if stopped > STEP:
        run.train(stopped)  # and is killed: training goes on from step 5
    again = started(tmp_path)
    assert again.step == 5
    again.train(10)
    kept = again.record.course_file(STEP).read_bytes()
    assert kept == whole.record.course_file(STEP).read_bytes()


def test_the_file_is_among_those_whose_change_is_noticed(whole):
    file = whole.record.course_file(STEP)
    assert not check_sums(whole.record.folder)
    before = file.read_bytes()
    file.write_bytes(before[:-1] + b"x")
    damage = check_sums(whole.record.folder)
    file.write_bytes(before)
    assert damage is not None and list(damage.changed) == [file.name]


def test_a_twin_starts_one_unit_in_the_last_place_off_and_sees_the_same_plan(whole, tmp_path):
    twin = started(tmp_path, ulp_draw=0)
    start = initial_state(twin.model, twin.objective, 0)
    state = twin.backend.state()
    for name in twin.model.parameter_shapes():
        nonzero = start[name] != 0
        ulp = np.spacing(np.abs(start[name][nonzero]))
        off = np.abs(state[name][nonzero] - start[name][nonzero])
        assert np.all((off > 0) & (off <= ulp)), name
        assert not state[name][~nonzero].any()
    twin.train(STEP)
    ends = read_arrays(twin.record.course_file(STEP)), read_arrays(whole.record.course_file(STEP))
    apart = [np.abs(one - other).max() for one, other in zip(*map(dict.values, ends), strict=True)]
    # Adam moves a weight by about its rate a step: both ways, with the discriminators' 4e-3.
    assert 0 < max(apart) < 2 * STEP * 4e-3
    assert np.array_equal(twin.plan.learning_rate, whole.plan.learning_rate)
