"""CPU time of others: from made-up counters, and beside a busy loop on this machine."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.system.load_meter import CpuLoad, CpuReading, LoadMeter
from harness.system.waiting import CHOSEN, wait_policy

TICKS = os.sysconf("SC_CLK_TCK")


def counters(proc: Path, busy: float, steal: float = 0.0) -> None:
    """Seconds of each CPU that this process may use; of all others ten times as many."""
    (proc / "self").mkdir(parents=True, exist_ok=True)
    mine = os.sched_getaffinity(0)
    lines = ["cpu  1 2 3 4 5 6 7 8 9 10"]
    for number in range(max(mine) + 3):
        factor = 1 if number in mine else 10
        user, stolen = (round(factor * seconds * TICKS) for seconds in (busy, steal))
        lines.append(f"cpu{number} {user} 0 0 1000 50 0 0 {stolen} 0 0")
    (proc / "stat").write_text("\n".join([*lines, "intr 1 2 3"]) + "\n")


def test_busy_and_stolen_time_is_counted_on_the_cpus_of_this_process(tmp_path):
    counters(tmp_path, busy=3.0)
    meter = LoadMeter(tmp_path, tmp_path)
    before = meter.read()
    counters(tmp_path, busy=5.0, steal=1.0)
    spent = meter.since(before)
    cpus = len(os.sched_getaffinity(0))
    assert spent.busy == pytest.approx(2.0 * cpus) and spent.stolen == pytest.approx(1.0 * cpus)


def test_shares_are_of_what_could_have_been_used():
    load = CpuLoad.of(CpuReading(busy=3.0, own=2.0, stolen=0.4, throttled=0.2, possible=4.0))
    assert (load.others, load.steal, load.throttled) == pytest.approx((0.25, 0.1, 0.05))
    rounded = CpuLoad.of(CpuReading(busy=1.99, own=2.0, stolen=0.0, throttled=0.0, possible=4.0))
    assert rounded.others == 0


@pytest.mark.parametrize(
    ("line", "file", "text"),
    [
        ("0::/mine", "mine/cpu.stat", "nr_throttled 3\nthrottled_usec 2500000\n"),
        ("0::/elsewhere", "cpu.stat", "throttled_usec 2500000\n"),
        ("4:cpu,cpuacct:/mine", "cpu,cpuacct/mine/cpu.stat", "throttled_time 2500000000\n"),
    ],
    ids=["version 2", "the root of a container", "version 1"],
)
def test_time_that_a_limit_cost_is_read_from_the_group(tmp_path, line, file, text):
    counters(tmp_path / "proc", busy=1.0)
    (tmp_path / "proc" / "self" / "cgroup").write_text(f"{line}\n")
    groups = tmp_path / "groups"
    (groups / file).parent.mkdir(parents=True, exist_ok=True)
    (groups / file).write_text(text)
    assert LoadMeter(tmp_path / "proc", groups).read().throttled == pytest.approx(2.5)


@pytest.mark.parametrize("content", [None, "", "cpu 1 2 3\n", "cpu0 many\n"])
def test_where_nothing_can_be_read_nothing_is_claimed(tmp_path, content):
    if content is not None:
        (tmp_path / "stat").write_text(content)
    meter = LoadMeter(tmp_path, tmp_path)
    assert meter.read() is None and meter.since(None) is None
    assert math.isnan(CpuLoad.of(None).others)


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="no /proc")
def test_a_busy_loop_beside_this_process_is_seen_as_others_and_own_work_is_not():
    """Whatever else this machine does: others are what the loop itself says it used, or more."""
    loop = "import sys, time\nprint(1, flush=True)\nwhile True: pass"
    command = [sys.executable, "-c", loop]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        try:
            meter = LoadMeter()
            used, before, until = seconds_of(other.pid), meter.read(), time.monotonic() + 0.8
            while time.monotonic() < until:
                pass
            spent, used = meter.since(before), seconds_of(other.pid) - used
        finally:
            other.kill()
    slack = 0.05 * spent.possible / len(os.sched_getaffinity(0)) + 0.05
    assert used > 0.05 and spent.busy - spent.own > used - slack
    assert spent.own > 0.05 and spent.busy <= spent.possible + slack


def seconds_of(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def test_threads_of_a_child_wait_asleep_unless_the_user_says_otherwise():
    assert wait_policy({"HOME": "/"}) == CHOSEN == {"GOMP_SPINCOUNT": "10000"}
    for name, value in (("OMP_WAIT_POLICY", "ACTIVE"), ("GOMP_SPINCOUNT", "9"),
                        ("KMP_BLOCKTIME", "200")):  # fmt: skip
        assert wait_policy({"HOME": "/", name: value}) == {name: value}
