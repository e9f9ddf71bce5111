"""The result of a check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from harness.system.errors import UserError

Outcome = Literal["ok", "DIFFERS", "not checked"]


@dataclass(frozen=True)
class CheckResult:
    outcome: Outcome
    note: str


@dataclass(frozen=True)
class VerifyRow:
    """`run`: "experiment", or a run as `<device>/<backend>-seed<n>`."""

    run: str
    check: str
    outcome: Outcome
    note: str


def ok(note: str) -> CheckResult:
    return CheckResult("ok", note)


def differs(note: str) -> CheckResult:
    return CheckResult("DIFFERS", note)


def unchecked(note: str) -> CheckResult:
    return CheckResult("not checked", note)


def readable(check: Callable[[], CheckResult]) -> CheckResult:
    """The result of `check`. A record that cannot be read differs; other checks go on."""
    try:
        return check()
    except UserError as error:
        return differs(str(error))
    except (KeyError, TypeError, ValueError) as error:
        return differs(f"a record is not as cyclebench writes it ({error!r})")


def named(names: list[str]) -> str:
    """The first few, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
