"""Which names of backends a user, or a record, may give."""

from __future__ import annotations

from collections.abc import Sequence

import backends
from harness.system.errors import UserError
from harness.system.interpreters import check_interpreters
from harness.system.untrusted import shown


def check_backends(names: list[str]) -> None:
    """Raises UserError for an unknown or repeated backend, or one whose Python does not work."""
    check_names(names)
    check_interpreters(names)


def check_recorded(names: Sequence[str], asked: Sequence[str]) -> None:
    """As `check_backends`, of names in records, which anybody may have written.

    A Python that a record names is only run where the user has `asked` for it.
    """
    check_names(list(names))
    for name in names:
        if backends.own_python(name) and name not in asked:
            raise UserError(
                f"backend {shown(name)}: its Python is only run if you name it: add --backends"
                f" {name}"
            )
    check_interpreters(names)


def check_names(names: list[str]) -> None:
    """Raises UserError for an unknown or repeated backend."""
    for name in names:
        if not backends.is_name(name):
            available = ", ".join(backends.available())
            raise UserError(
                f"backends: {shown(name)} is unknown; any of {available}, or of a version or a"
                " Python, as tf@2.20.0, tf@/path/to/python"
            )
    if len({backends.file_name(name) for name in names}) != len(names) or not names:
        raise UserError("backends: name each backend once, separated by commas: torch,tf")
