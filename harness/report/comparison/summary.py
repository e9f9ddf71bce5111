"""summary.json: the numbers of a comparison for other programs (schema: results/README.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from harness.records.experiment import ExperimentFolder
from harness.report.comparison.losses import LossRow
from harness.report.comparison.scores import MetricRow
from harness.report.comparison.timing import TimingRow


def summary(
    experiment: ExperimentFolder,
    metrics: Sequence[MetricRow],
    losses: Sequence[LossRow],
    timing: Sequence[TimingRow],
) -> dict[str, Any]:
    """Names, never positions; what cannot be had is None, so that no NaN reaches the JSON.

    With more than two backends there is a row for each pair (first, other): the keys present say
    which.
    """
    names = {name: getattr(experiment, name) for name in ("dataset", "preset", "hash")}
    return {
        "experiment": names,
        "devices": list(experiment.devices),
        "metrics": [_metric(row) for row in metrics],
        "losses": [
            {"term": row.term, "convention": row.convention, **row.values} for row in losses
        ],
        "timing": [
            {
                "device": row.device,
                "quantity": row.quantity,
                **row.values,
                "ratio": asdict(row.ratio),
            }
            for row in timing
        ],
    }


def _metric(row: MetricRow) -> dict[str, Any]:
    scores = {
        name: {**asdict(score.interval), "runs": score.runs} for name, score in row.scores.items()
    }
    return {
        "metric": row.metric.name,
        "direction": row.direction,
        "device": row.device,
        **scores,
        "difference": asdict(row.difference),
        "verdict": row.verdict.label if row.verdict else None,
        "floor": row.floor,
        "identity_baseline": row.identity_baseline,
    }
