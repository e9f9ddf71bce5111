"""Turns of several processes, the end of all when one dies, and what a real one answers."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from harness.config.load import load_experiment
from harness.system.errors import WorkerFailed
from harness.system.files import read_arrays
from harness.system.machine import Machine
from harness.training import timed_session
from harness.training.timed_worker import Stopwatch, answer_to

EXPERIMENT, CPU = load_experiment(None, "smoke", []), Machine("cpu", "a machine", 1)
EVENTS: list[str] = []


class Process:
    """In place of a process: a step of backend "one" takes 1 s, of "two" 2 s; "dead" dies."""

    def __init__(self, module, name, log, first, patience, backend):
        if name == "dead":
            raise WorkerFailed("dead: killed", "died")
        self.name, self.begin = name, {"environment": {}, "setup_seconds": 0.0}
        EVENTS.append(f"start {log.name}")

    def request(self, steps, warmup=False):
        EVENTS.append(f"{self.name} {steps}{' warm-up' * warmup}")
        seconds = {"one": 1.0, "two": 2.0, "three": 0.5}[self.name] * steps
        return {"seconds": seconds, "data": 0.1 * steps, "logging": 0.0}

    def close(self):
        EVENTS.append(f"close {self.name}")


@pytest.fixture(autouse=True)
def events(monkeypatch):
    monkeypatch.setattr(timed_session, "Child", Process)
    EVENTS.clear()


def test_the_order_changes_and_the_slowest_decides_how_long_a_block_is(tmp_path):
    names = ("one", "two", "three")
    with timed_session.timed_session(EXPERIMENT, CPU, names, tmp_path, "a, b", turn=1) as session:
        assert session.warm_up(8.0) == [1.0, 2.0, 0.5] and session.steps == 4
        rounds = list(islice(session.rounds(), 2))
    assert [block.seconds for block in rounds[1]] == [1.0, 2.0, 0.5]
    assert rounds[0][1].data == pytest.approx(0.1) and rounds[0][1].joules is None
    assert EVENTS[:3] == ["start a-b-C-three.txt", "start a-b-B-two.txt", "start a-b-A-one.txt"]
    assert EVENTS[9:12] == ["three 4 warm-up", "two 4 warm-up", "one 4 warm-up"]
    assert EVENTS[12:18] == ["three 4", "two 4", "one 4", "one 4", "two 4", "three 4"]
    assert sorted(EVENTS[18:]) == ["close one", "close three", "close two"]


def test_where_one_dies_all_are_ended(tmp_path):
    with (
        pytest.raises(WorkerFailed, match="dead"),
        timed_session.timed_session(EXPERIMENT, CPU, ("one", "dead"), tmp_path),
    ):
        pass
    assert EVENTS == ["start A-one.txt", "close one"]


def test_a_process_trains_translates_and_saves(tmp_path):
    facts = {"backend": "torch", "experiment": EXPERIMENT.model_dump(), "device": "cpu",
             "threads": 1}  # fmt: skip
    stopwatch = Stopwatch(facts)
    trained = answer_to(stopwatch, {"steps": 2})
    assert set(trained) == {"seconds", "data", "logging", "load"}
    load = trained.pop("load")
    assert min(trained.values()) > 0 and (load is None or 0 <= load <= 3)
    translated = answer_to(stopwatch, {"translate": 10, "to": str(tmp_path)})
    assert set(translated) == {"translation", "scores"} and min(translated.values()) > 0
    images = read_arrays(tmp_path / "torch.safetensors")
    crop = EXPERIMENT.data.crop("a")
    assert {array.shape for array in images.values()} == {(10, crop, crop, 3)}
    again = stopwatch.backend.translate(images["real_a"], "ab")
    assert np.array_equal(images["ab"], again), "translations of the images beside them"
    assert answer_to(stopwatch, {"save": str(tmp_path)})["seconds"] > 0
    assert (tmp_path / "torch" / "state.safetensors").exists()
