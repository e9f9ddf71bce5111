import numpy as np
import pandas as pd
import pytest
from safetensors import SafetensorError

from harness.records.run import RunRecord, find_runs
from harness.system import files
from harness.system.errors import UserError
from harness.system.files import (
    read_arrays,
    read_json,
    read_table,
    remove_leftovers,
    replacing,
    write_arrays,
    write_bytes,
    write_json,
    write_table,
)


def test_tables_keep_every_bit_of_float32_and_float64(tmp_path):
    draw = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        values = draw.normal(size=200).astype(dtype)
        write_table(tmp_path / "t.csv", pd.DataFrame({"x": values, "n": range(200)}))
        table = read_table(tmp_path / "t.csv")
        assert np.array_equal(table["x"].to_numpy().astype(dtype), values)
    assert (tmp_path / "t.csv").read_text().startswith("# schema_version: 1\nx,n\n")


def test_arrays_come_back_with_dtype_and_shape(tmp_path):
    arrays = {"a": np.arange(6, dtype=np.uint8).reshape(2, 3)[:, ::-1], "step": np.array(7)}
    write_arrays(tmp_path / "a.safetensors", arrays)
    back = read_arrays(tmp_path / "a.safetensors")
    assert back["a"].dtype == np.uint8 and back["a"].tolist() == arrays["a"].tolist()
    assert back["step"].shape == () and back["step"] == 7


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    target = tmp_path / "status.json"
    write_json(target, {"step": 1})
    monkeypatch.setattr(files.os, "fsync", lambda fd: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        write_json(target, {"step": 2})
    assert read_json(target)["step"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["status.json"]


def test_arrays_that_cannot_be_written_are_an_os_error_and_leave_nothing(tmp_path, monkeypatch):
    def fail(arrays, name, metadata):
        raise SafetensorError("No space left on device")

    monkeypatch.setattr(files, "save_file", fail)
    with pytest.raises(OSError, match="No space left"):
        write_arrays(tmp_path / "a.safetensors", {"a": np.zeros(3)})
    assert not list(tmp_path.iterdir())


def test_arrays_are_flushed_in_the_file_that_takes_the_name(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr(files.os, "fsync", lambda fd: flushed.append(files.os.fstat(fd)))
    write_arrays(tmp_path / "a.safetensors", {"a": np.zeros(3)})
    file, folder = flushed
    written = (tmp_path / "a.safetensors").stat()
    assert (file.st_ino, file.st_size) == (written.st_ino, written.st_size)
    assert folder.st_ino == tmp_path.stat().st_ino, "its new name is in there"


@pytest.mark.parametrize("name", ["checkpoint-00000001.safetensors", "evaluations/a.safetensors"])
def test_what_a_killed_process_was_writing_is_found_and_removed(tmp_path, name):
    target = tmp_path / name
    write_arrays(target, {"a": np.zeros(3)})
    with pytest.raises(FileNotFoundError), replacing(target) as temporary:
        temporary.write_bytes(b"half of it")
        remove_leftovers(tmp_path)
        assert list(target.parent.iterdir()) == [target]
    assert read_arrays(target)["a"].tolist() == [0, 0, 0]


def test_nan_is_refused_in_json(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "x.json", {"value": float("nan")})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "content", "read"),
    [
        ("x.json", b'{"step": 1}', read_json),
        ("x.json", b'{"schema_version": 99}', read_json),
        ("x.json", b"{", read_json),
        ("x.json", b"[1]", read_json),
        ("x.csv", b"a,b\n1,2\n", read_table),
        ("x.csv", b"# schema_version: 2\na\n1\n", read_table),
        ("x.csv", b"", read_table),
        ("x.safetensors", b"garbage garbage", read_arrays),
        ("x.safetensors", b"", read_arrays),
    ],
)
def test_damaged_and_foreign_files_are_refused_by_name(tmp_path, name, content, read):
    write_bytes(tmp_path / name, content)
    with pytest.raises(UserError, match=name) as refusal:
        read(tmp_path / name)
    assert "\n" not in str(refusal.value)


def test_runs_are_found_in_order_and_know_where_they_come_from(tmp_path):
    for device, backend, seed in (("gpu", "tf", 1), ("cpu", "torch", 0), ("cpu", "tf", 2)):
        folder = tmp_path / "runs" / device / f"{backend}-seed{seed}"
        status = {"backend": backend, "seed": seed, "state": "running", "step": 0, "steps": 5}
        write_json(folder / "status.json", status)
    runs = find_runs(tmp_path)
    assert [(r.device, r.backend, r.seed) for r in runs] == [
        ("cpu", "tf", 2),
        ("cpu", "torch", 0),
        ("gpu", "tf", 1),
    ]
    assert not any(run.complete for run in runs)


def test_evaluated_steps_are_ascending(tmp_path):
    run = RunRecord(tmp_path)
    for step in (2000, 0, 100):
        write_arrays(run.evaluation_file(step), {"ab": np.zeros((1, 2, 2, 3), np.uint8)})
    assert run.evaluated_steps == [0, 100, 2000]
    assert run.evaluation(100)["ab"].shape == (1, 2, 2, 3)
