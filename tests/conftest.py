"""Shared fixtures: real photographs where the machine has them, a cache no user shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# No test may depend on whether this machine can download FID's weights.
os.environ["CYCLEBENCH_OFFLINE"] = "1"


@pytest.fixture(scope="session")
def photographs() -> Path:
    """Folder of real data sets; tests that ask for it are skipped where there is none."""
    folder = os.environ.get("CYCLEBENCH_DATA")
    if not folder:
        pytest.skip("CYCLEBENCH_DATA is not set: no real photographs here")
    return Path(folder)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh cache for the whole test session."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["CYCLEBENCH_CACHE"] = str(folder)
    return folder
