"""One climb of the ladder for all tests here; its rows are printed at the end, with margins."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from harness.config.load import load_experiment
from harness.studies.parity import ParityRow, climb, print_rows
from harness.studies.parity.backend_cache import BackendCache
from harness.studies.parity.parity_case import make_case

# Filled and used as one of 50 is, by a tenth of the images. `make parity` takes the preset's.
SMALL_POOL = "objective.pool_size=4"


@pytest.fixture(scope="session")
def healthy() -> BackendCache:
    """Both backends as they are: what is measured of one serves for judging a defective other."""
    case = make_case(load_experiment("seasons", "smoke", [SMALL_POOL]), gradient_batches=2)
    return BackendCache(case, ("torch", "tf"), reduced=("bfloat16",))


@pytest.fixture(scope="session")
def rows(healthy: BackendCache, notes: dict[str, str]) -> list[ParityRow]:
    found = list(climb(healthy))
    text = io.StringIO()
    print_rows(found, Console(file=text, width=120))
    notes["parity margins"] = text.getvalue()
    return found
