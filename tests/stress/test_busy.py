"""`cyclebench bench` beside other programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from harness.cli import main


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
