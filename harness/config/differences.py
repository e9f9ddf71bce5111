"""Where two nested configurations are not the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LONGEST = 60  # characters of a value


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys; an empty mapping is a value."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        inner = isinstance(value, dict) and value
        found |= flat(value, f"{prefix}{key}.") if inner else {f"{prefix}{key}": value}
    return found


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """A few words for each dotted key, in order: `model.filters 8 (now 4)`."""
    old, new = flat(before), flat(now)
    return [
        f"{key} {_said(old, key)} (now {_said(new, key)})"
        for key in dict.fromkeys([*old, *new])
        if key not in old or key not in new or old[key] != new[key]
    ]


def _said(values: Mapping[str, Any], key: str) -> str:
    said = str(values[key]) if key in values else "absent"
    return said if len(said) <= LONGEST else f"{said[:LONGEST]}..."
