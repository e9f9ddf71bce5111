"""`cyclebench scaling` on real backends: interrupted, gone on with, and out of memory."""

from __future__ import annotations

import json
import sys

import pytest
from command_line import interrupt_when

from harness.cli import main

QUICKLY = ("--preset", "smoke", "--axes", "size", "--pairs", "2", "--block-seconds", "0.01")


def asked(results, *values):
    return ["scaling", *QUICKLY, "--values", f"size={','.join(values)}", "--results", str(results)]


def read(results):
    (file,) = (results / "scaling").glob("*.json")
    return json.loads(file.read_text())


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """Stopped as soon as the base is there and the next point begins."""
    results = tmp_path_factory.mktemp("results")
    program = [sys.executable, "-m", "harness.cli", *asked(results, "64")]
    status, error = interrupt_when(results, lambda line: "more take about" in line, program=program)
    assert status == 130 and "goes on from here" in error.splitlines()[-1]
    return results


def test_an_interrupted_run_goes_on_and_a_point_without_memory_stops_nothing(interrupted, capsys):
    before = read(interrupted)["points"]
    assert [each["axis"] for each in before] == ["base"]
    assert main(asked(interrupted, "64")) == 0
    base, larger = read(interrupted)["points"]
    assert base == before[0], "measured once"
    assert larger["settings"] == {"data.load_size": 72, "data.crop_size": 64}
    assert larger["flops"] > 3 * base["flops"]
    for point in (base, larger):
        assert [side["backend"] for side in point["sides"]] == ["torch", "tf"]
        for side in point["sides"]:
            assert len(side["seconds_per_step"]) == 2 and min(side["seconds_per_step"]) > 0
            assert side["first_step_seconds"] > 0 and side["memory"]["bytes"] > 2**20
    shown = capsys.readouterr()
    assert "2 points, 1 of them measured already" in shown.err and "TensorFlow took" in shown.out
    assert (interrupted / "scaling" / "report.html").exists()

    # Images of 4,000,000 x 4,000,000 pixels are more than any machine can address.
    assert main(asked(interrupted, "64", "4000000")) == 0
    *same, lost = read(interrupted)["points"]
    assert same == [base, larger]
    assert lost["failed"]["out_of_memory"] and lost["sides"] == []
    assert "memory ran out" in (interrupted / "scaling" / "report.html").read_text()
