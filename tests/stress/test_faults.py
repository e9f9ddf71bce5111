"""What happens to a run that takes days: each is survived, or ends it with a line that helps."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from command_line import done, experiment_folder, interrupt_when
from killing import assert_identical, began, workers_of

from harness.records.run import find_runs
from harness.system.files import read_arrays, read_json, write_arrays, write_json

MORE = ("--set", "training.steps_per_epoch=400")  # long enough for anything to happen in it


@contextmanager
def training(program: list[str], results: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Yields once a worker has written two checkpoints."""
    process = began(program, log)
    try:
        wait_for(
            lambda: ended(process) or len(list(results.glob("*/runs/*/*/checkpoint-*"))) >= 2, log
        )
        assert not ended(process), log.read_text()[-2000:]
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def wait_for(event: Callable[[], object], log: Path) -> None:
    deadline = time.monotonic() + 120
    while not event():
        assert time.monotonic() < deadline, log.read_text()[-2000:]
        time.sleep(0.02)


def ended(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is not None


def the_worker(process: subprocess.Popen[bytes]) -> int:
    [worker] = workers_of(process.pid)
    return worker


def last_line(log: Path) -> str:
    text = log.read_text()
    assert "Traceback" not in text
    return text.strip().splitlines()[-1]


# -------------------------------------------------------------------------------- of workers


@pytest.mark.parametrize("how", [signal.SIGSEGV, signal.SIGTERM, signal.SIGSTOP])
def test_a_worker_that_crashes_or_hangs_is_replaced(undisturbed, tmp_path, note, how):
    results, log = tmp_path / "results", tmp_path / "log.txt"
    program = undisturbed.program(results, "--set", "timing.patience_seconds=30")
    with training(program, results, log) as process:
        os.kill(the_worker(process), how)
        assert process.wait(240) == 0, log.read_text()[-2000:]
    said = "did nothing for 30 s" if how == signal.SIGSTOP else f"killed ({how.name})"
    assert said in log.read_text() and "goes on from step" in log.read_text()
    assert_identical(undisturbed.results, results)
    note(f"{undisturbed.backend}: worker, {how.name}: survived")


def test_a_worker_that_dies_again_and_again_is_given_up(undisturbed, tmp_path, note):
    results, log = tmp_path / "results", tmp_path / "log.txt"
    program = undisturbed.program(results, *MORE, "--set", "timing.restarts=1")
    with training(program, results, log) as process:
        killed = set()
        while process.poll() is None:
            for worker in set(workers_of(process.pid)) - killed:
                os.kill(worker, signal.SIGKILL)
                killed.add(worker)
            time.sleep(0.02)
        assert process.returncode == 1 and len(killed) == 2
    assert "killed (SIGKILL), by hand or for lack of memory" in last_line(log)
    note(f"{undisturbed.backend}: worker that keeps dying: given up, said so")


def test_too_little_memory_is_said_with_what_to_lower(undisturbed, tmp_path, note):
    results, log = tmp_path / "results", tmp_path / "log.txt"
    with training(undisturbed.program(results, *MORE), results, log) as process:
        worker = the_worker(process)
        used = int(Path(f"/proc/{worker}/statm").read_text().split()[0]) * os.sysconf("SC_PAGESIZE")
        resource.prlimit(worker, resource.RLIMIT_AS, (used // 2, used // 2))
        # Said, or crashed on, by what library noticed first.
        again = "Starting anew from the last checkpoints"
        wait_for(lambda: ended(process) or again in log.read_text(), log)
        status = process.poll()
    if status is not None:
        assert status == 1 and "lower training.batch_size" in last_line(log)
    note(f"{undisturbed.backend}: host memory: " + ("said so" if status else "crashed, replaced"))


# ---------------------------------------------------------------------------------- of disks


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256m", "none", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs to mount a file system, as root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def filled(file: Path) -> None:
    with suppress(OSError), file.open("wb", buffering=0) as stream:
        while True:
            stream.write(b"\0" * 4096)


def test_a_full_disk_ends_the_run_and_harms_no_file(undisturbed, small_disk, tmp_path, note):
    results, log = small_disk / "results", tmp_path / "log.txt"
    program = undisturbed.program(results)
    with training(program, results, log) as process:
        fill = small_disk / "filler"
        filled(fill)
        assert process.wait(120) == 1, log.read_text()[-2000:]
    assert "No space left" in last_line(log) and "free some space" in last_line(log)
    for file in results.rglob("*.safetensors"):
        read_arrays(file)
    for file in results.rglob("*.json"):
        read_json(file)
    fill.unlink()
    finished = done(program)
    assert finished.returncode == 0 and "goes on from step" in finished.stderr, finished.stderr
    assert_identical(undisturbed.results, results)
    note(f"{undisturbed.backend}: disk full: said so, nothing harmed, went on identically")


def test_results_that_cannot_be_written_are_refused(undisturbed, small_disk, tmp_path, note):
    results = small_disk / "results"
    shutil.copytree(undisturbed.results, results)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    refused = done(undisturbed.program(results, "--seeds", "1"))
    assert refused.returncode == 2 and "cannot write there" in refused.stderr.splitlines()[-1]
    note(f"{undisturbed.backend}: read-only results: refused")


# -------------------------------------------------------------------------------- of signals


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_checkpoints_and_the_training_goes_on(undisturbed, tmp_path, note, sent):
    program = undisturbed.program(tmp_path)
    status, said = interrupt_when(tmp_path, lambda line: line.startswith("About "), sent, program)
    assert status == 130 and "Traceback" not in said, said
    [run] = find_runs(experiment_folder(tmp_path))
    assert run.status["state"] == "interrupted" and run.status["step"] > 0
    finished = done(program)
    assert finished.returncode == 0 and "goes on from step" in finished.stderr, finished.stderr
    assert_identical(undisturbed.results, tmp_path)
    note(f"{undisturbed.backend}: {sent.name}: checkpoint, status 130, went on identically")


# -------------------------------------------------------------------------------- of folders


def test_a_second_comparison_in_one_folder_is_refused(undisturbed, tmp_path, note):
    results, log = tmp_path / "results", tmp_path / "log.txt"
    program = undisturbed.program(results)
    with training(program, results, log) as process:
        second = done(program)
        assert second.returncode == 2, second.stderr
        assert "another cyclebench is writing there" in second.stderr.splitlines()[-1]
        assert process.wait(240) == 0
    assert_identical(undisturbed.results, results)
    note(f"{undisturbed.backend}: two comparisons in one folder: the second refused")


@pytest.fixture
def halted(undisturbed, tmp_path) -> Path:
    """An interrupted run's folder."""
    results, log = tmp_path / "results", tmp_path / "log.txt"
    with training(undisturbed.program(results), results, log) as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    [run] = find_runs(experiment_folder(results))
    return run.folder


def content(folder: Path) -> dict[str, bytes]:
    left_out = {"log.txt", ".lock"}
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in left_out)
    return {str(path): path.read_bytes() for path in files}


def edited(file: Path, **changes: object) -> None:
    write_json(
        file, {**{k: v for k, v in read_json(file).items() if k != "schema_version"}, **changes}
    )


def other_schema(version: int) -> Callable[[Path], None]:
    def change(run: Path) -> None:
        file = run / "environment.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "schema_version": version}))

    return change


def other_configuration(run: Path) -> None:
    file = run.parents[2] / "experiment.json"
    configuration = read_json(file)["configuration"]
    configuration["model"]["filters"] = 77
    edited(file, configuration=configuration)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (other_configuration, "experiment.json: not what is asked for: configuration.model.fil"),
        (lambda run: edited(run / "environment.json", threads=99), "begun with threads 99 (now"),
        (other_schema(0), "schema_version 0"),
        (other_schema(2), "schema_version 2"),
        (lambda run: [f.write_bytes(b"x") for f in run.glob("checkpoint-*")], "to train this run"),
        (
            lambda run: [write_arrays(f, {}) for f in run.glob("checkpoint-*")],
            "not a checkpoint of a run",
        ),
    ],
    ids=["configuration", "threads", "older", "newer", "damaged", "foreign"],
)  # fmt: skip
def test_a_folder_of_something_else_is_refused(undisturbed, halted, note, change, says):
    change(halted)
    experiment = halted.parents[2]
    before = content(experiment)
    refused = done(undisturbed.program(experiment.parent))
    line = refused.stderr.strip().splitlines()[-1]
    assert refused.returncode == 2 and line.startswith("cyclebench: "), refused.stderr
    assert says in line and "Traceback" not in refused.stderr
    assert content(experiment) == before
    note(f"{undisturbed.backend}: {says[:40]}: refused")


def test_a_damaged_checkpoint_is_passed_over(undisturbed, halted, note):
    newest = max(halted.glob("checkpoint-*"))
    newest.write_bytes(newest.read_bytes()[:1000])
    results = halted.parents[3]
    finished = done(undisturbed.program(results))
    assert finished.returncode == 0, finished.stderr
    assert_identical(undisturbed.results, results)
    note(f"{undisturbed.backend}: newest checkpoint damaged: the one before, identically")
