"""How times and changes are written on the page."""

from __future__ import annotations

from harness.report.formatting import MISSING, fixed, significant


def ms(seconds: float | None) -> str:
    return MISSING if seconds is None else f"{significant(1000 * seconds)} ms"


def ms_signed(seconds: float) -> str:
    return f"{'+' if seconds > 0 else ''}{fixed(seconds, ms_digits(seconds), 1000)} ms"


def ms_digits(seconds: float) -> int:
    """Decimals of milliseconds that are worth showing."""
    size = abs(1000 * seconds)
    return 2 if size < 1 else 1 if size < 100 else 0


def signed(share: float | None) -> str:
    """In per cent: a change."""
    if share is None:
        return MISSING
    return f"{'+' if share > 0 else ''}{fixed(share, 1, 100)} %"
