import re
import time
from types import SimpleNamespace

import pytest

from harness.system.provenance import ROOT
from harness.training.clocks import NAMES, Clocks


def test_clocks_sum_to_the_wall_clock(monkeypatch):
    """On a clock of its own, which no other process of the machine can hold up."""
    now = 1000.0
    # Nothing else of the module `time`: only that one is the wall clock.
    monkeypatch.setattr("harness.training.clocks.time", SimpleNamespace(perf_counter=lambda: now))
    clocks = Clocks()
    now += 0.5
    for name, seconds in (("data", 0.25), ("train", 4.0), ("idle", 2.0), ("train", 1.0)):
        clocks.switch(name)
        now += seconds
    spent = clocks.seconds()
    assert tuple(spent) == NAMES
    passed = {"setup": 0.5, "data": 0.25, "train": 5.0, "idle": 2.0}
    assert spent == {**dict.fromkeys(NAMES, 0.0), **passed}
    assert clocks.wall() == sum(spent.values()) == now - 1000


def test_a_resumed_run_keeps_what_earlier_processes_spent():
    first, second = Clocks(), Clocks()
    first.switch("train")
    time.sleep(0.01)
    saved = first.array()
    second.add(saved)
    assert second.processes == 2
    assert second.seconds()["train"] == pytest.approx(saved[NAMES.index("train")])
    assert second.array()[-1] == 2


def test_nothing_is_measured_by_the_clock_on_the_wall():
    """It can be set, or set itself, while something is timed by it."""
    wall = re.compile(
        r"\btime\.time(_ns)?\(|\bdatetime\b(?! import timedelta\n)|\btime\.(localtime|gmtime)\b"
    )
    files = [file for name in ("backends", "harness") for file in (ROOT / name).rglob("*.py")]
    assert len(files) > 100
    found = [file for file in files if wall.search(file.read_text(encoding="utf-8"))]
    assert found == [ROOT / "harness/system/dates.py"], "for what people read, and nothing else"
    assert wall.search("began = time.time()") and not wall.search("time.perf_counter()")
