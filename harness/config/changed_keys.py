"""How an experiment differs from the preset it began with."""

from __future__ import annotations

from typing import Any

from harness.config.differences import flat
from harness.config.experiment import Experiment, load_experiment


def changes(experiment: Experiment) -> dict[str, Any]:
    """Dotted keys whose values are not those of the preset as it is now."""
    before = flat(load_experiment(None, experiment.preset, []).model_dump(mode="json"))
    now = flat(experiment.model_dump(mode="json"))
    return {key: value for key, value in now.items() if before.get(key) != value}
