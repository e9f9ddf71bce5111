"""Records of metrics.json, selected: by key, pair of backends."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from harness.config.metric_table import margin_scale
from harness.records.experiment import ExperimentFolder
from harness.statistics.equivalence import Margin
from harness.system.errors import UserError


def scored_weights(experiment: ExperimentFolder) -> str:
    """Whose scores count: "average", or "last" where no average of the weights was kept."""
    scores = experiment.metrics.get("scores", [])
    return scores[0].get("weights", "last") if scores else "last"


def margin_of(
    experiment: ExperimentFolder, name: str, evaluation: Mapping[str, Any]
) -> Margin | None:
    value = evaluation.get("margins", {}).get(name)
    if value is None:
        return None
    try:
        return Margin(value, margin_scale(evaluation, name))
    except ValueError:
        raise UserError(
            f"{experiment.folder / 'experiment.json'}: evaluation.margins.{name} is {value:g}; a"
            " ratio above 1 is needed"
        ) from None


def paired_scores(
    scores: Sequence[Mapping[str, Any]], pair: tuple[str, ...], steps: Mapping[int, int]
) -> list[tuple[float, float]]:
    """(first, second) of each seed after its last step; `steps`: that step by seed.

    `scores`: records of one metric, direction and device.
    """
    if len(pair) < 2:
        return []
    values: list[tuple[float, float]] = []
    for seed, step in steps.items():
        key = {"seed": seed, "step": step}
        both = [
            finite(r["value"] for r in matching(scores, of_backend))
            for of_backend in ({**key, "backend": name} for name in pair)
        ]
        if all(both):
            values.append((both[0][0], both[1][0]))
    return values


def first_minus_second(
    experiment: ExperimentFolder, key: Mapping[str, Any], pair: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Records with the key, whichever way round they were written."""
    records = matching(experiment.metrics.get("differences", []), key)
    found = matching(records, {"backends": list(pair)})
    for record in matching(records, {"backends": [pair[1], pair[0]]}):
        value, low, high = (record[name] for name in ("value", "low", "high"))
        value, high, low = (None if v is None else -v for v in (value, low, high))
        found.append({**record, "value": value, "low": low, "high": high})
    return found


def matching(records: Any, key: Mapping[str, Any]) -> list[dict[str, Any]]:
    wanted = list(key.items())
    return [r for r in records if all(r.get(name) == value for name, value in wanted)]


def finite(values: Any) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]
