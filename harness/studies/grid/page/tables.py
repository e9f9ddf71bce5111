"""Tables of a study: scores, verdicts, cost; and table.csv, all of it for other programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from harness.config.metric_table import Metric
from harness.records.experiment import DIRECTIONS
from harness.report.comparison.scores import BackendScore, MetricRow
from harness.report.comparison.verdict import more
from harness.report.formatting import MISSING, bounds, fixed, plural, significant
from harness.report.page import Cell, Table
from harness.statistics.intervals import MINIMUM_SEEDS, Interval
from harness.studies.grid.page.findings import (
    CellFindings,
    GridFindings,
    Judged,
    RunState,
    ends,
    relative_time,
)
from harness.studies.grid.page.losses import Part, loss_curves, steady_from

NOTHING = "learnt nothing yet"
UNSURE = "not surely better than untranslated"
STATES = ("complete", "diverged", "failed", "interrupted", "running", "not begun")


def score_table(findings: GridFindings, metric: Metric) -> Table:
    """A row a cell and direction."""
    arrow = "↓" if metric.better == "lower" else "↑"
    names = findings.study.backends
    header = [Cell("Cell"), Cell("Direction")]
    header += [Cell(findings.titles[name], swatch=findings.colour(name)) for name in names]
    if len(names) > 1:
        header += [Cell("Difference", "first − second"), Cell("Verdict")]  # noqa: RUF001
    header += [Cell("Real images", "the floor"), Cell("Untranslated", "the baseline")]
    rows = [
        row
        for cell in findings.cells
        for direction in DIRECTIONS
        for row in _score_rows(findings, cell, metric, direction)
    ]
    images = {row.images for cell in findings.cells for row in cell.rows if row.metric == metric}
    title = metric.titled(images.pop() if len(images) == 1 else None)
    return Table(tuple(header), tuple(rows), f"{title} {metric.unit} {arrow}".replace("  ", " "))


def _score_rows(
    findings: GridFindings, cell: CellFindings, metric: Metric, direction: str
) -> list[tuple[Cell, ...]]:
    names, several = findings.study.backends, len(findings.study.backends) > 1
    found = cell.of_metric(metric.name, direction)
    head = (Cell(cell.name), Cell(findings.path(cell, direction)))
    if not found:
        blank = [Cell(MISSING, _states(cell.states(name))) for name in names]
        return [(*head, *blank, *[Cell(MISSING)] * (4 if several else 2))]
    beside = (found[0].floor, found[0].identity_baseline)
    judged = {tuple(each.row.scores): each for each in findings.judged
              if each.cell is cell and each.row in found}  # fmt: skip
    rows = []
    for row in found:
        cells = []
        for name in names:
            score = row.scores.get(name) or cell.score(metric.name, direction, name)
            cells.append(_score_cell(cell, row, name, score))
        if several:
            gap = fixed(row.difference.value, metric.digits, metric.scale)
            cells.append(Cell(gap, bounds(row.difference, metric.digits, metric.scale)))
            cells.append(_verdict_cell(row, judged.get(tuple(row.scores))))
        cells += [Cell(fixed(value, metric.digits, metric.scale)) for value in beside]
        rows.append((*head, *cells))
    return rows


def _score_cell(cell: CellFindings, row: MetricRow, name: str, score: BackendScore | None) -> Cell:
    states = _states(cell.states(name))
    if score is None or score.interval.value is None:
        return Cell(MISSING, states)
    metric = row.metric
    beats = score.better_than(row.identity_baseline, metric.better)
    learnt = {False: NOTHING, None: UNSURE}.get(beats, "") if _has_baseline(row) else ""
    lines = [bounds(score.interval, metric.digits, metric.scale), learnt, states]
    return Cell(
        fixed(score.interval.value, metric.digits, metric.scale), "\n".join(filter(None, lines))
    )


def _has_baseline(row: MetricRow) -> bool:
    return row.identity_baseline is not None


def _states(runs: Sequence[RunState]) -> str:
    """What did not end as it should: "1 of 3 diverged"; nothing where all are complete."""
    counts = Counter(run.state for run in runs if run.state != "complete")
    return ", ".join(f"{count} of {len(runs)} {state}" for state, count in counts.items())


def _verdict_cell(row: MetricRow, judged: Judged | None) -> Cell:
    if judged is None or row.verdict is None:
        return Cell(MISSING, "no margin fixed" if row.gaps else "")
    margin = f"margin ±{fixed(row.margin, row.metric.digits, row.metric.scale)}"
    if row.seeds < MINIMUM_SEEDS:
        return Cell(row.verdict.label, f"{margin}\n{plural(row.seeds, 'seed')}")
    if row.verdict.label == "cannot tell yet":
        return Cell(row.verdict.label, f"{margin}\n{more(row)}")
    stands = "stands among all" if judged.stands else "not among all"
    return Cell(row.verdict.label, f"{margin}\n{stands}")


def cost_table(findings: GridFindings) -> Table:
    """A row a cell and backend."""
    header = (
        Cell("Cell"),
        Cell("Backend"),
        Cell("Trained", "of asked"),
        Cell("Parameters", "of one generator"),
        Cell("Step", "median"),
        Cell("Step time", f"relative to {findings.titles[findings.study.backends[0]]}"),
        Cell("Training time", f"relative to {findings.baseline.name}"),
        Cell("Loss steady", "from step: generators"),
        Cell("Loss steady", "discriminators"),
    )
    rows = [
        _cost_row(findings, cell, name)
        for cell in findings.cells
        for name in findings.study.backends
    ]
    return Table(header, tuple(rows))


def _cost_row(findings: GridFindings, cell: CellFindings, name: str) -> tuple[Cell, ...]:
    runs = cell.states(name)
    complete = sum(run.state == "complete" for run in runs)
    ratio, pairs = step_ratio(cell, name)
    time = relative_time(cell, findings.baseline, name)
    steady = [steady_step(cell, name, part) for part in ("generators", "discriminators")]
    step = step_ms(cell, name)
    blocks = f"{bounds(ratio, 3)} {plural(pairs, 'block pair')}" if pairs else ""
    return (
        Cell(cell.name),
        Cell(findings.titles[name], swatch=findings.colour(name)),
        Cell(f"{complete} of {len(runs)}", "\n".join(ends(runs))),
        _parameter_cell(cell),
        Cell(MISSING if step is None else f"{significant(step)} ms"),
        Cell(fixed(ratio.value, 2), blocks.strip()),
        Cell(
            fixed(time.value, 2), "the baseline" if cell is findings.baseline else bounds(time, 2)
        ),
        *(Cell(MISSING if each is None else f"{each:,.0f}") for each in steady),
    )


def _parameter_cell(cell: CellFindings) -> Cell:
    counts = cell.record.parameters
    ab, ba = counts["g_ab"], counts["g_ba"]
    shown = f"{ab:,}" if ab == ba else f"{ab:,} and {ba:,}"
    return Cell(shown, f"{sum(counts.values()):,} in all four networks")


def step_ms(cell: CellFindings, backend: str) -> float | None:
    values = [
        row.values[backend]
        for row in cell.timing
        if row.quantity == "step_ms_median" and backend in row.values
    ]
    return values[0] if values else None


def step_ratio(cell: CellFindings, backend: str) -> tuple[Interval, int]:
    """Step time of a backend over that of the first, from blocks run in turns; block pairs."""
    for row in cell.timing:
        if row.quantity == "step_ms_median" and list(row.values)[1:] == [backend]:
            return row.ratio, row.pairs
    return Interval(None), 0


def steady_step(cell: CellFindings, backend: str, part: Part) -> float | None:
    """Median over the complete runs; None unless every one of them is steady."""
    runs = cell.of(backend)
    if not runs or cell.experiment is None:
        return None
    found = [steady_from(curve) for curve in loss_curves(cell.experiment, runs, part)]
    known = [step for step in found if step is not None]
    return float(np.median(known)) if len(known) == len(found) else None


def csv_table(findings: GridFindings) -> pd.DataFrame:
    """Values in the metrics' own units; empty where there is none."""
    rows = [
        {**_csv_cost(findings, cell, name), **_csv_scores(findings, cell, name)}
        for cell in findings.cells
        for name in findings.study.backends
    ]
    return pd.DataFrame(rows)


def _csv_cost(findings: GridFindings, cell: CellFindings, name: str) -> dict[str, Any]:
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


def _csv_scores(findings: GridFindings, cell: CellFindings, name: str) -> dict[str, Any]:
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
