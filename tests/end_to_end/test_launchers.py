"""Several seeds at once, by each launcher: the same records, whatever is killed on the way."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import psutil
import pytest
from command_line import PROGRAM, command, experiment_folder, given, run
from command_line import SETTINGS as COMMAND_SETTINGS
from killing import assert_identical
from rich.console import Console

from backends.objective import RECORDED
from harness.config.experiment import load_experiment
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


def test_jobs_of_slurm_whose_time_is_up_go_on(one_by_one, tmp_path, monkeypatch):
    pytest.importorskip("submitit")
    monkeypatch.setenv("CYCLEBENCH_SLURM", "local")

    def time_is_up(process):
        psutil.Process(process).parent().send_signal(signal.SIGUSR2)

    ending = when_begun(tmp_path, 1, time_is_up)
    example("slurm.sh", tmp_path, "--cpus", "1")
    ending.join()
    assert_identical(one_by_one, tmp_path)
    assert states(tmp_path) == ["complete"] * SEEDS
    logs = list(tmp_path.glob("*/units/jobs/*.out"))
    assert sum("Requeued job" in log.read_text() for log in logs) == 1


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
