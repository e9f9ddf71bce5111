"""`cyclebench doctor` with real frameworks, each in a process of its own."""

from __future__ import annotations

import json
import sys

from command_line import done

PROGRAM = [sys.executable, "-B", "-m", "harness.cli", "doctor", "--json"]


def test_it_says_what_frameworks_see_what_is_wrong_and_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KERAS_HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR"):
        monkeypatch.delenv(name, raising=False)
    results = tmp_path / "a file, where a folder should be"
    results.touch()
    examined = done([*PROGRAM, "--results", str(results)])
    document = json.loads(examined.stdout)
    assert examined.returncode == 1 and not document["ok"], examined.stderr
    checks = {each["name"]: each for each in document["checks"]}
    problems = [each for each in checks.values() if each["state"] == "problem"]
    assert problems and all(each["fix"] for each in problems)
    # A machine on which much else runs may not answer in time, which is said.
    for name in ("backend torch", "backend tf"):
        assert "trains on" in checks[name]["found"] or checks[name]["state"] == "warning", checks[
            name
        ]
    assert list(tmp_path.iterdir()) == [results], "no folder of Keras, Matplotlib or a cache"
