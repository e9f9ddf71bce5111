"""The backends, for tests of each: those whose framework is not installed here are skipped."""

from __future__ import annotations

from importlib import metadata

import pytest

import backends


def is_installed(name: str) -> bool:
    """Whether this Python has the framework of backend `name`."""
    found = {one.metadata["Name"].lower() for one in metadata.distributions()}
    return not found.isdisjoint(backends.packages(name))


INSTALLED = tuple(name for name in backends.available() if is_installed(name))
# For `pytest.mark.parametrize`; those that are missing show in the summary.
EACH = tuple(
    pytest.param(
        name,
        id=name,
        marks=pytest.mark.skipif(name not in INSTALLED, reason=f"{name} is not installed here"),
    )
    for name in backends.available()
)
