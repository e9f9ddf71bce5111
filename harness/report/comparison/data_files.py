"""The results for other programs: summary.json, tables as CSV in full, and as LaTeX as shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from harness.records.experiment import ExperimentFolder
from harness.report.comparison import environment, tables
from harness.report.comparison.evidence import evidence_summary
from harness.report.comparison.findings import ComparisonFindings
from harness.report.comparison.losses import LossRow, cycle_rows
from harness.report.comparison.scores import MetricRow
from harness.report.comparison.timing import UNTIMED, TimingRow, clock_table
from harness.report.latex import document
from harness.report.page import Table
from harness.statistics.intervals import Interval

Row = dict[str, Any]


def summary(experiment: ExperimentFolder, findings: ComparisonFindings) -> dict[str, Any]:
    """Content of summary.json (schema: results/README.md).

    Names, never positions; what cannot be had is None, so that no NaN reaches the JSON. With more
    than two backends there is a row for each pair (first, other): the keys present say which.
    """
    metrics = [
        {
            "metric": row.metric.name,
            "direction": row.direction,
            "device": row.device,
            **{
                name: {**asdict(score.interval), "runs": score.runs}
                for name, score in row.scores.items()
            },
            "weights": row.weights,
            "difference": asdict(row.difference),
            "ratio": asdict(row.ratio),
            "margin": row.margin.value if row.margin else None,
            "margin_scale": row.margin.scale if row.margin else None,
            "primary": row.primary,
            "verdict": row.verdict.label if row.verdict else None,
            "floor": row.floor,
            "identity_baseline": row.identity_baseline,
        }
        for row in findings.metrics
    ]
    timing = [
        {
            "device": row.device,
            "quantity": row.quantity,
            **row.values,
            "ratio": asdict(row.ratio),
            "load": _load(row),
        }
        for row in findings.timing
    ]
    return {
        "experiment": {name: getattr(experiment, name) for name in ("dataset", "preset", "hash")},
        "answers": [
            {"question": answer.question, "short": answer.short, "tone": answer.tone}
            for answer in findings.answers
        ],
        "devices": list(experiment.devices),
        "metrics": metrics,
        "losses": [_loss(row) for row in findings.losses],
        "timing": timing,
        **evidence_summary(findings.evidence),
    }


def table_files(experiment: ExperimentFolder, findings: ComparisonFindings) -> dict[str, bytes]:
    """Path below the experiment's folder -> content."""
    files = {
        f"tables/{name}.csv": frame.to_csv(index=False, lineterminator="\n").encode()
        for name, frame in _full(experiment, findings).items()
    }
    return files | {
        f"tables/{name}.tex": document(captioned).encode()
        for name, captioned in _shown(experiment, findings).items()
        if captioned
    }


def _full(experiment: ExperimentFolder, findings: ComparisonFindings) -> dict[str, pd.DataFrame]:
    """Name -> table, of the tables that have rows; a number that cannot be had is missing."""
    losses = findings.losses if experiment.runs else ()
    rows: dict[str, list[Row]] = {
        "scores": [_score(row) for row in findings.metrics],
        "cycle": [
            {"convention": row.convention, **row.values}
            for row in (cycle_rows(losses) if losses else [])
        ],
        "losses": [_loss(row) for row in losses],
        "timing": [
            {
                "device": row.device,
                "quantity": row.quantity,
                "backends": " ".join(row.values),
                **row.values,
                **_interval("ratio", row.ratio),
                "block_pairs": row.pairs,
                "pairs_under_load": row.load.marked if row.load else None,
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
        "parity": [
            {"device": one["device_name"], **row}
            for one in findings.evidence.climbs
            for row in one["rows"]
        ],
        "configuration": [
            {"key": key.text, "value": value.text}
            for key, value in tables.configuration_table(experiment).rows
        ],
    }
    frames = {name: pd.DataFrame(of_table) for name, of_table in rows.items() if of_table}
    return {
        # Else a step beside a missing one would be 5.0.
        name: frame.astype({column: "Int64" for column in frame if str(column).endswith("_step")})
        for name, frame in frames.items()
    }


def _load(row: TimingRow) -> Row | None:
    """What others took of the CPU time; None where no two backends ran blocks in turns."""
    if row.load is None:
        return None
    return {
        "others": row.load.others,
        "steal": row.load.steal,
        "throttled": row.load.throttled,
        "pairs": row.load.pairs,
        "pairs_under_load": row.load.marked,
        "no_ratio": row.load.reason if row.quantity not in UNTIMED and row.load.refused else None,
    }


def _loss(row: LossRow) -> Row:
    return {"term": row.term, "convention": row.convention, **row.values}


def _score(row: MetricRow) -> Row:
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
        cells |= {
            f"{name}_runs": score.runs,
            f"{name}_step_0": score.start,
            f"{name}_best": score.best.value if score.best else None,
            f"{name}_best_step": score.best.step if score.best else None,
        }
    return cells | {
        **_interval("difference", row.difference),
        **_interval("ratio", row.ratio),
        "margin": row.margin.value if row.margin else None,
        "margin_scale": row.margin.scale if row.margin else None,
        "primary": row.primary,
        "weights": row.weights,
        "verdict": row.verdict.label if row.verdict else None,
        "floor": row.floor,
        "identity_baseline": row.identity_baseline,
    }


def _interval(name: str, interval: Interval) -> Row:
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}


def _shown(
    experiment: ExperimentFolder, findings: ComparisonFindings
) -> Mapping[str, list[tuple[str, str, Table]]]:
    """By file name, the tables as the report has them, each with its label and caption.

    One a device, where the report has one a device.
    """
    about = f"{experiment.dataset}, preset {experiment.preset}"
    settings = tables.configuration_table(experiment)
    configuration = [("configuration", f"Configuration ({about}).", settings)]
    if not experiment.runs:
        return {"configuration": configuration}
    scores, timing, clocks = [], [], []
    for device in experiment.devices:
        here = f"{about}; {experiment.device_title(device)}"
        if findings.metrics:
            scores.append(
                (
                    f"scores-{device}",
                    f"Scores on the test split ({here}). Brackets: 95 % intervals, of one run for"
                    " other test images, of three runs and more for other seeds.",
                    tables.metric_table(experiment, findings.metrics, device),
                )
            )
        caption = f"Speed and memory ({here}). Bracket: 95 % interval over pairs of blocks."
        for place, table in enumerate(tables.timing_tables(experiment, findings.timing, device)):
            timing.append((f"timing-{device}-{place}", caption, table))
        caption = f"Where the wall clock went ({here}), mean over runs."
        clocks.append((f"clocks-{device}", caption, tables.clocks(experiment, device)))
    tenth = f"mean over the last tenth of the run ({about})"
    has_cycles = bool(cycle_rows(findings.losses))
    cycle = tables.cycle_table(experiment, findings.losses) if has_cycles else None
    losses = tables.loss_table(experiment, findings.losses)
    where = tables.environment_table(experiment)
    return {
        "scores": scores,
        "cycle": [("cycle", f"Cycle loss in four conventions, {tenth}.", cycle)] if cycle else [],
        "losses": [("losses", f"Every loss term in each convention it has, {tenth}.", losses)],
        "timing": timing,
        "clocks": clocks,
        "environment": [("environment", f"What the runs ran on and with ({about}).", where)],
        "configuration": configuration,
    }
