"""One parity run for all tests here; its rows are printed at the end, with their margins."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from harness.consistency.parity import Row, check_parity, print_rows

ROWS: list[Row] = []


@pytest.fixture(scope="session")
def rows() -> list[Row]:
    ROWS.extend(check_parity("smoke", ("torch", "tf")))
    return ROWS


def pytest_terminal_summary(terminalreporter):
    if ROWS:
        text = io.StringIO()
        print_rows(ROWS, Console(file=text, width=100))
        terminalreporter.section("parity margins")
        terminalreporter.write(text.getvalue())
