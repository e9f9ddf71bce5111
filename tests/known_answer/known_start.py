"""In place of a backend's Python: the module it is told to run computes with a known backend."""

import os
import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # not there with PYTHONSAFEPATH
if sys.argv[3].startswith("harness."):
    import known_clock
    import known_world
    from pytest import MonkeyPatch

    known_clock.begin()
    known_world.in_a_worker(MonkeyPatch())
    runpy.run_module(sys.argv[3], run_name="__main__", alter_sys=True)
else:  # it is asked for its packages
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
