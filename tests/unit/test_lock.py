"""Who may write a folder, and who only looks whether somebody does."""

from __future__ import annotations

import fcntl
import threading

import pytest

from harness.system import lock
from harness.system.errors import UserError
from harness.system.lock import is_locked, locked


def test_a_folder_is_written_by_one_at_a_time(tmp_path):
    assert not is_locked(tmp_path)
    with locked(tmp_path):
        assert is_locked(tmp_path)
        with (
            pytest.raises(UserError, match="another cyclebench is writing there"),
            locked(tmp_path),
        ):
            pass
    assert not is_locked(tmp_path)
    with locked(tmp_path):
        pass


def test_somebody_who_only_looks_turns_no_writer_away(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "PAUSE", 0.2)
    (tmp_path / ".lock").touch()
    with (tmp_path / ".lock").open("rb") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        end = threading.Timer(0.05, lambda: fcntl.flock(looking, fcntl.LOCK_UN))
        end.start()
        with locked(tmp_path):
            pass
        end.join()
