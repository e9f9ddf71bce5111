"""The last two checkpoints of a run, and what is done where one of them is damaged."""

from __future__ import annotations

import numpy as np
import pytest

from backends.objective import RECORDED
from harness.system.errors import UserError
from harness.training.checkpoints import Checkpoint, Checkpoints


@pytest.fixture
def kept(tmp_path):
    return Checkpoints(tmp_path)


def write(kept, *steps):
    for step in steps:
        losses, blocks = np.zeros((step, len(RECORDED))), np.zeros((2, 7))
        kept.write(Checkpoint({"step": np.array(step)}, losses, blocks, np.arange(9.0)))


def test_the_last_two_are_kept_and_the_newest_is_read(kept):
    assert kept.read() is None
    write(kept, 5, 90, 1000)
    assert [file.name for file in kept.files] == [
        "checkpoint-00001000.safetensors",
        "checkpoint-00000090.safetensors",
    ]
    found = kept.read()
    assert found.step == 1000 and found.losses.shape == (1000, len(RECORDED))
    assert list(found.state) == ["step"] and found.clocks.tolist() == list(range(9))
    kept.remove()
    assert kept.read() is None and not list(kept.folder.iterdir())


@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_a_damaged_one_is_passed_over_and_stays(kept, damage, capsys):
    write(kept, 5, 9)
    newest = kept.files[0]
    content = newest.read_bytes()[:-3] if damage is None else damage
    newest.write_bytes(content)
    assert kept.read().step == 5
    assert newest.read_bytes() == content and newest.name in capsys.readouterr().out


def test_where_both_are_damaged_nothing_begins_anew_by_itself(kept):
    write(kept, 5, 9)
    for file in kept.files:
        file.write_bytes(b"x")
    with pytest.raises(UserError, match=r"00000009.*to train this run anew, remove"):
        kept.read()
    assert len(kept.files) == 2


def test_the_one_before_the_last_two_goes_only_once_the_new_one_is_there(kept, monkeypatch):
    write(kept, 1, 2)

    def full(path, arrays):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("harness.training.checkpoints.write_arrays", full)
    with pytest.raises(OSError, match="No space"):
        write(kept, 3)
    assert [int(file.stem[-1]) for file in kept.files] == [2, 1]
