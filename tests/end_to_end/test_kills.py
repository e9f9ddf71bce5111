"""A few kills; `make stress` makes many more, at every moment of a training's life."""

from __future__ import annotations

import numpy as np
from command_line import command, run
from killing import assert_identical, kill_parent, kill_workers

STEPS = "timing.checkpoint_steps=8"


def test_killed_workers_and_parents_cost_nothing_but_time(compared, tmp_path):
    rng = np.random.default_rng()
    log, results = tmp_path / "log.txt", tmp_path / "results"
    program = command(results, "--set", STEPS)
    # Both backends are there after some seconds; at that time the training has begun or ended.
    killed = kill_parent(program, log, rng.uniform(6, 12))
    kills, status = kill_workers(program, log, 1, 8.0, rng)
    assert status == 0, log.read_text()[-2000:]
    done = run(results, "--set", STEPS)
    assert done.returncode == 0, done.stderr
    print(f"parents killed: {int(killed)}, workers killed: {kills}")
    assert_identical(compared.parent, results)
