"""How a bench asks its two processes: here they answer at once, and their energy is known."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from backends.interface import PHASES
from harness.config.load import load_experiment
from harness.plan.step_cost import step_costs
from harness.statistics.intervals import LEAST_STARTS, Interval
from harness.studies.timing import run
from harness.studies.timing.record_files import read_record, write_record
from harness.studies.timing.run import PEAK_STARTS, TimingRequest, bench
from harness.studies.timing.verdicts import verdict
from harness.system.machine import Machine
from harness.training import timed_session

SECONDS = {"torch": 0.1, "tf": 0.12}
WATTS = {"torch": 50, "tf": 100}


class Answering:
    """In place of a process. `asked`: of all of them, in order, who and what."""

    asked: list[tuple[str, dict[str, int]]]
    joules: float
    load: float | None

    def __init__(self, module, name, log, first, patience, backend):
        self.name, self.phases, self.steps = name, 0, 0
        self.begin = {"environment": {"framework": name}, "setup_seconds": 1.0}

    def request(self, **command):
        Answering.asked.append((self.name, command))
        if "steps" in command:
            seconds = SECONDS[self.name] * command["steps"]
            Answering.joules += WATTS[self.name] * seconds
            self.steps += 1
            seconds += 5 * (self.steps == 1)
            return {"seconds": seconds, "data": 0.0, "logging": 0.0, "load": Answering.load}
        if "phases" in command:
            self.phases += 1
            traced = 5.0 if self.phases == 1 else 0.01
            return {"phases": {phase: [traced] * command["phases"] for phase in PHASES}}
        if "memory" in command:
            return {"bytes": 2**20, "kind": "resident"}
        return {"matrix": 1.0, "convolution": 1.0, "bandwidth": 1.0}

    def close(self):
        pass


class Silent:
    """`said`: all lines and notes, in order."""

    def __init__(self):
        self.said = []

    def update(self, name, done, total, note=""):
        self.said.append(f"{name}: {done} of {total} {note}")

    def say(self, line):
        self.said.append(line)


@pytest.fixture
def asked(monkeypatch):
    """Runs a bench; returns its record and all commands. `readable`: whether energy is, now."""
    monkeypatch.setattr(timed_session, "Child", Answering)

    def run_bench(readable=lambda: True, load=None, display=None, pairs=4, **more):
        Answering.asked, Answering.joules, Answering.load = [], 1000.0, load
        meter = SimpleNamespace(
            source="a meter", joules=lambda: Answering.joules if readable() else None
        )
        monkeypatch.setattr(run, "Meter", lambda device: meter)
        experiment = load_experiment(None, "smoke", ["model.filters=6"])
        machine = Machine("cpu", "a machine", 2)
        request = TimingRequest(experiment, machine, ("torch", "tf"), Path("logs"), pairs=pairs)
        return bench(request, display or Silent(), **more), Answering.asked

    return run_bench


def test_a_record_says_what_was_run(asked):
    record, _ = asked()
    assert len(record.starts) == LEAST_STARTS and record.ratio.value == pytest.approx(1.2)
    assert record.changes == {"model.filters": 6} and record.preset == "smoke"
    assert record.costs == step_costs(load_experiment(None, "smoke", ["model.filters=6"]))
    assert record.device == "a machine" and record.energy_source == "a meter"
    side = record.starts[0].first
    assert side.first_step == pytest.approx(5.1) and side.blocks == pytest.approx([0.1] * 4)


def test_energy_is_that_of_the_block_alone(asked):
    record, _ = asked()
    for start in record.starts:
        assert start.first.joules == pytest.approx([5.0] * 4), "50 W for 0.1 s"
        assert start.second.joules == pytest.approx([12.0] * 4)


@pytest.mark.parametrize("readable", [lambda: False, lambda: len(Answering.asked) < 10])
def test_energy_that_cannot_be_read_throughout_is_absent(asked, readable):
    record, _ = asked(readable)
    assert record.starts[0].second.joules is None


def test_pieces_are_traced_before_they_are_timed(asked):
    record, commands = asked()
    for start in record.starts:
        for side in start.sides:
            assert list(side.phases) == list(PHASES)
            assert {second for seconds in side.phases.values() for second in seconds} == {0.01}
    counts = [command["phases"] for name, command in commands if "phases" in command]
    # A block of half a second is four steps of the slower one.
    assert counts[:10] == [1] * 10 and len(record.starts[0].first.phases["host"]) == 4


def test_turns_change_and_memory_is_read_before_what_takes_more_of_it(asked):
    _, commands = asked()
    first = commands[: 2 + 2 + 2 + 8 + 2 + 10 + 2]
    names = "".join(name[1] for name, command in first if command.get("steps", 0) > 1)
    assert names == "of" + "offooffo", "torch, tf; then the other way round"
    kinds = [next(iter(command)) for _, command in first]
    assert kinds.index("phases") > max(i for i, kind in enumerate(kinds) if kind == "memory")
    pieces = "".join(name[1] for name, command in first if "phases" in command)
    assert pieces == "of" + "offooffo"
    assert kinds[-2:] == ["peaks", "peaks"]


def test_peaks_are_measured_in_the_first_starts_only(asked):
    record, _ = asked()
    measured = [side.peaks is not None for start in record.starts for side in start.sides]
    assert measured == [True] * 2 * PEAK_STARTS + [False] * 2 * (LEAST_STARTS - PEAK_STARTS)


def test_a_bench_shows_at_once_where_it_is_and_says_how_each_start_went(asked):
    display = Silent()
    asked(display=display)
    assert display.said[0].startswith("Timing torch and tf: 6 to 24 starts of both, 4 pairs")
    assert "pairs of this start: 0 of 4 starting both processes" in display.said[:3]
    assert any(line.startswith("Start 1: ratio 1.200, ") for line in display.said)


def test_every_start_is_kept_as_it_ends_and_an_interrupted_bench_goes_on(asked, tmp_path):
    kept = []

    def interrupted(record):
        kept.append(record)
        write_record(record, tmp_path / "unfinished.json")
        if len(kept) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asked(keep=interrupted)
    assert [len(record.starts) for record in kept] == [1, 2]
    earlier = read_record(tmp_path / "unfinished.json").starts
    record, commands = asked(earlier=earlier)
    assert len(record.starts) == LEAST_STARTS and record.starts[:2] == earlier
    launched = [name for name, command in commands if "memory" in command]
    assert len(launched) == 2 * (LEAST_STARTS - 2)
    # Which comes first goes on changing from start to start.
    assert [start.number for start in record.starts] == list(range(LEAST_STARTS))


def test_on_a_busy_machine_a_bench_ends_without_a_ratio_and_says_why(asked):
    display = Silent()
    record, _ = asked(load=0.4, display=display)
    assert len(record.starts) == LEAST_STARTS and not record.counted and not record.settled
    assert record.ratio == Interval(None)
    text = verdict(record).text
    assert text.startswith("No ratio: the machine was busy. In 6 of 6 starts") and "40 %" in text
    assert any("does not count, the machine was busy (40 %" in line for line in display.said)


def test_a_little_load_changes_nothing(asked):
    record, _ = asked(load=0.02)
    assert record.settled and record.load == 0.02 and record.ratio.value == pytest.approx(1.2)
