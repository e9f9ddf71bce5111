"""Turn taking, with workers that only count."""

import threading
import time

import pytest

from harness.config.experiment import TimingSection
from harness.system.errors import WorkerFailed
from harness.system.files import write_json
from harness.training import turns
from harness.training.job import Beside, Job
from harness.training.pace import TYPICAL_SLOWDOWN, Pace, seconds_left
from harness.training.worker_process import Worker

TIMING = TimingSection(warmup_steps=2, block_seconds=1.0)


class CountingWorker(Worker):
    """The real one, but for the process."""

    log: list[tuple]
    start: dict[str, int]
    marks: tuple[int, ...]
    fail_at: tuple[str, int] | None
    failures: list[BaseException]  # raised there, one after the other

    def __init__(self, job):
        self.job, self.steps = job, 30
        self.step = self.start.get(job.backend, 0)
        self.begin = {"step": self.step}
        self.evaluations_left = [mark for mark in self.marks if mark >= self.step]

    @property
    def name(self):
        return self.job.backend

    def train(self, until):
        self.log.append((self.name, self.step, until))
        if self.fail_at == (self.name, until) and self.failures:
            raise self.failures.pop(0)
        self.step = until
        losses = {"cycle_a": 0.1, "cycle_b": 0.1}
        shown = ("cycle", ("cycle_a", "cycle_b"))
        seconds = {"one": 0.1, "two": 0.2}[self.name]
        return {"seconds_per_step": seconds, "losses": losses, "shown": shown}

    def request(self, **command):
        self.log.append((self.name, command))
        return {"seconds": {"one": 3.0, "two": 5.0}[self.name], "step": self.step}

    def interrupt(self):
        self.log.append((self.name, "interrupt"))

    def close(self):
        self.log.append((self.name, "close"))

    def renewed(self):
        self.log.append((self.name, "renewed"))
        other = CountingWorker(self.job)
        other.step, other.evaluations_left = self.step, self.evaluations_left
        return other


class Silent:
    def say(self, line):
        pass

    def update(self, *args, **options):
        pass


@pytest.fixture
def log(monkeypatch):
    CountingWorker.log, CountingWorker.start, CountingWorker.fail_at = [], {}, None
    CountingWorker.marks, CountingWorker.failures = (), [KeyboardInterrupt()]
    monkeypatch.setattr(turns, "Worker", CountingWorker)
    return CountingWorker.log


def run(estimate=lambda paces: None, folder="nowhere", restarts=3, beside=None):
    jobs = [
        Job(name, 0, f"{folder}/{name}-seed0", "cpu", "", 2, {}, {}, beside)
        for name in ("one", "two")
    ]
    timing = TIMING.model_copy(update={"restarts": restarts})
    turns.train_seed(jobs, timing, Silent(), estimate)


def blocks(log):
    return [entry for entry in log if len(entry) == 3]


def test_backends_take_turns_in_equal_blocks_to_the_end(log):
    estimates = []
    run(estimates.append)
    assert blocks(log)[:6] == [
        ("one", 0, 2), ("two", 0, 2), ("one", 2, 4), ("two", 2, 4), ("one", 4, 9), ("two", 4, 9),
    ]  # fmt: skip
    assert blocks(log)[-2:] == [("one", 29, 30), ("two", 29, 30)]
    assert estimates[0] == {"one": Pace(0.1, 3.0, 26, 1), "two": Pace(0.2, 5.0, 26, 1)}
    assert [paces["one"].steps_left for paces in estimates[:3]] == [26, 21, 16], "after each turn"
    assert seconds_left(estimates[0].values()) == pytest.approx(26 * (0.1 + 0.2) + 3.0 + 5.0)


def test_first_and_last_translations_are_recorded_and_runs_finished(log):
    run()
    commands = [entry for entry in log if isinstance(entry[1], dict)]
    assert commands == [
        ("one", {"evaluate": "translations"}),
        ("two", {"evaluate": "translations"}),
        ("one", {"evaluate": "everything"}),
        ("one", {"finish": True}),
        ("two", {"evaluate": "everything"}),
        ("two", {"finish": True}),
    ]


def evaluations(log):
    """Where each worker stood when it was told to translate."""
    stood, found = {"one": 0, "two": 0}, []
    for name, what, *until in log:
        if until:
            stood[name] = until[0]
        elif isinstance(what, dict) and "evaluate" in what:
            found.append((name, stood[name], what["evaluate"]))
    return found


@pytest.mark.parametrize("marks", [(3, 4, 9, 20), (1, 2, 3), (29,)])
def test_test_images_are_translated_exactly_where_asked_by_all_at_once(log, marks):
    CountingWorker.marks = marks
    run()
    wanted = [(name, mark, "translations") for mark in (0, *marks) for name in ("one", "two")]
    last = [("one", 30, "everything"), ("two", 30, "everything")]
    assert evaluations(log) == [*wanted, *last]
    # Blocks are cut where evaluations are, in both alike: they pair, and turns are kept.
    cut = [[entry[1:] for entry in blocks(log) if entry[0] == name] for name in ("one", "two")]
    assert cut[0] == cut[1] and {end for _, end in cut[0]} >= set(marks)
    assert [entry[0] for entry in blocks(log)] == ["one", "two"] * len(cut[0])


def test_an_evaluation_missed_by_an_interruption_is_made_up_for_before_training_goes_on(log):
    CountingWorker.start, CountingWorker.marks = {"one": 20, "two": 9}, (9, 12)
    run()
    assert evaluations(log)[:2] == [("two", 0, "translations"), ("two", 12, "translations")]
    assert log[0] == ("two", {"evaluate": "translations"})


def test_a_resumed_run_translates_nothing_at_its_start_and_the_one_behind_catches_up(log):
    CountingWorker.start = {"one": 20, "two": 9}
    run()
    assert ("one", {"evaluate": "translations"}) not in log
    later = blocks(log)[4:]
    # From where both stand at one step, blocks pair again.
    paired = [entry[1:] for entry in later if entry[0] == "two" and entry[1] >= 27]
    assert paired and all(("one", *pair) in later for pair in paired)
    assert max(entry[2] for entry in blocks(log)) == 30


def test_an_interruption_asks_every_worker_for_a_checkpoint(log):
    CountingWorker.fail_at = ("two", 9)
    with pytest.raises(KeyboardInterrupt):
        run()
    assert sorted(entry for entry in log if entry[1] == "interrupt") == [
        ("one", "interrupt"),
        ("two", "interrupt"),
    ]


def test_no_worker_waits_for_another_to_leave_its_checkpoint(log, monkeypatch):
    both = threading.Barrier(2, timeout=10)
    monkeypatch.setattr(CountingWorker, "interrupt", lambda worker: both.wait())
    CountingWorker.fail_at = ("two", 9)
    with pytest.raises(KeyboardInterrupt):
        run()
    assert not both.broken


@pytest.mark.parametrize("fault", ["died", "silent"])
def test_after_a_death_all_go_on_from_their_checkpoints(log, fault):
    CountingWorker.fail_at, CountingWorker.failures = ("two", 9), [WorkerFailed("gone", fault)] * 2
    run()
    assert not CountingWorker.failures
    assert [entry for entry in log if entry[1] == "close"] == [
        ("two", "close"),
        ("one", "close"),
    ] * 3
    assert log.count(("one", "interrupt")) == 2
    assert log.count(("one", {"finish": True})) == log.count(("two", {"finish": True})) == 1


def test_deaths_are_survived_so_many_times_and_no_more(log):
    CountingWorker.fail_at, CountingWorker.failures = ("two", 9), [WorkerFailed("gone", "died")] * 9
    with pytest.raises(WorkerFailed, match="gone"):
        run(restarts=2)
    assert len(CountingWorker.failures) == 9 - 3


@pytest.mark.parametrize("fault", ["memory", "disk", "diverged", "error"])
def test_what_would_fail_again_is_not_tried_again(log, fault):
    CountingWorker.fail_at, CountingWorker.failures = ("two", 9), [WorkerFailed("bad", fault)] * 2
    with pytest.raises(WorkerFailed, match="bad"):
        run()
    assert len(CountingWorker.failures) == 1


def test_a_run_that_was_complete_when_its_partner_died_is_not_trained_again(log, tmp_path):
    CountingWorker.fail_at, CountingWorker.failures = ("two", 30), [WorkerFailed("gone", "died")]
    status = {"backend": "one", "seed": 0, "state": "complete", "step": 30, "steps": 30}
    write_json(tmp_path / "one-seed0" / "status.json", status)
    # Killed before it could take it away.
    (tmp_path / "one-seed0" / "checkpoint-00000030.safetensors").write_bytes(b"")
    run(folder=tmp_path)
    after = log[log.index(("one", "close")) + 1 :]
    assert {entry[0] for entry in after} == {"two"}
    assert not list(tmp_path.rglob("checkpoint-*"))


def steps_of(log, name):
    """Every step that a worker trained, in its order."""
    return [step for entry in blocks(log) if entry[0] == name for step in range(*entry[1:])]


def test_after_the_timed_steps_each_goes_on_in_another_process_without_turns(log):
    CountingWorker.marks, estimates = (12, 20), []
    run(estimates.append, beside=Beside(12, 1))
    for name in ("one", "two"):
        assert steps_of(log, name) == list(range(30))
        renewed = log.index((name, "renewed"))
        of_it = [entry for entry in blocks(log[:renewed]) if entry[0] == name]
        assert of_it[-1][2] == 12, "a block in turns ends where they end"
        assert log.count((name, "renewed")) == 1 and log.count((name, {"finish": True})) == 1
    before = [entry[1:] for entry in blocks(log) if entry[1] < 12]
    assert before[::2] == before[1::2], "in turns until then"
    assert [mark for name, mark, _ in sorted(evaluations(log))] == [0, 12, 20, 30] * 2
    # After the warm-up of 4 steps.
    first = estimates[0]
    assert [(pace.steps_left, pace.beside_left) for pace in first.values()] == [(8, 18)] * 2
    expected = 8 * (0.1 + 0.2) + 18 * 0.2 * TYPICAL_SLOWDOWN + 3 * 5.0
    assert seconds_left(first.values()) == pytest.approx(expected)
    assert estimates[-1]["two"].beside == pytest.approx(0.2)
    assert seconds_left(estimates[-1].values()) == pytest.approx(5.0)


@pytest.mark.parametrize("start", [0, 12])
def test_the_first_block_of_a_process_beside_others_is_no_pace(log, monkeypatch, start):
    """It compiles: on two cores TensorFlow's first step takes as long as forty others."""
    train, estimates = CountingWorker.train, []

    def compiling(worker, until):
        event, first = train(worker, until), not hasattr(worker, "compiled")
        worker.compiled = True
        return {**event, "seconds_per_step": 50.0} if first else event

    monkeypatch.setattr(CountingWorker, "train", compiling)
    run(estimates.append, beside=Beside(start, 1))
    known = [pace for paces in estimates for pace in paces.values()]
    assert known and max(pace.step for pace in known) < 1
    beside = [pace.beside for pace in estimates[-1].values()]
    assert sorted(beside) == pytest.approx([0.1, 0.2])


def test_workers_that_stand_beyond_the_timed_steps_go_on_as_they_are(log):
    CountingWorker.start = {"one": 20, "two": 9}
    run(beside=Beside(12, 1))
    assert ("one", "renewed") not in log and ("two", "renewed") in log
    assert steps_of(log, "one") == list(range(20, 30))
    assert steps_of(log, "two") == list(range(9, 30))


def test_where_no_step_is_left_after_the_timed_ones_there_are_turns_only(log):
    run(beside=Beside(30, 1))
    assert not [entry for entry in log if entry[1] == "renewed"]
    assert [entry[0] for entry in blocks(log)] == ["one", "two"] * (len(blocks(log)) // 2)


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), WorkerFailed("bad", "error")])
def test_what_ends_one_beside_asks_the_other_for_a_checkpoint(log, failure):
    CountingWorker.fail_at, CountingWorker.failures = ("two", 13), [failure]
    trained = CountingWorker.train

    def slowly(worker, until):  # no end before the other has failed
        while worker.name == "one" and worker.step >= 12 and CountingWorker.failures:
            time.sleep(0.01)
        return trained(worker, until)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(type(failure)):
        patch.setattr(CountingWorker, "train", slowly)
        run(beside=Beside(12, 1))
    assert ("one", "interrupt") in log and ("one", {"finish": True}) not in log
    assert log.count(("one", "close")) == log.count(("two", "close")) == 2


def test_a_death_beside_others_is_survived(log):
    CountingWorker.fail_at, CountingWorker.failures = ("two", 13), [WorkerFailed("gone", "died")]
    run(beside=Beside(12, 1))
    assert steps_of(log, "two")[-1] == 29 and log.count(("two", {"finish": True})) == 1


def test_seeds_that_are_not_timed_go_side_by_side_from_their_first_step(log):
    CountingWorker.marks = (20,)
    run(beside=Beside(0, 1))
    assert not [entry for entry in log if entry[1] == "renewed"]
    for name in ("one", "two"):
        assert steps_of(log, name) == list(range(30))
        assert log.count((name, "close")) == 1 and log.count((name, {"finish": True})) == 1
    assert [mark for _, mark, _ in sorted(evaluations(log))] == [0, 20, 30] * 2


def test_the_timed_part_ends_with_checkpoints(log):
    jobs = [Job(name, 0, "nowhere", "cpu", "", 2, {}, {}, Beside(12, 1)) for name in ("one", "two")]
    turns.train_seed(jobs, TIMING, Silent(), lambda paces: None, timed_part=True)
    for name in ("one", "two"):
        assert steps_of(log, name) == list(range(12)) and (name, "interrupt") in log
        assert (name, {"finish": True}) not in log


def test_on_gpus_backends_take_turns_also_beside_other_seeds(log):
    def go_on_from_the_checkpoint(worker):
        CountingWorker.start[worker.name] = worker.step

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CountingWorker, "interrupt", go_on_from_the_checkpoint)
        run(beside=Beside(12, 1, turns=True))
    assert steps_of(log, "one") == steps_of(log, "two") == list(range(30))
    assert [entry[0] for entry in blocks(log)] == ["one", "two"] * (len(blocks(log)) // 2)
    assert any(entry[2] == 12 for entry in blocks(log)) and log.count(("one", "close")) == 2
    assert log.count(("one", {"finish": True})) == 1
