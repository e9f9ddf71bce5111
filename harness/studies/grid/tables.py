"""Tables of a study: scores, verdicts, cost; and table.csv, all of it for other programs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from harness.config.metric_table import Metric
from harness.report.comparison.scores import MetricRow
from harness.report.comparison.timing import TimingRow
from harness.report.formatting import MINUS, MISSING, bounds, fixed, plural, significant
from harness.report.page import Cell, Table
from harness.statistics.intervals import MINIMUM_SEEDS, Interval
from harness.studies.grid.findings import (
    CellFindings,
    GridFindings,
    Judged,
    ends,
    relative_time,
)
from harness.studies.grid.losses import PARTS, Part, loss_curves, steady_from

NOTHING = "learnt nothing yet"
UNSURE = "not surely better than untranslated"
STATES = ("complete", "diverged", "failed", "interrupted", "running", "not begun")


def score_table(findings: GridFindings, metric: Metric) -> Table:
    """A row a cell and direction."""
    arrow = "↓" if metric.better == "lower" else "↑"
    names = findings.study.backends
    header = [Cell("Cell"), Cell("Direction")]
    header += [Cell(findings.titles[name], swatch=findings.colour(name)) for name in names]
    if len(names) == 2:
        header += [Cell("Difference", "first − second"), Cell("Verdict")]  # noqa: RUF001
    for other in names[1:] if len(names) > 2 else ():
        titles = (findings.titles[names[0]], findings.titles[other])
        header.append(Cell("Verdict", f" {MINUS} ".join(titles)))
    header.append(Cell("Real images", "the floor"))
    header += [Cell("Untranslated", "the baseline")] if len(findings.directions) > 1 else []
    rows = [
        _score_row(findings, cell, metric, direction)
        for cell in findings.cells
        for direction in findings.directions
    ]
    of_metric = (row for cell in findings.cells for row in cell.rows)
    images = {row.images for row in of_metric if row.metric.name == metric.name}
    title = metric.titled(images.pop() if len(images) == 1 else None)
    return Table(tuple(header), tuple(rows), f"{title} {metric.unit} {arrow}".replace("  ", " "))


def _score_row(
    findings: GridFindings, cell: CellFindings, metric: Metric, direction: str
) -> tuple[Cell, ...]:
    names = findings.study.backends
    both_ways = len(findings.directions) > 1
    head = (Cell(cell.name), Cell(findings.path(cell, direction)))
    # What did not end as it should: "1 of 3 diverged".
    states = {}
    for name in names:
        runs = cell.states(name)
        counts = Counter(run.state for run in runs if run.state != "complete")
        states[name] = ", ".join(f"{n} of {len(runs)} {state}" for state, n in counts.items())
    of_metric = cell.of_metric(metric.name, direction)
    if not of_metric:
        blank = [Cell(MISSING, states[name]) for name in names]
        # Of two backends the difference and its verdict have columns of their own.
        compared = 2 if len(names) == 2 else len(names) - 1
        return (*head, *blank, *[Cell(MISSING)] * (compared + 1 + both_ways))

    def text(value: float | None) -> str:
        return fixed(value, metric.digits, metric.scale)

    def span(interval: Interval) -> str:
        return bounds(interval, metric.digits, metric.scale)

    first, cells = of_metric[0], []
    for name in names:
        score = cell.score(metric.name, direction, name)
        if score is None or score.interval.value is None:
            cells.append(Cell(MISSING, states[name]))
            continue
        learnt = ""
        if first.identity_baseline is not None:
            better = score.better_than(first.identity_baseline, metric.better)
            learnt = {False: NOTHING, None: UNSURE}.get(better, "")
        lines = filter(None, [span(score.interval), learnt, states[name]])
        cells.append(Cell(text(score.interval.value), "\n".join(lines)))
    if len(names) == 2:
        cells.append(Cell(text(first.difference.value), span(first.difference)))
        cells.append(_verdict_cell(first, findings.judgement(first)))
    elif len(names) > 2:
        by_pair = {tuple(row.scores): row for row in of_metric}
        for other in names[1:]:
            row = by_pair.get((names[0], other))
            cells.append(_compared_cell(findings, row) if row else Cell(MISSING))
    cells.append(Cell(text(first.floor)))
    cells += [Cell(text(first.identity_baseline))] if both_ways else []
    return (*head, *cells)


def _compared_cell(findings: GridFindings, row: MetricRow) -> Cell:
    """The verdict on two of several backends, and below it their difference."""
    verdict = _verdict_cell(row, findings.judgement(row))
    span = bounds(row.difference, row.metric.digits, row.metric.scale)
    difference = f"difference {row.text(row.difference.value)} {span}".rstrip()
    return replace(verdict, detail="\n".join(filter(None, [difference, verdict.detail])))


def _verdict_cell(row: MetricRow, judged: Judged | None) -> Cell:
    if judged is None or judged.alone is None:
        return Cell(MISSING, "no margin fixed" if row.gaps else "")
    if row.seeds < MINIMUM_SEEDS:
        detail = plural(row.seeds, "seed")
    elif judged.alone.label == "cannot tell yet":
        detail = judged.alone.needed
    else:
        detail = "stands among all" if judged.stands else "not among all"
    return Cell(judged.alone.label, f"margin {row.margin_text}\n{detail}")


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
    rows = []
    for cell in findings.cells:
        counts = cell.record.parameters
        generators = dict.fromkeys(n for name, n in counts.items() if name.startswith("g"))
        parameters = " and ".join(f"{n:,}" for n in generators)
        for name in findings.study.backends:
            runs = cell.states(name)
            complete = sum(run.state == "complete" for run in runs)
            step = step_ms(cell, name)
            ratio, pairs = step_ratio(cell, name)
            blocks = f"{bounds(ratio, 3)} {plural(pairs, 'block pair')}" if pairs else ""
            time = relative_time(cell, findings.baseline, name)
            relation = "the baseline" if cell is findings.baseline else bounds(time, 2)
            steady = [_steady_step(cell, name, part) for part in PARTS]
            row = (
                Cell(cell.name),
                Cell(findings.titles[name], swatch=findings.colour(name)),
                Cell(f"{complete} of {len(runs)}", "\n".join(ends(runs))),
                Cell(parameters, f"{sum(counts.values()):,} in all networks"),
                Cell(MISSING if step is None else f"{significant(step)} ms"),
                Cell(fixed(ratio.value, 2), blocks.strip()),
                Cell(fixed(time.value, 2), relation),
                *(Cell(MISSING if start is None else f"{start:,.0f}") for start in steady),
            )
            rows.append(row)
    return Table(header, tuple(rows))


def step_ms(cell: CellFindings, backend: str) -> float | None:
    values = [row.values[backend] for row in _step_rows(cell) if backend in row.values]
    return values[0] if values else None


def step_ratio(cell: CellFindings, backend: str) -> tuple[Interval, int]:
    """Step time of a backend over that of the first, from blocks run in turns; block pairs."""
    for row in _step_rows(cell):
        if list(row.values)[1:] == [backend]:
            return row.ratio, row.pairs
    return Interval(None), 0


def _step_rows(cell: CellFindings) -> list[TimingRow]:
    return [row for row in cell.timing if row.quantity == "step_ms_median"]


def _steady_step(cell: CellFindings, backend: str, part: Part) -> float | None:
    """Median over the complete runs; None unless every one of them is steady."""
    runs = cell.of(backend)
    if not runs or cell.experiment is None:
        return None
    steps = [steady_from(curve) for curve in loss_curves(cell.experiment, runs, part)]
    steady = [step for step in steps if step is not None]
    return float(np.median(steady)) if len(steady) == len(steps) else None


def csv_table(findings: GridFindings) -> pd.DataFrame:
    """A row a cell and backend, in the metrics' own units; empty where there is none.

    `..._difference`: the first backend minus this one.
    """
    rows = []
    for cell in findings.cells:
        for name in findings.study.backends:
            keys = [axis.key for axis in findings.study.axes]
            states = Counter(run.state for run in cell.states(name))
            time = relative_time(cell, findings.baseline, name)
            row: dict[str, Any] = {
                "cell": cell.name,
                **dict(zip(keys, cell.record.labels, strict=True)),
                "backend": name,
                "folder": cell.record.folder.name,
                **{f"runs_{state.replace(' ', '_')}": states[state] for state in STATES},
                **{f"parameters_{network}": n for network, n in cell.record.parameters.items()},
                "step_ms": step_ms(cell, name),
                **_interval("step_ratio", step_ratio(cell, name)[0]),
                **_interval("relative_time", time),
                **{f"steady_{part}": _steady_step(cell, name, part) for part in PARTS},
            }
            for metric, direction in product(findings.metrics, findings.directions):
                key = f"{metric.name}_{direction}"
                score = cell.score(metric.name, direction, name)
                row |= _interval(key, score.interval if score else Interval(None))
                row[f"{key}_runs"] = score.runs if score else 0
                judged = None
                for metric_row in cell.of_metric(metric.name, direction):
                    if list(metric_row.scores)[1:] == [name]:
                        judged = judged or findings.judgement(metric_row)
                gap = judged.row.difference if judged else Interval(None)
                row |= _interval(f"{key}_difference", gap)
                row[f"{key}_verdict"] = judged.label if judged else None
                row[f"{key}_stands"] = judged.stands if judged else None
            rows.append(row)
    return pd.DataFrame(rows)


def _interval(name: str, interval: Interval) -> dict[str, float | None]:
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
