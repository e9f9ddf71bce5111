"""`cyclebench bench` on real backends, with blocks too short to mean anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from backends.interface import PHASES
from harness.cli import main
from harness.system.files import read_table

QUICKLY = ["--starts", "1", "--pairs", "2", "--block-seconds", "0.01", "--preset", "smoke"]


def test_two_backends_are_timed_in_turns(tmp_path, capsys):
    assert main(["bench", *QUICKLY, "--width", "100", "--results", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "No ratio" in out, "of one start there is none"
    assert "of the matrix peak" in out and "of the convolution peak" in out
    assert "generators, backward" in out and "binds)" in out
    (file,) = (tmp_path / "bench").glob("*.json")
    record = json.loads(file.read_text())
    assert record["changes"] == {} and sum(each["flops"] for each in record["costs"].values()) > 1e6
    assert len(record["starts"]) == 1
    for start in record["starts"]:
        assert [side["backend"] for side in start["sides"]] == ["torch", "tf"]
        for side in start["sides"]:
            assert len(side["seconds_per_step"]) == 2 and min(side["seconds_per_step"]) > 0
            assert side["first_step_seconds"] > 0 and side["memory"]["bytes"] > 2**20
            assert list(side["phases"]) == list(PHASES)
            assert len(side["phases"]["host"]) >= 4 and min(side["phases"]["discriminators"]) > 0
    assert min(record["starts"][0]["sides"][1]["peaks"].values()) > 1e9
    assert "Report: " in out
    page = (tmp_path / "bench" / "report.html").read_text()
    assert "generators, backward" in page and page.count('src="data:image/png') == 4
    assert list(read_table(tmp_path / "bench" / "table.csv")["backend"]) == ["torch", "tf"]
    # TensorFlow gives up a pass of its optimiser with no more than a line in the log.
    (log,) = (tmp_path / "bench" / "logs").glob("*/*-tf.txt")
    assert "failed" not in log.read_text()


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="no /proc")
def test_beside_planted_busy_loops_blocks_are_marked_and_there_is_no_ratio(tmp_path, capsys):
    """A loop for each CPU takes about half of each, whatever else this machine does."""
    with ExitStack() as stack:
        for _ in os.sched_getaffinity(0):
            loop = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(loop.kill)
        quickly = ["--starts", "1", "--pairs", "7", "--block-seconds", "0.2", "--preset", "smoke"]
        command = ["bench", "--aa", "torch", *quickly, "--width", "100"]
        assert main([*command, "--results", str(tmp_path)]) == 1, "nothing was shown"
    shown = capsys.readouterr()
    assert "No ratio: the machine was busy. In 1 of 1 start too few" in shown.out
    assert "Start 1: does not count, the machine was busy" in shown.err
    (file,) = (tmp_path / "bench").glob("*.json")
    record = json.loads(file.read_text())
    assert record["ratio"] == {"value": None, "low": None, "high": None}
    for side in record["starts"][0]["sides"]:
        assert np.median(side["load_share"]) > 0.15
    assert not list((tmp_path / "bench" / "unfinished").iterdir())
