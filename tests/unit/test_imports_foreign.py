"""Files that harm whoever reads them end in a line, within seconds; the next is read as ever."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from event_writer import write_events
from hash_bomb import write_hash_bomb

from harness.system.errors import UserError
from harness.tools.imports import foreign
from harness.tools.imports.foreign import read_foreign


def good(path: Path) -> Path:
    torch.save({"model.1.weight": torch.ones(1, 3, 7, 7)}, path)
    return path


def test_a_file_that_takes_for_ever_is_given_up(tmp_path, monkeypatch) -> None:
    read_foreign("networks", good(tmp_path / "good.pth"))  # the process is there
    monkeypatch.setattr(foreign, "SECONDS", 0.5)
    write_hash_bomb(tmp_path / "bomb.pth")
    begun = time.monotonic()
    with pytest.raises(UserError, match=r"bomb\.pth: cannot be read \(reading it takes more"):
        read_foreign("networks", tmp_path / "bomb.pth")
    assert time.monotonic() - begun < 5
    monkeypatch.undo()
    found, notes = read_foreign("networks", tmp_path / "good.pth")
    assert np.array_equal(found[""]["model.1.weight"], np.ones((1, 3, 7, 7))) and notes == []


def test_a_file_that_grows_in_memory_is_refused(tmp_path) -> None:
    numbers = torch.zeros(1, 1, 1000, 1000)
    torch.save({f"model.{n}.weight": numbers for n in range(300)}, tmp_path / "large.pth")
    with pytest.raises(UserError, match=r"large\.pth: needs more memory"):
        read_foreign("networks", tmp_path / "large.pth")


def test_a_reader_that_dies_is_told_of_and_replaced(tmp_path) -> None:
    file = write_events(tmp_path / "x.tfevents.1", [(1, "g", 0.5)])
    read_foreign("events", file)
    os.kill(foreign._readers["events"]._process.pid, signal.SIGKILL)
    with pytest.raises(UserError, match=r"cannot be read .*; copy it again"):
        read_foreign("events", file)
    assert read_foreign("events", file)["curves"]["g"][1].tolist() == [0.5]


def test_what_is_no_network_is_not_taken_for_one(tmp_path) -> None:
    torch.save({"model.1.weight": torch.zeros(1).expand(3, 3, 7, 7)}, tmp_path / "x.pth")
    with pytest.raises(UserError, match="more than is there"):
        read_foreign("networks", tmp_path / "x.pth")
