from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors import SafetensorError

from harness.records import schema
from harness.records.run import RunRecord, find_runs
from harness.records.schema import LOSS_COLUMNS, check_columns, require
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


def a_run(folder, **changes):
    status = {"backend": "torch", "seed": 0, "state": "complete", "step": 5, "steps": 7, **changes}
    write_json(folder / "status.json", status)
    return RunRecord(folder)


def test_a_run_is_named_after_its_status_and_its_files_after_their_steps(tmp_path):
    run = a_run(tmp_path / "cpu" / "torch-seed0")
    assert (run.backend, run.seed, run.device, run.complete) == ("torch", 0, "cpu", True)
    assert run.begun and not RunRecord(tmp_path / "cpu" / "torch-seed1").begun
    assert run.evaluation_file(7).name == "step-00000007.safetensors"
    assert run.course_file(200) == run.folder / "course-00000200.safetensors"
    for step in (5, 7):
        write_arrays(run.evaluation_file(step), {"ab": np.full(1, step, np.uint8)})
    assert run.final_evaluation["ab"] == 7
    (run.folder / "evaluations" / "step-7.safetensors").touch()
    with pytest.raises(UserError, match=r"step-7\.safetensors: not called as evaluations are"):
        run.evaluated_steps  # noqa: B018
    with pytest.raises(UserError, match="it is of 'torch-seed1'; call the run's folder that"):
        a_run(tmp_path / "cpu" / "torch-seed0", seed=1).seed  # noqa: B018
    assert not a_run(tmp_path / "torch-seed0", state="interrupted").complete


@pytest.mark.parametrize(
    ("state", "loss", "diverged"),
    [
        ("failed", np.nan, True),
        ("failed", 1.0, False),
        ("failed", None, False),
        ("interrupted", np.nan, False),
        ("complete", np.inf, False),
    ],
)
def test_a_run_has_diverged_if_it_failed_at_a_loss_that_is_not_finite(
    tmp_path, state, loss, diverged
):
    run = a_run(tmp_path / "torch-seed0", state=state)
    if loss is not None:
        table = pd.DataFrame({name: [0.5, 0.5] for name in LOSS_COLUMNS[0]})
        table.loc[1, LOSS_COLUMNS[0][-1]] = loss
        write_table(run.folder / "losses.csv", table)
    assert run.diverged is diverged


def test_timed_blocks_are_neither_warm_up_nor_empty_nor_beside_other_runs(tmp_path):
    run = a_run(tmp_path / "torch-seed0")
    blocks = {"start_step": range(4), "steps": [1, 1, 0, 1], "warmup": [1, 0, 0, 0]}
    table = pd.DataFrame({**blocks, "train_seconds": [1.0, 2.0, 3.0, 4.0]})
    write_table(run.folder / "blocks.csv", table)
    assert run.timed.tolist() == [False, True, False, True]
    write_table(run.folder / "blocks.csv", table.assign(beside=[0, 0, 0, 1]))
    assert RunRecord(run.folder).timed.tolist() == [False, True, False, False]


@pytest.mark.parametrize(
    ("shape", "key", "document"),
    [
        (schema.StatusShape, "seed", {"backend": "tf", "seed": "3", "state": "odd"}),
        (schema.EnvironmentShape, "beside.threads", {"beside": {"start": 0, "threads": "2"}}),
        (schema.ResourcesShape, "flops_per_step", {"flops_per_step": "1.5"}),
        (schema.DataShape, "crop_size", {"crop_size": "64"}),
        (schema.TrainingShape, "batch_size", {"batch_size": "1"}),
        (schema.EvaluationShape, "margins.fid", {"margins": {"fid": "2"}}),
        (schema.SeedsShape, "maximum", {"design": "auto", "maximum": "20"}),
    ],
)
def test_a_number_in_quotes_is_no_number_and_the_first_problem_is_named(shape, key, document):
    with pytest.raises(UserError, match=rf"^t\.json: {key}: input should be a valid (int|num)"):
        schema.check_shape(Path("t.json"), document, shape, "mend it")


def test_a_run_with_half_a_step_is_refused_with_what_to_do(tmp_path):
    run = a_run(tmp_path / "torch-seed0")
    blocks = {"start_step": [0, 1], "steps": [1.0, 1.5], "warmup": [0, 0], "train_seconds": [1, 1]}
    write_table(run.folder / "blocks.csv", pd.DataFrame(blocks))
    with pytest.raises(UserError, match=r"^(.*)/blocks\.csv: column 'steps' has more than whole "
                       r"numbers; remove \1 to train that run anew$"):  # fmt: skip
        run.blocks  # noqa: B018


def test_tables_and_documents_are_checked_by_column_and_by_key():
    path, table = Path("t.csv"), pd.DataFrame({"n": [0, 1], "x": [0.5, 1.0], "w": ["a", "b"]})
    check_columns(path, table[["n", "x"]], ("n",), ("n",), "mend it")
    check_columns(path, table[:0], ("n", "w"), ("x",), "mend it")
    for given, needed, whole, problem in (
        (table, ("n", "y"), (), "no column y"),
        (table[["x"]], (), ("x",), "column 'x' has more than whole numbers"),
        (table, (), ("n",), "column 'w' has more than numbers"),
    ):
        with pytest.raises(UserError) as refusal:
            check_columns(path, given, needed, whole, "mend it")
        assert str(refusal.value) == f"t.csv: {problem}; mend it"
    require(path, {"a": 0, "b": ""}, ("a", "b"), "mend it")
    with pytest.raises(UserError, match=r"^t\.csv: no b, c in it; mend it$"):
        require(path, {"a": 0, "b": None}, ("a", "b", "c"), "mend it")
