"""Who may write a folder, and who only looks whether somebody does."""

from __future__ import annotations

import fcntl
import os
import threading
from types import SimpleNamespace

import pytest

from harness.cli import main
from harness.data import download
from harness.launch.local import UnitProcess
from harness.processes.process import Child
from harness.system import lock
from harness.system.errors import UserError
from harness.system.lock import is_locked, locked, open_own
from harness.tools.environments import commands
from harness.training import worker


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


# --------------------------------------------------------------------------------------- links


def lock_of_a_folder(path):
    with locked(path.parent, name=path.name):
        pass


def lock_of_a_worker(path):
    path.rename(path.with_name(".lock"))
    worker.serve(SimpleNamespace(first={}, alive=None))


def lock_of_environments(path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "LOCK", path)
        with commands.locked():
            pass


def log_of_a_process(path):
    Child("nothing", "one", path, {}, 60.0)


def log_of_a_unit(path):
    UnitProcess(SimpleNamespace(files=SimpleNamespace(log=path)), {})


def part_of_a_download(path):
    with download._locked(path):
        pass


WRITERS = [
    lock_of_a_folder, lock_of_a_worker, lock_of_environments, log_of_a_process, log_of_a_unit,
    part_of_a_download,
]  # fmt: skip


@pytest.mark.parametrize("write", WRITERS)
def test_nothing_is_written_through_a_link(tmp_path, monkeypatch, write):
    """A folder of results from elsewhere may have one, to any file of the user's."""
    job = SimpleNamespace(folder=str(tmp_path / "results"))
    monkeypatch.setattr(worker.Job, "from_json", lambda first: job)
    precious = tmp_path / "precious.txt"
    precious.write_text("ten years")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "file").symlink_to(precious)
    with pytest.raises(UserError, match=r"a symbolic link, .*; remove it$") as refused:
        write(tmp_path / "results" / "file")
    assert str(tmp_path / "results") in str(refused.value)
    assert precious.read_text() == "ten years"


def test_a_traceback_is_not_written_through_a_link(tmp_path, monkeypatch, capsys):
    precious = tmp_path / "precious.txt"
    precious.write_text("ten years")
    (tmp_path / "cyclebench.log").symlink_to(precious)
    monkeypatch.setattr("harness.tools.list_runs.overview", lambda folder: 1 / 0)
    assert main(["list", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "ZeroDivisionError" in said and "a symbolic link" in said
    assert precious.read_text() == "ten years"


def test_what_this_program_writes_in_place_is_a_file_and_never_emptied(tmp_path):
    file = tmp_path / "log.txt"
    for text in (b"one ", b"two"):
        with open_own(file) as opened:
            opened.write(text)
    assert file.read_bytes() == b"one two"
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "dangling").symlink_to(tmp_path / "new")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "loop", tmp_path / "dangling"):
        with pytest.raises(UserError, match=rf"^{path}: .*remove it$"):
            open_own(path)
    assert not (tmp_path / "new").exists()
