"""The queue of units, with a launcher whose units end as told; and what shares a machine."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from harness.config.load import load_experiment
from harness.launch import launch, queue
from harness.launch.launch import LaunchRequest, at_once
from harness.launch.local import Local
from harness.launch.queue import train_units
from harness.launch.unit import Unit
from harness.records.units import UnitFiles, UnitStatus, find_units
from harness.system import provenance
from harness.system.errors import UserError
from harness.system.gpu import Gpu
from harness.system.lock import is_locked, locked
from harness.system.machine import Machine, find_machine
from harness.training.job import Beside
from harness.training.jobs import ComparisonRequest, Sharing, beside, timed_seeds

CPU = Machine("cpu", "a CPU, 16 threads", 16)
GPU = Machine("cuda", "a GPU", 16)
TWO = ComparisonRequest(backends=("torch", "tf"))


class Quiet:
    def __init__(self):
        self.lines, self.expected = [], {}

    def say(self, line):
        self.lines.append(line)

    def update(self, *args, **options):
        pass

    def expect(self, part, seconds):
        self.expected[part] = seconds


class FakeLauncher:
    """`ends`: by seed, the states that its tries end in; the last one is repeated."""

    name = "fake"

    def __init__(self, ends, places=2, left=False):
        self.ends, self.places, self.left = ends, places, left
        self.submitted, self.cancelled, self.most = [], [], 0
        self.open = set()

    def room(self):
        return self.places - len(self.open)

    def submit(self, units):
        for unit in units:
            yield unit, self._submit(unit)

    def _submit(self, unit):
        tries = sum(seed == unit.seed for seed in self.submitted)
        self.submitted.append(unit.seed)
        self.open.add(unit.seed)
        self.most = max(self.most, len(self.open))
        states = self.ends[unit.seed]
        state = states[min(tries, len(states) - 1)]
        status = UnitStatus(unit.seed, unit.backends, state, self.name)
        if state == "failed":
            status = replace(status, why="diverged: a loss is nan", fault="diverged")
        unit.files.write(status)
        return FakeHandle(self, unit)

    def find(self, unit, status):
        return None

    def leave(self):
        return self.left


class FakeHandle:
    def __init__(self, launcher, unit):
        self.launcher, self.unit = launcher, unit

    def ended(self):
        self.launcher.open.discard(self.unit.seed)
        return True

    def cancel(self):
        self.launcher.cancelled.append(self.unit.seed)

    def wait(self):
        pass


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch):
    monkeypatch.setattr(queue, "POLL_SECONDS", 0.0)


def units(folder, *seeds):
    return [Unit(folder, seed, ("torch", "tf"), label=f"seed {seed}") for seed in seeds]


def test_every_unit_is_trained_once_and_no_more_at_once_than_there_is_room_for(tmp_path):
    launcher, display = FakeLauncher({key: ["complete"] for key in range(5)}), Quiet()
    assert train_units(units(tmp_path, *range(5)), launcher, display, 3) == []
    assert launcher.submitted == [0, 1, 2, 3, 4] and launcher.most == 2
    assert display.lines.count("seed 3: complete") == 1 and display.expected["training"] == 0.0


def test_one_that_fails_is_named_and_the_others_finish(tmp_path):
    launcher = FakeLauncher({0: ["complete"], 1: ["failed"], 2: ["complete"]})
    [failure] = train_units(units(tmp_path, 0, 1, 2), launcher, Quiet(), 3)
    assert failure.fault == "diverged" and "seed 1: diverged: a loss is nan" in str(failure)
    assert str(UnitFiles(tmp_path, 1).log) in str(failure)
    assert launcher.submitted == [0, 1, 2], "it would fail again"


def test_one_that_dies_starts_again_and_not_for_ever(tmp_path):
    launcher = FakeLauncher({0: ["running", "running", "complete"], 1: ["running"]})
    [failure] = train_units(units(tmp_path, 0, 1), launcher, Quiet(), restarts=2)
    assert launcher.submitted.count(0) == 3 and launcher.submitted.count(1) == 3
    assert failure.fault == "died" and str(failure).startswith("seed 1")


def test_a_timed_part_is_done_when_it_was_interrupted(tmp_path):
    [unit] = units(tmp_path, 0)
    launcher = FakeLauncher({0: ["interrupted"]})
    assert train_units([replace(unit, timed_part=True)], launcher, Quiet(), 0) == []
    [failure] = train_units([unit], launcher, Quiet(), 0)
    assert failure.fault == "died"


def test_a_unit_that_another_process_trains_is_waited_for_then_taken_over(tmp_path, monkeypatch):
    [unit] = units(tmp_path, 0)
    unit.files.write(UnitStatus(0, unit.backends, "running"))
    launcher, display, stack = FakeLauncher({0: ["complete"]}), Quiet(), ExitStack()
    stack.enter_context(locked(unit.files.lock))
    looked = []

    def ended(path):
        looked.append(path)
        if len(looked) == 5:
            assert not launcher.submitted
            stack.close()
        return is_locked(path)

    monkeypatch.setattr(queue, "is_locked", ended)
    assert train_units([unit], launcher, display, 0) == []
    assert launcher.submitted == [0] and any("another process" in line for line in display.lines)


@pytest.mark.parametrize(("left", "cancelled"), [(False, [0, 1]), (True, [])])
def test_an_interruption_cancels_what_was_submitted_unless_it_is_left(
    tmp_path, monkeypatch, left, cancelled
):
    launcher = FakeLauncher({key: ["running"] for key in (0, 1, 2)}, left=left)

    def interrupted(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(queue.time, "sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_units(units(tmp_path, 0, 1, 2), launcher, Quiet(), 0)
    assert launcher.cancelled == cancelled and launcher.submitted == [0, 1]


def test_a_job_of_an_earlier_driver_is_found_and_not_submitted_again(tmp_path):
    class Remembering(FakeLauncher):
        def find(self, unit, status):
            if status.job != "41":
                return None
            unit.files.write(replace(status, state="complete"))
            return FakeHandle(self, unit)

    [unit] = units(tmp_path, 0)
    unit.queued("fake", "41")
    launcher = Remembering({0: ["complete"]})
    assert train_units([unit], launcher, Quiet(), 0) == [] and launcher.submitted == []


# --------------------------------------------------------------------------- sharing a machine


@pytest.mark.parametrize(
    ("machine", "seeds", "asked", "expected"),
    [
        (CPU, 20, None, 8), (CPU, 3, None, 3), (CPU, 20, 4, 4), (CPU, 2, 4, 2),
        (replace(CPU, threads=2), 20, None, 1), (replace(CPU, threads=1), 20, None, 1),
        (GPU, 20, None, 2), (GPU, 1, None, 1),
    ],
)  # fmt: skip
def test_how_many_seeds_share_a_machine(monkeypatch, machine, seeds, asked, expected):
    gpus = [Gpu(name, f"GPU-{i}", 0, (9, 0), None, (13, 0)) for i, name in enumerate("AAB")]
    monkeypatch.setattr(launch, "visible_gpus", lambda: tuple(gpus))
    monkeypatch.setattr(launch, "device_memory", lambda device: 2**40)
    assert at_once(LaunchRequest(at_once=asked), machine, TWO, seeds) == expected


def test_memory_bounds_what_is_trained_at_once(monkeypatch):
    monkeypatch.setattr(launch, "device_memory", lambda device: 7 * 2**30)
    assert at_once(LaunchRequest(), CPU, TWO, 20) == 2


def test_gpus_of_another_kind_are_left_alone(monkeypatch):
    gpus = [Gpu(name, f"GPU-{i}", 0, (9, 0), None, (13, 0)) for i, name in enumerate("ABA")]
    monkeypatch.setattr(launch, "visible_gpus", lambda: tuple(gpus))
    assert [p["CUDA_VISIBLE_DEVICES"] for p in launch._places(GPU)] == ["GPU-0", "GPU-2"]
    assert launch._places(GPU, 2) == [{"CUDA_VISIBLE_DEVICES": "GPU-0,GPU-2"}]
    assert launch._places(GPU, 3) == [{}], "the backend then says that it needs more"


def experiment(*settings):
    return load_experiment("seasons", "smoke", list(settings))


@pytest.mark.parametrize(
    ("machine", "settings", "sharing", "timed", "kept", "expected"),
    [
        (CPU, [], Sharing(), True, None, None),
        (CPU, ["timing.timed_steps=80"], Sharing(), True, None, Beside(80, 8)),
        (CPU, ["timing.timed_steps=80"], Sharing(), True, 200, Beside(200, 8)),
        (CPU, ["timing.timed_steps=80"], Sharing(), False, None, Beside(0, 8)),
        (CPU, ["timing.timed_steps=80"], Sharing(at_once=4), True, None, Beside(80, 2)),
        (CPU, [], Sharing(at_once=4), True, None, Beside(500, 2)),
        (CPU, [], Sharing(at_once=4), False, None, Beside(0, 2)),
        (CPU, [], Sharing(at_once=16), False, None, Beside(0, 1)),
        (GPU, ["timing.timed_steps=80"], Sharing(), True, None, None),
        (GPU, [], Sharing(at_once=2), True, None, Beside(500, 8, turns=True)),
        (GPU, [], Sharing(at_once=2), False, None, Beside(0, 8, turns=True)),
    ],
)  # fmt: skip
def test_threads_and_timed_steps_by_what_shares_the_machine(
    machine, settings, sharing, timed, kept, expected
):
    assert beside(experiment(*settings), machine, 2, sharing, timed, kept) == expected


def test_the_first_seeds_are_timed():
    assert timed_seeds(experiment(), range(8)) == {0, 1, 2}
    assert timed_seeds(experiment("timing.timed_seeds=1"), (7, 3)) == {7}
    assert timed_seeds(experiment("timing.timed_seeds=null"), range(8)) == set(range(8))


# ------------------------------------------------------------------------------------ records


def test_a_damaged_status_is_named(tmp_path):
    files = UnitFiles(tmp_path, 3)
    assert files.read() is None and find_units(tmp_path) == []
    files.write(UnitStatus(3, ("torch",), "queued", "slurm", "17"))
    assert files.read() == UnitStatus(3, ("torch",), "queued", "slurm", "17")
    assert find_units(tmp_path) == [files]
    text = files.status_file.read_text().replace('"queued"', '"lost"')
    files.status_file.write_text(text)
    with pytest.raises(UserError, match=r"seed-3\.json: state: .*remove it"):
        files.read()


@pytest.mark.parametrize(
    "options",
    [
        {"launcher": "ray", "leave": True}, {"leave": True}, {"ray_address": "here:6379"},
        {"launcher": "ray", "partition": "gpu"}, {"launcher": "slurm", "at_once": 2},
        {"launcher": "slurm", "minutes": 4},
    ],
)  # fmt: skip
def test_options_of_another_launcher_are_refused(options):
    with pytest.raises(UserError, match="--"):
        LaunchRequest(**options)


@pytest.mark.parametrize(("name", "package"), [("ray", "ray"), ("slurm", "submitit")])
def test_without_an_extra_the_message_names_it(monkeypatch, name, package):
    from harness.launch import ray_cluster, slurm

    def missing(module):
        raise ImportError(module)

    monkeypatch.setattr(ray_cluster.importlib, "import_module", missing)
    with pytest.raises(UserError, match=rf"pip install {package}$"):
        if name == "ray":
            ray_cluster.RayCluster(None, 1, 0, 0)
        else:
            slurm.Slurm(slurm.SlurmSettings(), left=False)


def test_places_are_free_again_when_their_process_has_ended(tmp_path, monkeypatch):
    class Process:
        over = False

        def __init__(self, unit, variables):
            self.variables = variables

        def ended(self):
            return self.over

    monkeypatch.setattr("harness.launch.local.UnitProcess", Process)
    local = Local([{"A": "1"}, {"A": "2"}])
    (_, first), (_, second) = local.submit(units(tmp_path, 0, 1))
    assert [first.variables, second.variables] == [{"A": "1"}, {"A": "2"}]
    assert local.room() == 0
    second.over = True
    [(_, third)] = local.submit(units(tmp_path, 2))
    assert third.variables == {"A": "2"} and local.room() == 0


def test_a_unit_with_fewer_threads_is_filed_under_a_device_with_so_many(monkeypatch):
    monkeypatch.setattr(provenance, "default_threads", lambda: 4)
    unit = Unit(Path("folder"), 0, ("torch",), device="cpu", threads=1)
    assert "--threads=1" in unit.command()
    assert not [word for word in replace(unit, threads=None).command() if "--threads" in word]
    one, all_of_them = (find_machine("cpu", threads) for threads in (1, None))
    assert (one.threads, all_of_them.threads) == (1, 4)
    assert one.device_name.endswith("1 thread") and all_of_them.device_name.endswith("4 threads")
