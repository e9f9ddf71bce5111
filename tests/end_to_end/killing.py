"""Kills workers and parents of comparisons at random moments, and lets them go on."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from command_line import experiment_folder, started

from backends.objective import RECORDED
from harness.records.run import find_runs
from harness.system.files import PARTIAL, read_arrays

PATIENCE = 300.0  # seconds that anything here may take before it is a failure


def workers_of(parent: int) -> list[int]:
    """Processes of trainings; those that have ended, or are no worker yet, are left out."""
    try:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    except OSError:
        return []
    return [int(child) for child in children if is_worker(int(child))]


def is_worker(process: int) -> bool:
    try:
        return b"harness.training.worker" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


def began(program: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as file:
        return started(program, stdout=file, stderr=file)


def kill_workers(
    program: Sequence[str], log: Path, kills: int, longest: float, rng: np.random.Generator
) -> tuple[int, int]:
    """Kill a worker some moments after it was started, again and again, until the program ends.

    At most `kills` times, each after up to `longest` seconds. Returns how often, and the status.
    """
    process, done, seen = began(program, log), 0, set[int]()
    deadline = time.monotonic() + PATIENCE + kills * 2 * longest
    while process.poll() is None:
        assert time.monotonic() < deadline, f"hangs: {log.read_text()[-2000:]}"
        new = [worker for worker in workers_of(process.pid) if worker not in seen]
        if not new or done == kills:
            time.sleep(0.02)
            continue
        victim = new[int(rng.integers(len(new)))]
        seen.update(new)
        if died_within(process, rng.uniform(0, longest)) or not is_worker(victim):
            continue
        os.kill(victim, signal.SIGKILL)
        done += 1
    return done, process.returncode


def kill_one_worker(longest: float, rng: np.random.Generator) -> None:
    """One of this process, after up to `longest` seconds from the start of the first."""
    deadline = time.monotonic() + PATIENCE
    while not workers_of(os.getpid()):
        assert time.monotonic() < deadline, "no worker is started"
        time.sleep(0.02)
    time.sleep(rng.uniform(0, longest))
    os.kill(int(rng.choice(workers_of(os.getpid()))), signal.SIGKILL)


def kill_parent(program: Sequence[str], log: Path, after: float) -> bool:
    """Whether it was killed; the program may have ended by itself before that."""
    process = began(program, log)
    if died_within(process, after):
        assert process.returncode == 0, log.read_text()[-2000:]
        return False
    process.kill()
    process.wait()
    return True


def died_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def assert_identical(whole: Path, survived: Path) -> None:
    """Losses, weights, moments, pools and translations, to the last bit; and nothing left behind.

    Folders of results, each with one experiment.
    """
    one, other = experiment_folder(whole), experiment_folder(survived)
    assert len(find_runs(other)) > 0
    expected = {(run.backend, run.seed): run for run in find_runs(one)}
    for found in find_runs(other):
        run = expected[found.backend, found.seed]
        assert found.complete and found.evaluated_steps == run.evaluated_steps
        for name in RECORDED:
            assert np.array_equal(run.losses[name], found.losses[name]), name
        pairs = [(run.evaluation(step), found.evaluation(step)) for step in run.evaluated_steps]
        states = (read_arrays(each.folder / "state.safetensors") for each in (run, found))
        for before, after in (*pairs, tuple(states)):
            assert before.keys() == after.keys()
            assert all(np.array_equal(before[name], after[name]) for name in before)
        assert not list(found.folder.glob("checkpoint-*"))
    assert not list(survived.rglob(f".*{PARTIAL}"))
    assert (other / "report.html").is_file()
