"""One climb of the ladder for all tests here; its rows are printed at the end, with margins."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from harness.config.experiment import load_experiment
from harness.studies.parity import Row, climb, print_rows
from harness.studies.parity.lab import Lab
from harness.studies.parity.subject import make_subject

# Filled and used as one of 50 is, by a fifth of the images. `make parity` takes the preset's.
SMALL_POOL = "objective.pool_size=8"


@pytest.fixture(scope="session")
def healthy() -> Lab:
    """Both backends as they are: what is measured of one serves for judging a defective other."""
    subject = make_subject(load_experiment("seasons", "smoke", [SMALL_POOL]), gradient_batches=4)
    return Lab(subject, ("torch", "tf"), reduced=("bfloat16",))


@pytest.fixture(scope="session")
def rows(healthy: Lab, notes: dict[str, str]) -> list[Row]:
    found = list(climb(healthy))
    text = io.StringIO()
    print_rows(found, Console(file=text, width=120))
    notes["parity margins"] = text.getvalue()
    return found
