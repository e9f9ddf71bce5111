"""Which process measures what, with caches that measure nothing."""

from __future__ import annotations

from collections import Counter

import pytest

from harness.studies.parity import covering_climb
from harness.studies.parity.covering_climb import climb_apart, climb_covering


class Cache:
    def __init__(self, key, names, measured):
        self.key, self.names, self.measured = key, names, measured

    def once(self, function, name):
        self.measured[self.key, name] += 1
        function()

    def forget(self, name):
        pass


class Process:
    closed = False

    def close(self):
        self.closed = True


@pytest.fixture(autouse=True)
def one_measurement(monkeypatch):
    monkeypatch.setattr(
        covering_climb, "measurements", lambda cache, name, checks: [lambda: 1 / (name != "b")]
    )
    monkeypatch.setattr(covering_climb, "climb", lambda cache, checks: [cache.key, *checks])


@pytest.mark.parametrize("count", [1, 2, 3])
def test_every_experiment_is_measured_once_by_every_backend_and_processes_end(count):
    measured, told = Counter(), []
    caches = {key: Cache(key, ("a", "b") if key else ("a",), measured) for key in range(5)}
    lanes = [{("a", False): Process()} for _ in range(count)]
    checks = {key: [f"check {key}"] for key in caches}
    rows = climb_apart(caches, checks, lanes, lambda done, total: told.append((done, total)))
    assert rows == {key: [key, f"check {key}"] for key in range(5)}
    assert measured == {(key, name): 1 for key in caches for name in caches[key].names}
    assert sorted(told) == [(done, 9) for done in range(1, 10)]
    assert all(process.closed for lane in lanes for process in lane.values())


@pytest.mark.parametrize(("cores", "different"), [(1, 1), (2, 2), (16, 2)])
def test_experiments_take_turns_on_two_processes_a_backend(monkeypatch, cores, different):
    made = []

    def cache(case, names, *rest, processes, apart):
        made.append(processes)
        return Cache(len(made), names, Counter())

    monkeypatch.setattr(covering_climb, "BackendCache", cache)
    monkeypatch.setattr(covering_climb, "covering_case", lambda experiment: None)
    monkeypatch.setattr(covering_climb.provenance, "default_threads", lambda: cores)
    some = dict(list(covering_climb.COVERING.items())[:4])
    assert list(climb_covering(("a", "b"), some)) == list(some)
    assert len({id(lane) for lane in made}) == different
    assert made[0] is made[2] and made[1] is made[3] and (made[0] is made[1]) == (different == 1)
