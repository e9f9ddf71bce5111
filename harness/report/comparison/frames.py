"""The numbers behind a report's tables, in full: what the tables round, for other programs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from harness.records.experiment import ExperimentFolder
from harness.report.comparison import environment, tables
from harness.report.comparison.findings import ComparisonFindings
from harness.report.comparison.losses import cycle_rows
from harness.report.comparison.scores import MetricRow
from harness.report.comparison.timing import clock_table
from harness.statistics.intervals import Interval

Row = dict[str, Any]


def frames(experiment: ExperimentFolder, findings: ComparisonFindings) -> dict[str, pd.DataFrame]:
    """Name -> table, of the tables that have rows; a number that cannot be had is missing."""
    losses = findings.losses if experiment.runs else ()
    rows: dict[str, list[Row]] = {
        "scores": [_scores(row) for row in findings.metrics],
        "cycle": [{"convention": row.convention, **row.values} for row in _cycle(losses)],
        "losses": [
            {"term": row.term, "convention": row.convention, **row.values} for row in losses
        ],
        "timing": [
            {
                "device": row.device,
                "quantity": row.quantity,
                "backends": " ".join(row.values),
                **row.values,
                **_interval("ratio", row.ratio),
                "block_pairs": row.pairs,
            }
            for row in findings.timing
        ],
        "clocks": [
            {
                "device": device,
                "clock": clock,
                **{f"{backend}_seconds": value for backend, value in seconds.items()},
            }
            for device in experiment.devices
            for clock, seconds in clock_table(experiment, device).items()
        ],
        "environment": [
            {
                "device_folder": group.device,
                "backend": group.backend,
                "seeds": " ".join(map(str, group.seeds)),
                **group.values,
            }
            for group in environment.groups(experiment)
        ],
        "configuration": [
            {"key": key.text, "value": value.text}
            for key, value in tables.configuration_table(experiment).rows
        ],
    }
    return {name: _frame(found) for name, found in rows.items() if found}


def _frame(rows: list[Row]) -> pd.DataFrame:
    found = pd.DataFrame(rows)
    # Else a step beside a missing one would be 5.0.
    return found.astype({name: "Int64" for name in found if str(name).endswith("_step")})


def _cycle(losses) -> list:
    return cycle_rows(losses) if losses else []


def _scores(row: MetricRow) -> Row:
    """Values as metrics.json has them: what a page multiplies is not multiplied here."""
    found: Row = {
        "device": row.device,
        "metric": row.metric.name,
        "direction": row.direction,
        "better": row.metric.better,
        "test_images": row.images,
        "seeds": row.seeds,
        "backends": " ".join(row.scores),
    }
    for name, score in row.scores.items():
        found |= _interval(name, score.interval)
        found |= {f"{name}_runs": score.runs, f"{name}_step_0": score.start}
        found[f"{name}_best"] = score.best.value if score.best else None
        found[f"{name}_best_step"] = score.best.step if score.best else None
    found |= _interval("difference", row.difference)
    verdict = row.verdict.label if row.verdict else None
    return found | {
        "margin": row.margin,
        "verdict": verdict,
        "floor": row.floor,
        "identity_baseline": row.identity_baseline,
    }


def _interval(name: str, interval: Interval) -> Row:
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
