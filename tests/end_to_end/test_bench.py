"""`cyclebench bench` on real backends, with blocks too short to mean anything."""

from __future__ import annotations

import json

from command_line import undrawn

from backends.interface import PHASES
from harness.cli import main
from harness.system.files import read_table

QUICKLY = ["--starts", "1", "--pairs", "2", "--block-seconds", "0.01", "--preset", "smoke"]


def test_two_backends_are_timed_in_turns(tmp_path, capsys):
    with undrawn():
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
