"""How an experiment differs from the preset it began with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.config import Experiment, load_experiment


def changes(experiment: Experiment) -> dict[str, Any]:
    """Dotted keys whose values are not those of the preset as it is now."""
    before = _flat(load_experiment(None, experiment.preset, []).model_dump(mode="json"))
    now = _flat(experiment.model_dump(mode="json"))
    return {key: value for key, value in now.items() if before.get(key) != value}


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        inner = isinstance(value, dict) and value
        flat |= _flat(value, f"{prefix}{key}.") if inner else {f"{prefix}{key}": value}
    return flat
