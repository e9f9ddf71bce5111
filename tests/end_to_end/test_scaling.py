"""`cyclebench scaling` on real backends; `make stress` interrupts it."""

from __future__ import annotations

import json
import sys

from command_line import done

QUICKLY = ("--preset", "smoke", "--axes", "filters", "--pairs", "2", "--block-seconds", "0.01")


# The last one takes more memory than any machine can address.
VALUES = "filters=8,65536"


def asked(results):
    program = [sys.executable, "-m", "harness.cli", "scaling", *QUICKLY, "--values", VALUES]
    return [*program, "--results", str(results)]


def read(results):
    (file,) = (results / "scaling").glob("*.json")
    return json.loads(file.read_text())


def test_a_point_without_memory_stops_nothing(tmp_path):
    found = done(asked(tmp_path))
    assert found.returncode == 0, found.stderr
    assert "TensorFlow took" in found.stdout
    base, larger, lost = read(tmp_path)["points"]
    assert base["axis"] == "base"
    assert larger["settings"] == {"model.filters": 8, "model.discriminator_filters": 8}
    assert larger["flops"] > 2 * base["flops"]
    for point in (base, larger):
        assert [side["backend"] for side in point["sides"]] == ["torch", "tf"]
        for side in point["sides"]:
            assert len(side["seconds_per_step"]) == 2 and min(side["seconds_per_step"]) > 0
            assert side["first_step_seconds"] > 0 and side["memory"]["bytes"] > 2**20
    assert lost["failed"]["out_of_memory"] and lost["sides"] == []
    assert "memory ran out" in (tmp_path / "scaling" / "report.html").read_text()
