import time

import pytest

from harness.clocks import NAMES, Clocks


def test_clocks_sum_to_the_wall_clock():
    start = time.perf_counter()
    clocks = Clocks()
    for name, seconds in (("data", 0.01), ("train", 0.03), ("idle", 0.02), ("train", 0.01)):
        clocks.switch(name)
        time.sleep(seconds)
    spent = clocks.seconds()
    wall = time.perf_counter() - start
    assert tuple(spent) == NAMES
    assert sum(spent.values()) == pytest.approx(wall, abs=2e-3)
    assert clocks.wall() == sum(spent.values())
    assert spent["train"] >= 0.04 > spent["idle"] >= 0.02 > spent["data"] >= 0.01


def test_a_resumed_run_keeps_what_earlier_processes_spent():
    first, second = Clocks(), Clocks()
    first.switch("train")
    time.sleep(0.01)
    saved = first.array()
    second.add(saved)
    assert second.processes == 2
    assert second.seconds()["train"] == pytest.approx(saved[NAMES.index("train")])
    assert second.array()[-1] == 2
