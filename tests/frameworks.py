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


def _parameters(*marks: pytest.MarkDecorator) -> tuple:
    """`marks`: of backends beyond the usual ones. What is missing shows in the summary."""
    return tuple(
        pytest.param(
            name,
            id=name,
            marks=[
                pytest.mark.skipif(name not in INSTALLED, reason=f"{name} is not installed here"),
                *(() if name in backends.USUAL else marks),
            ],
        )
        for name in backends.available()
    )


# For `pytest.mark.parametrize`. EACH: backends beyond the usual ones in `make others`, since JAX
# compiles for minutes; ALWAYS: all in `make test`.
EACH, ALWAYS = _parameters(pytest.mark.others), _parameters()
