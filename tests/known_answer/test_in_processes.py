"""The same runs in processes of their own, by the worker's protocol, are the same runs."""

from __future__ import annotations

import sys
from pathlib import Path

import known_backend
import known_world
import numpy as np
import pandas as pd
from known_world import World
from pytest import MonkeyPatch

from harness.system.files import read_arrays


def test_workers_in_processes_leave_the_same_records(
    alone: World, tmp_path: Path, monkeypatch: MonkeyPatch
) -> None:
    here = Path(__file__).parent
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} {here / "known_start.py"} "$@"\n')
    script.chmod(0o755)
    for backend in known_backend.BACKENDS:
        monkeypatch.setenv(f"CYCLEBENCH_PYTHON_{backend.upper()}", str(script))
    with known_world.known_parts(children=False):
        world = known_world.train(tmp_path, (1,), known_world.ALONE, ("follow_course",))
    assert set(world.runs) == set(alone.runs)
    for key, run in world.runs.items():
        other = alone.runs[key]
        pd.testing.assert_frame_equal(run.losses, other.losses)
        pd.testing.assert_frame_equal(run.blocks, other.blocks)
        assert run.resources == other.resources
        files = [*run.folder.glob("*.safetensors"), *run.folder.glob("*/*.safetensors")]
        assert len(files) == 5
        for file in files:
            one, two = (read_arrays(f) for f in (file, other.folder / file.relative_to(run.folder)))
            assert one.keys() == two.keys()
            assert all(np.array_equal(one[name], two[name]) for name in one), file.name
