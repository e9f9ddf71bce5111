"""table.csv: a row a cell and backend, for other programs (schema: results/README.md)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd

from harness.records.experiment import DIRECTIONS
from harness.statistics.intervals import Interval
from harness.studies.grid.page.findings import CellFindings, Findings, relative_time
from harness.studies.grid.page.tables import steady_step, step_ms, step_ratio

STATES = ("complete", "diverged", "failed", "interrupted", "running", "not begun")


def csv_table(findings: Findings) -> pd.DataFrame:
    """Values in the metrics' own units; empty where there is none."""
    rows = [
        {**_cost(findings, cell, name), **_scores(findings, cell, name)}
        for cell in findings.cells
        for name in findings.study.backends
    ]
    return pd.DataFrame(rows)


def _cost(findings: Findings, cell: CellFindings, name: str) -> dict[str, Any]:
    keys = [axis.key for axis in findings.study.axes]
    states = Counter(run.state for run in cell.states(name))
    row: dict[str, Any] = {"cell": cell.name, **dict(zip(keys, cell.record.labels, strict=True))}
    row |= {"backend": name, "folder": cell.record.folder.name}
    row |= {f"runs_{state.replace(' ', '_')}": states[state] for state in STATES}
    row |= {f"parameters_{network}": n for network, n in cell.record.parameters.items()}
    row["step_ms"] = step_ms(cell, name)
    row |= _interval("step_ratio", step_ratio(cell, name)[0])
    row |= _interval("relative_time", relative_time(cell, findings.baseline, name))
    for part in ("generators", "discriminators"):
        row[f"steady_{part}"] = steady_step(cell, name, part)
    return row


def _scores(findings: Findings, cell: CellFindings, name: str) -> dict[str, Any]:
    """`..._difference`: the first backend minus this one."""
    row: dict[str, Any] = {}
    for metric in findings.metrics:
        for direction in DIRECTIONS:
            key = f"{metric.name}_{direction}"
            score = cell.score(metric.name, direction, name)
            row |= _interval(key, score.interval if score else Interval(None))
            row[f"{key}_runs"] = score.runs if score else 0
            judged = next(
                (
                    each
                    for each in findings.judged
                    if each.cell is cell
                    and (each.row.metric, each.row.direction) == (metric, direction)
                    and list(each.row.scores)[1:] == [name]
                ),
                None,
            )
            row |= _interval(f"{key}_difference", judged.row.difference if judged
                             else Interval(None))  # fmt: skip
            row[f"{key}_verdict"] = judged.label if judged else None
            row[f"{key}_stands"] = judged.stands if judged else None
    return row


def _interval(name: str, interval: Interval) -> dict[str, float | None]:
    bounds = {f"{name}_low": interval.low, f"{name}_high": interval.high}
    return {name: interval.value, **bounds}
