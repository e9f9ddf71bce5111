from __future__ import annotations

from pathlib import Path

import pytest
from command_line import experiment_folder, run, undrawn


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Experiment folder of one undisturbed comparison on `seasons`."""
    results = tmp_path_factory.mktemp("results")
    with undrawn():
        done = run(results)
    assert done.returncode == 0, done.stderr
    return experiment_folder(results)
