"""Several seeds at once, by each launcher: the same records, whatever is killed on the way."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import psutil
import pytest
from command_line import PROGRAM, command, experiment_folder, given, run, started
from command_line import SETTINGS as COMMAND_SETTINGS
from killing import assert_identical
from rich.console import Console

from backends.objective import RECORDED
from harness.config.load import load_experiment
from harness.launch.launch import LaunchRequest
from harness.records.run import find_runs
from harness.records.units import UnitFiles, find_units
from harness.studies.consistency.runs import Runs, Variant
from harness.system.lock import is_locked
from harness.system.progress import Display
from harness.training.experiment_folder import prepare_data
from harness.training.jobs import ComparisonRequest

SEEDS = 3
ALL = ("--seeds", f"0-{SEEDS - 1}", "--backends", "torch")
SETTINGS = given(["timing.timed_steps=4", "timing.timed_seeds=1", "timing.checkpoint_steps=2"])
PATIENCE = 120.0  # seconds
ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.devices


@pytest.fixture(scope="module", autouse=True)
def one_core():
    """Threads decide how a CPU adds up: with one core, every launcher has one."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    yield
    os.sched_setaffinity(0, cores)


@pytest.fixture(autouse=True)
def without_a_page(monkeypatch):
    monkeypatch.setattr("harness.studies.comparison.score", page_of)


def page_of(folder, *_):
    page = folder / "report.html"
    page.touch()
    return page


@pytest.fixture(scope="module")
def one_by_one(tmp_path_factory, one_core):
    """Results of seeds that were trained one after another, by one process."""
    results = tmp_path_factory.mktemp("sequential")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("harness.studies.comparison.score", page_of)
        made = run(results, *ALL, *SETTINGS, "--at-once", "1")
    assert made.returncode == 0, made.stderr
    return results


def when_begun(results: Path, seed: int, then: Callable[[int], None]) -> Thread:
    """Call `then` with the process of a unit as soon as its training has begun."""

    def wait():
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            for file in results.glob(f"*/units/seed-{seed}.json"):
                status = json.loads(file.read_text())
                begun = list(results.glob(f"*/runs/*/*-seed{seed}/checkpoint-*"))
                if status["state"] == "running" and begun:
                    return then(status["process"])
            time.sleep(0.02)

    thread = Thread(target=wait)
    thread.start()
    return thread


def states(results: Path) -> list[str | None]:
    folder = experiment_folder(results)
    found = (UnitFiles(folder, seed).read() for seed in range(SEEDS))
    return [status and status.state for status in found]


def test_at_once_on_this_machine_with_a_killed_unit(one_by_one, tmp_path):
    killer = when_begun(tmp_path, 1, lambda process: os.kill(process, signal.SIGKILL))
    made = run(tmp_path, *ALL, *SETTINGS, "--at-once", "2")
    killer.join()
    assert made.returncode == 0, made.stderr
    assert "its process ended without a word" in made.stderr
    assert_identical(one_by_one, tmp_path)
    assert states(tmp_path) == ["complete"] * SEEDS
    for record in find_runs(experiment_folder(tmp_path)):
        assert record.timed.any() == (record.seed == 0), "one seed is timed, with nothing beside it"


def test_when_the_driver_is_killed_units_leave_checkpoints_and_the_next_one_goes_on(
    one_by_one, tmp_path
):
    words = command(tmp_path, *ALL, *SETTINGS, "--at-once", "2")
    driver = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    when_begun(tmp_path, 1, lambda process: driver.kill()).join()
    assert driver.wait(PATIENCE) == -signal.SIGKILL
    folder = experiment_folder(tmp_path)
    until = time.monotonic() + PATIENCE
    while any(is_locked(unit.lock) for unit in find_units(folder)) and time.monotonic() < until:
        time.sleep(0.1)
    assert "interrupted" in states(tmp_path) and list(folder.glob("runs/*/*/checkpoint-*"))
    made = run(tmp_path, *ALL, *SETTINGS, "--at-once", "2")
    assert made.returncode == 0, made.stderr
    assert_identical(one_by_one, tmp_path)


def test_a_full_disk_under_one_unit_stops_no_other(one_by_one, tmp_path):
    """As where one node's file system is full: what is written there fails, and only that."""
    of_seed = next(one_by_one.glob("*/runs/*/torch-seed1")).relative_to(one_by_one)
    disk = tmp_path / of_seed
    disk.mkdir(parents=True)
    small = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk]
    if shutil.which("mount") is None or subprocess.run(small, capture_output=True).returncode:
        pytest.skip("needs to mount a file system, as root")
    try:
        made = run(tmp_path, *ALL, *SETTINGS, "--at-once", "2")
        assert made.returncode == 1 and "seed 1: torch, seed 1: " in made.stderr.splitlines()[-1]
        assert "No space left" in made.stderr and "free some space" in made.stderr
        assert states(tmp_path) == ["complete", "failed", "complete"]
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        made = run(tmp_path, *ALL, *SETTINGS, "--at-once", "2")
        assert made.returncode == 0, made.stderr
        assert "Seeds to train: 1," in made.stderr
        assert_identical(one_by_one, tmp_path)
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.fixture(params=["submitit", "Slurm"])
def slurm(request, monkeypatch) -> Callable[[int, str], None]:
    """Processes that submitit starts in place of jobs; or a Slurm that is there, all of whose nodes
    see the folders of these tests. Called with a unit's process and a job, it does what Slurm does
    when the job's time is up.
    """
    pytest.importorskip("submitit")
    if request.param == "submitit":
        monkeypatch.setenv("CYCLEBENCH_SLURM", "local")
        return lambda unit, job: signal_all(psutil.Process(unit).parent())
    if shutil.which("sinfo") is None or subprocess.run(["sinfo"], capture_output=True).returncode:
        pytest.skip("there is no Slurm here")
    return lambda unit, job: subprocess.run(["scancel", "--signal=USR2", job], check=True)


def signal_all(job: psutil.Process) -> None:
    """Every process of a job, as Slurm does."""
    for process in [*job.children(recursive=True), job]:
        process.send_signal(signal.SIGUSR2)


def test_jobs_of_slurm_whose_time_is_up_go_on(one_by_one, tmp_path, slurm):
    def time_is_up(process):
        slurm(process, UnitFiles(experiment_folder(tmp_path), 1).read().job)

    ending = when_begun(tmp_path, 1, time_is_up)
    example("slurm.sh", tmp_path, "--cpus", "1")
    ending.join()
    assert_identical(one_by_one, tmp_path)
    assert states(tmp_path) == ["complete"] * SEEDS
    logs = list(tmp_path.glob("*/units/jobs/*.out"))
    assert sum("Requeued job" in log.read_text() for log in logs) == 1
    log = UnitFiles(experiment_folder(tmp_path), 1).log.read_text()
    assert "interrupted; the same command goes on" in log and "goes on from step" in log


@pytest.mark.parametrize("slurm", ["Slurm"], indirect=True)
def test_jobs_that_outlive_their_driver_are_found_by_the_next(one_by_one, tmp_path, slurm):
    words = [*command(tmp_path, *ALL, *SETTINGS), "--launcher", "slurm", "--cpus", "1"]
    driver = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    when_begun(tmp_path, 1, lambda process: driver.kill()).join()
    assert driver.wait(PATIENCE) == -signal.SIGKILL
    made = run(tmp_path, *ALL, *SETTINGS, "--launcher", "slurm", "--cpus", "1")
    assert made.returncode == 0, made.stderr
    assert "found as slurm job" in made.stderr
    assert_identical(one_by_one, tmp_path)


@pytest.mark.parametrize("slurm", ["Slurm"], indirect=True)
@pytest.mark.parametrize("left", [False, True])
def test_ctrl_c_cancels_jobs_which_leave_checkpoints_or_leaves_them(
    one_by_one, tmp_path, slurm, left
):
    words = [*command(tmp_path, *ALL, *SETTINGS), "--launcher", "slurm", "--cpus", "1"]
    driver = started([*words, "--leave"] if left else words, stderr=subprocess.PIPE, text=True)
    when_begun(tmp_path, 1, lambda process: driver.send_signal(signal.SIGINT)).join()
    _, said = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == 130, said
    assert ("What was submitted goes on" in said) == left
    if not left:
        job = UnitFiles(experiment_folder(tmp_path), 1).read().job
        until = time.monotonic() + PATIENCE
        # Its processes have some seconds to end.
        while subprocess.run(["squeue", "-h", "-j", job], capture_output=True).stdout:
            assert time.monotonic() < until, "it was not cancelled"
            time.sleep(0.5)
        assert states(tmp_path)[1] == "interrupted"
        assert list(tmp_path.glob("*/runs/*/torch-seed1/checkpoint-*"))
    made = run(tmp_path, *ALL, *SETTINGS, "--launcher", "slurm", "--cpus", "1")
    assert made.returncode == 0, made.stderr
    assert_identical(one_by_one, tmp_path)


def test_runs_of_a_consistency_study_as_jobs_are_those_of_one_machine(tmp_path, monkeypatch):
    pytest.importorskip("submitit")
    monkeypatch.setenv("CYCLEBENCH_SLURM", "local")
    settings = [word for word in (*COMMAND_SETTINGS, *SETTINGS) if word != "--set"]
    experiment = load_experiment("seasons", "smoke", settings)
    display = Display(Console(file=io.StringIO()))
    prepared = prepare_data(experiment, None, display)
    variants = [Variant("reference", "", experiment, {"torch": (0, 1), "tf": (1,)})]
    here, there = (Runs(tmp_path / name, prepared, display) for name in ("here", "there"))
    assert here.train(variants) == []
    launch = LaunchRequest("slurm", cpus=1)
    assert there.train_by(launch, ComparisonRequest(dataset="seasons"), variants) == []
    one, other = (find_runs(runs.folder(experiment)) for runs in (here, there))
    assert [(run.backend, run.seed) for run in other] == [("tf", 1), ("torch", 0), ("torch", 1)]
    for whole, found in zip(one, other, strict=True):
        assert whole.folder.relative_to(here.study) == found.folder.relative_to(there.study)
        assert found.losses[list(RECORDED)].equals(whole.losses[list(RECORDED)])
        # A unit also translates before its first step.
        assert found.evaluated_steps == [0, *whole.evaluated_steps]
        last = whole.evaluation_file(whole.evaluated_steps[-1])
        for file in (whole.folder / "state.safetensors", last):
            there_file = found.folder / file.relative_to(whole.folder)
            assert there_file.read_bytes() == file.read_bytes()
    assert there.train_by(launch, ComparisonRequest(dataset="seasons"), variants) == []
    jobs = list(there.study.glob("experiments/*/units/jobs/*.out"))
    assert len(jobs) == 3, "none is trained twice"


def test_a_node_of_ray_is_lost(one_by_one, tmp_path, monkeypatch):
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)

    def lose_node(process):
        above = {one.pid for one in psutil.Process(process).parents()}
        on = [n for n in nodes if any(p.process.pid in above for p in n.all_processes["raylet"])]
        # On the head it is another node that is lost, with another unit.
        cluster.remove_node((on or nodes)[0], allow_graceful=False)

    try:
        losing = when_begun(tmp_path, 1, lose_node)
        example("ray.sh", tmp_path, "--cpus", "1")
        losing.join()
        assert len(cluster.list_all_nodes()) == 2
        assert_identical(one_by_one, tmp_path)
        assert states(tmp_path) == ["complete"] * SEEDS
    finally:
        cluster.shutdown()


def example(script: str, results: Path, *arguments: str) -> None:
    """Run a script of examples/ to its end, in the environment of the tests."""
    program = tmp_program(results.parent)
    words = [*command(results, *ALL, *SETTINGS, *arguments)[len(PROGRAM) + 1 :]]
    done = subprocess.run(
        [ROOT / "examples" / script, *words],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "CYCLEBENCH": str(program)},
    )
    assert done.returncode == 0, done.stderr


def tmp_program(folder: Path) -> Path:
    """`cyclebench` of these sources, which makes no page: that is none of a launcher's business."""
    program = folder / "cyclebench"
    program.write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        f"sys.path[:0] = [{str(ROOT)!r}]\n"
        "from harness.studies import comparison\n"
        "def page_of(folder, *_):\n"
        "    page = folder / 'report.html'\n"
        "    page.touch()\n"
        "    return page\n"
        "comparison.score = page_of\n"
        "from harness.cli import main\n"
        "sys.exit(main())\n"
    )
    program.chmod(0o755)
    return program
