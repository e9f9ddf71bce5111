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
        "cycle": [
            {"convention": row.convention, **row.values}
            for row in (cycle_rows(losses) if losses else [])
        ],
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
    tables_with_rows = {name: pd.DataFrame(of_table) for name, of_table in rows.items() if of_table}
    return {
        # Else a step beside a missing one would be 5.0.
        name: table.astype({column: "Int64" for column in table if str(column).endswith("_step")})
        for name, table in tables_with_rows.items()
    }


def _scores(row: MetricRow) -> Row:
    """Values as metrics.json has them: what a page multiplies is not multiplied here."""
    cells: Row = {
        "device": row.device,
        "metric": row.metric.name,
        "direction": row.direction,
        "better": row.metric.better,
        "test_images": row.images,
        "seeds": row.seeds,
        "backends": " ".join(row.scores),
    }
    for name, score in row.scores.items():
        cells |= _interval(name, score.interval)
        cells |= {f"{name}_runs": score.runs, f"{name}_step_0": score.start}
        cells[f"{name}_best"] = score.best.value if score.best else None
        cells[f"{name}_best_step"] = score.best.step if score.best else None
    cells |= _interval("difference", row.difference)
    verdict = row.verdict.label if row.verdict else None
    return cells | {
        "margin": row.margin,
        "verdict": verdict,
        "floor": row.floor,
        "identity_baseline": row.identity_baseline,
    }


def _interval(name: str, interval: Interval) -> Row:
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
