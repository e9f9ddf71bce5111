"""Event files: both kinds of scalars, restarts, damage, and what is no scalar."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from event_writer import tensor, write_events
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from harness.system.errors import UserError
from harness.tools.imports.events import read_events

SCALARS = [(step, tag, step / 8 + len(tag)) for step in (1, 2, 3) for tag in ("g", "loss/d")]


@pytest.mark.parametrize("version", [1, 2])
def test_scalars_of_both_kinds_are_read(tmp_path: Path, version: int) -> None:
    file = write_events(tmp_path / "events.out.tfevents.1.host", SCALARS, version)
    for path in (file, tmp_path):
        curves = read_events(path)
        assert curves.by_name.keys() == {"g", "loss/d"} and curves.assumed == ()
        assert curves.by_name["loss/d"].to_dict() == {1: 6.125, 2: 6.25, 3: 6.375}


def test_what_was_trained_again_after_a_restart_counts_once(tmp_path: Path) -> None:
    write_events(tmp_path / "events.out.tfevents.200.host", [(3, "g", 7.0), (4, "g", 8.0)])
    write_events(tmp_path / "events.out.tfevents.100.host", SCALARS)
    curve = read_events(tmp_path).by_name["g"]
    assert curve.to_dict() == {1: 1.125, 2: 1.25, 3: 7.0, 4: 8.0}


def test_a_last_record_that_is_cut_off_is_left_out_and_said(tmp_path: Path) -> None:
    file = write_events(tmp_path / "events.out.tfevents.1.host", SCALARS)
    whole = file.read_bytes()
    for cut in (1, 5, 20):
        file.write_bytes(whole[:-cut])
        curves = read_events(file)
        assert curves.by_name["loss/d"].index.tolist() == [1, 2]
        assert "cut off" in curves.assumed[0]


def test_images_and_texts_are_passed_over(tmp_path: Path) -> None:
    file = write_events(tmp_path / "events.out.tfevents.1.host", [])
    huge = tensor("huge", 1.0)
    huge.tensor.tensor_shape.dim.add(size=2**40)
    text = tensor("text", 0.0)
    text.tensor.dtype, text.tensor.string_val[:] = 7, [b"words"]
    values = [Summary.Value(tag="image", image=Summary.Image(height=1)), huge, text]
    values += [tensor("vector", np.zeros(3)), tensor("one", [2.0])]
    with file.open("ab") as stream:
        event = Event(step=1, summary=Summary(value=values))
        RecordWriter(stream).write(event.SerializeToString())
    assert read_events(file).by_name.keys() == {"one"}


def test_a_bit_that_turned_is_noticed(tmp_path: Path) -> None:
    file = write_events(tmp_path / "events.out.tfevents.1.host", SCALARS)
    content = bytearray(file.read_bytes())
    content[-9] ^= 1
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"damaged .*crc32"):
        read_events(file)


def test_files_of_two_runs_are_not_mixed(tmp_path: Path) -> None:
    for run in ("one", "two"):
        write_events(tmp_path / run / "events.out.tfevents.1.host", SCALARS)
    with pytest.raises(UserError, match=r"event files of 2 runs; name one"):
        read_events(tmp_path)
    assert read_events(tmp_path / "two").by_name.keys() == {"g", "loss/d"}


def test_a_folder_or_file_without_any_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no event files"):
        read_events(tmp_path)
    with pytest.raises(UserError, match="missing: no event file"):
        read_events(tmp_path / "missing")
