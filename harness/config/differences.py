"""Where two nested configurations are not the same, and where one differs from its preset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.config.experiment import AnyExperiment
from harness.config.load import load_any
from harness.system.errors import UserError

LONGEST = 60  # characters of a value
# Keys of a recorded configuration that no user sets.
ADDED = ("backends", "titles", "directions", "seeds")


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys; an empty mapping is a value."""
    dotted: dict[str, Any] = {}
    for key, value in values.items():
        inner = isinstance(value, dict) and value
        dotted |= flat(value, f"{prefix}{key}.") if inner else {f"{prefix}{key}": value}
    return dotted


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """A few words for each dotted key, in order: `model.filters 8 (now 4)`."""
    old, new = flat(before), flat(now)

    def text(values: Mapping[str, Any], key: str) -> str:
        value = str(values[key]) if key in values else "absent"
        return value if len(value) <= LONGEST else f"{value[:LONGEST]}..."

    return [
        f"{key} {text(old, key)} (now {text(new, key)})"
        for key in dict.fromkeys([*old, *new])
        if key not in old or key not in new or old[key] != new[key]
    ]


def changes(experiment: AnyExperiment) -> dict[str, Any]:
    """Dotted keys whose values are not those of the preset as it is now."""
    before = flat(load_any(None, experiment.preset, []).model_dump(mode="json"))
    now = flat(experiment.model_dump(mode="json"))
    return {key: value for key, value in now.items() if before.get(key) != value}


def own_settings(configuration: Mapping[str, Any], preset: str) -> dict[str, Any]:
    """Dotted keys of a recorded configuration whose values the preset, as it is now, has not.

    All of them where there is no such preset any more.
    """
    try:
        before = flat(load_any(None, preset, []).model_dump(mode="json"))
    except UserError:
        before = {}
    own = {key: value for key, value in configuration.items() if key not in ADDED}
    return {key: value for key, value in flat(own).items() if before.get(key) != value}
