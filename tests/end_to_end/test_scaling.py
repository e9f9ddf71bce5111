"""`cyclebench scaling` on real backends; `make stress` interrupts it."""

from __future__ import annotations

import json

from command_line import SMALL, called, given, undrawn

# It takes more memory than any machine can address.
POINTS = ("--axes", "filters", "--values", "filters=65536")
QUICKLY = ("--preset", "smoke", "--pairs", "2", "--block-seconds", "0.01")
# With oneDNN TensorFlow waits 10 s for memory, again and again, before it gives up.
SETTINGS = given((*SMALL, "runtime.onednn=false"))


def test_a_point_without_memory_stops_nothing(tmp_path):
    with undrawn():
        found = called("scaling", *QUICKLY, *SETTINGS, *POINTS, "--results", tmp_path)
    assert found.returncode == 0, found.stderr
    (file,) = (tmp_path / "scaling").glob("*.json")
    base, lost = json.loads(file.read_text())["points"]
    assert base["axis"] == "base" and [side["backend"] for side in base["sides"]] == ["torch", "tf"]
    for side in base["sides"]:
        assert len(side["seconds_per_step"]) == 2 and min(side["seconds_per_step"]) > 0
        assert side["first_step_seconds"] > 0 and side["memory"]["bytes"] > 2**20
    assert lost["failed"]["out_of_memory"] and lost["sides"] == []
    assert "memory ran out" in (tmp_path / "scaling" / "report.html").read_text()
