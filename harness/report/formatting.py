"""How numbers are written on a page: rounding, signs, units. Missing is an en dash."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.statistics.intervals import Interval

MISSING = "–"  # noqa: RUF001 - a dash, typeset
NO_BREAK = "\u00a0"  # keeps an interval on one line
MINUS = "−"  # noqa: RUF001 - as wide as the digits it stands beside


def fixed(value: float | None, digits: int, scale: float = 1.0) -> str:
    """A fixed number of decimals; "1,234.5"."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{value * scale:,.{digits}f}"
    negative = text.startswith("-") and any(c in "123456789" for c in text)
    return (MINUS if negative else "") + text.removeprefix("-")


def significant(value: float | None, digits: int = 3) -> str:
    """About `digits` significant figures, never in exponent form: "0.00123", "1,230,000"."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    return fixed(round(value, digits - 1 - magnitude), max(0, digits - 1 - magnitude))


def bounds(interval: Interval, digits: int, scale: float = 1.0) -> str:
    """ "[1.0, 2.0]", or nothing where the interval has no bounds."""
    if interval.low is None or interval.high is None:
        return ""
    return f"[{fixed(interval.low, digits, scale)},{NO_BREAK}{fixed(interval.high, digits, scale)}]"


def prefixed(value: float | None, unit: str) -> str:
    """With a decimal prefix: 3.2e9, "FLOP/s" -> "3.20 GFLOP/s"."""
    if value is None or not math.isfinite(value):
        return MISSING
    for factor, prefix in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{significant(value / factor)} {prefix}{unit}"
    return f"{significant(value)} {unit}"


def percent(share: float | None) -> str:
    return MISSING if share is None else f"{fixed(share, 0, 100)} %"


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


def plural(count: int, noun: str) -> str:
    """ "1 seed", "2 seeds"."""
    return f"{count} {noun}" if count == 1 else f"{count:,} {noun}s"


def listed(words: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
