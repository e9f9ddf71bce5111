"""SIGKILL at random moments: what comes out is the undisturbed training, to the last bit."""

from __future__ import annotations

import shutil

import numpy as np
from killing import PATIENCE, assert_identical, kill_parent, kill_workers


def test_killed_workers_are_restarted_and_lose_nothing(undisturbed, kills, tmp_path, note):
    rng = np.random.default_rng()
    survived, whole = 0, 0
    while survived < kills:
        results, log = tmp_path / "results", tmp_path / "log.txt"
        # Half of what a whole run takes: what is left of it then takes another kill or two.
        made, status = kill_workers(
            undisturbed.program(results), log, kills - survived, undisturbed.seconds / 2, rng
        )
        assert status == 0, log.read_text()[-2000:]
        assert_identical(undisturbed.results, results)
        shutil.rmtree(results)
        survived, whole = survived + made, whole + 1
    note(f"{undisturbed.backend}: workers killed {survived}, survived {survived} ({whole} runs)")


def test_killed_parents_lose_nothing(undisturbed, kills, tmp_path, note):
    rng = np.random.default_rng()
    results, log = tmp_path / "results", tmp_path / "log.txt"
    killed, whole = 0, 0
    while killed < kills or results.exists():
        after = rng.uniform(0, undisturbed.seconds) if killed < kills else PATIENCE
        if kill_parent(undisturbed.program(results), log, after):
            killed += 1
            continue
        assert_identical(undisturbed.results, results)
        shutil.rmtree(results)
        whole += 1
    assert killed == kills, "the last one was left to end by itself"
    note(f"{undisturbed.backend}: parents killed {killed}, survived {killed} ({whole} runs)")
