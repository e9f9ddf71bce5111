"""`cyclebench scaling` on real backends: interrupted, gone on with, and out of memory."""

from __future__ import annotations

import json
import sys

import pytest
from command_line import done, interrupt_when

QUICKLY = ("--preset", "smoke", "--axes", "filters", "--pairs", "2", "--block-seconds", "0.01")


# The last one takes more memory than any machine can address.
VALUES = "filters=8,65536"


def asked(results):
    program = [sys.executable, "-m", "harness.cli", "scaling", *QUICKLY, "--values", VALUES]
    return [*program, "--results", str(results)]


def read(results):
    (file,) = (results / "scaling").glob("*.json")
    return json.loads(file.read_text())


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """Stopped as soon as the base is there and the next point begins."""
    results = tmp_path_factory.mktemp("results")
    status, error = interrupt_when(
        results, lambda line: "more take about" in line, program=asked(results)
    )
    assert status == 130 and "goes on from here" in error.splitlines()[-1]
    return results


def test_an_interrupted_run_goes_on_and_a_point_without_memory_stops_nothing(interrupted):
    before = read(interrupted)["points"]
    assert [each["axis"] for each in before] == ["base"]
    found = done(asked(interrupted))
    assert found.returncode == 0, found.stderr
    assert "3 points, 1 of them measured already" in found.stderr
    assert "TensorFlow took" in found.stdout
    base, larger, lost = read(interrupted)["points"]
    assert base == before[0], "measured once"
    assert larger["settings"] == {"model.filters": 8, "model.discriminator_filters": 8}
    assert larger["flops"] > 2 * base["flops"]
    for point in (base, larger):
        assert [side["backend"] for side in point["sides"]] == ["torch", "tf"]
        for side in point["sides"]:
            assert len(side["seconds_per_step"]) == 2 and min(side["seconds_per_step"]) > 0
            assert side["first_step_seconds"] > 0 and side["memory"]["bytes"] > 2**20
    assert lost["failed"]["out_of_memory"] and lost["sides"] == []
    assert "memory ran out" in (interrupted / "scaling" / "report.html").read_text()
