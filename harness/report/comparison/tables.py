"""Tables as plain cells, rendered alike in HTML and Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.config.differences import flat
from harness.records.experiment import ExperimentFolder
from harness.report.comparison import environment
from harness.report.comparison.losses import CONVENTIONS, LossRow, cycle_rows
from harness.report.comparison.scores import (
    BASELINES,
    BackendScore,
    MetricRow,
    by_pair,
    metric_rows,
    names_of,
)
from harness.report.comparison.timing import TimingRow, clock_table
from harness.report.figures import colour
from harness.report.formatting import (
    MINUS,
    MISSING,
    bounds,
    fixed,
    percent,
    plural,
    prefixed,
    significant,
)
from harness.report.page import Cell, Table, text_table


def metric_table(experiment: ExperimentFolder, metrics: Sequence[MetricRow], device: str) -> Table:
    """A row a metric and direction.

    Of two backends with their difference and its verdict in columns of their own, of more with one
    column for each that is compared with the first.
    """
    rows = [row for row in metrics if row.device == device]
    backends = experiment.on(device)
    several = len(backends) > 2
    header = [Cell("Metric"), Cell("Direction"), *_heads(experiment, backends)]
    if several:
        header += [Cell("Verdict", names_of(experiment, pair[0])) for pair in by_pair(rows)]
    else:
        names = names_of(experiment, rows[0]) if rows and len(backends) > 1 else ""
        difference = Cell(names) if names else Cell("Difference", f"first {MINUS} second")
        header += [difference, Cell("Verdict")]
    header.append(Cell("Real images", "the floor"))
    # Samples of noise were no images before.
    translated = len(experiment.directions) > 1
    header += [Cell("Untranslated", "the baseline")] if translated else []
    places: dict[tuple[str, str], list[MetricRow]] = {}
    for row in rows:
        places.setdefault((row.metric.name, row.direction), []).append(row)
    body = []
    for of_place in places.values():
        row = replace(of_place[0], scores={n: s for r in of_place for n, s in r.scores.items()})
        cells = [_metric_cell(row), _direction_cell(experiment, row)]
        for name in backends:
            score = row.scores.get(name)
            cells.append(_score_cell(row, score) if score else Cell(""))
        if several:
            cells += [_compared_cell(each) for each in of_place]
        else:
            span = bounds(row.difference, row.metric.digits, row.metric.scale)
            cells += [Cell(row.text(row.difference.value), span), _verdict_cell(row)]
        cells.append(Cell(row.text(row.floor)))
        cells += [Cell(row.text(row.identity_baseline))] if translated else []
        body.append(tuple(cells))
    return Table(tuple(header), tuple(body), experiment.device_title(device))


def baseline_table(experiment: ExperimentFolder, metrics: Sequence[MetricRow]) -> Table | None:
    """Scores of images that no model has made; None where there are but the untranslated ones."""
    rows: dict[tuple[str, str], MetricRow] = {}
    for row in metrics:
        if row.baselines:
            rows.setdefault((row.metric.name, row.direction), row)
    names = [name for name in BASELINES if any(name in row.baselines for row in rows.values())]
    if len(names) < 2:
        return None
    titles = ("Metric", "Direction", "real images", *(BASELINES[name] for name in names))
    body = [
        (
            _metric_cell(row),
            _direction_cell(experiment, row),
            Cell(row.text(row.floor)),
            *(Cell(row.text(row.baselines.get(name))) for name in names),
        )
        for row in rows.values()
    ]
    return Table(tuple(map(Cell, titles)), tuple(body))


def last_step_table(experiment: ExperimentFolder, metrics: Sequence[MetricRow]) -> Table | None:
    """Scores of averaged weights beside those of the last step's; None where there are no averages.

    Means over seeds.
    """
    of_last = experiment.metrics.get("last_step") or {}
    if not of_last.get("scores"):
        return None
    last: dict[tuple[str, str, str], dict[str, BackendScore]] = {}
    for row in metric_rows(replace(experiment, metrics={**experiment.metrics, **of_last})):
        key = (row.metric.name, row.device, row.direction)
        last.setdefault(key, {}).update(row.scores)
    several = len(experiment.devices) > 1
    header = [Cell("Metric"), Cell("Direction")]
    for head in _heads(experiment, experiment.present):
        header += [replace(head, detail="averaged weights"), replace(head, detail="last step")]
    body = []
    averaged: dict[tuple[str, str, str], dict[str, BackendScore]] = {}
    first: dict[tuple[str, str, str], MetricRow] = {}
    for row in metrics:
        key = (row.metric.name, row.device, row.direction)
        if key in last:
            first.setdefault(key, row)
            averaged.setdefault(key, {}).update(row.scores)
    for key, row in first.items():
        direction = _direction_cell(experiment, row)
        where = experiment.device_title(row.device) * several
        cells = [_metric_cell(row), Cell(direction.text, where or direction.detail)]
        for name in experiment.present:
            for scores in (averaged[key], last[key]):
                score = scores.get(name)
                cells.append(Cell(row.text(score.interval.value if score else None)))
        body.append(tuple(cells))
    return Table(tuple(header), tuple(body))


def _metric_cell(row: MetricRow) -> Cell:
    return Cell(f"{row.title} {'↓' if row.metric.better == 'lower' else '↑'}", row.metric.unit)


def _direction_cell(experiment: ExperimentFolder, row: MetricRow) -> Cell:
    return Cell(experiment.path(row.direction), "and back" * (row.metric.family == "cycle"))


def _score_cell(row: MetricRow, score: BackendScore) -> Cell:
    lines = [bounds(score.interval, row.metric.digits, row.metric.scale)]
    if score.start is not None:
        lines.append(f"step 0: {row.text(score.start)}")
    if score.best:
        at = "different steps" if score.best.step is None else f"step {score.best.step:,}"
        lines.append(f"best: {row.text(score.best.value)}, {at}")
    return Cell(row.text(score.interval.value), "\n".join(filter(None, lines)))


def _verdict_cell(row: MetricRow) -> Cell:
    if row.verdict is None:
        return Cell(MISSING, "no margin fixed" if len(row.scores) > 1 and row.seeds else "")
    margin = f"margin {row.margin_text}"
    if row.margin and row.margin.scale == "ratio" and row.ratio.value is not None:
        span = bounds(row.ratio, 2)
        margin = f"ratio {fixed(row.ratio.value, 2)} {span}".rstrip() + f"\n{margin}"
    if not row.primary:
        margin += "\nsecondary"
    return Cell(row.verdict.label, margin)


def _compared_cell(row: MetricRow) -> Cell:
    """The verdict on two of several backends, and below it their difference."""
    verdict = _verdict_cell(row)
    span = bounds(row.difference, row.metric.digits, row.metric.scale)
    difference = f"difference {row.text(row.difference.value)} {span}".rstrip()
    return replace(verdict, detail="\n".join(filter(None, [difference, verdict.detail])))


def cycle_table(experiment: ExperimentFolder, losses: Sequence[LossRow]) -> Table:
    """Mean of both cycle losses over the last tenth, all conventions side by side."""
    by_convention = {row.convention: row.values for row in cycle_rows(losses)}
    conventions = ("unnormalised", "normalised", "weighted", "mean")
    header = (Cell("Cycle loss, mean of both generators"), *map(Cell, conventions))
    body = [
        (
            Cell(experiment.title(name), swatch=colour(experiment, name)),
            *(Cell(significant(by_convention[c][name], 4)) for c in conventions),
        )
        for name in experiment.present
    ]
    return Table(header, tuple(body))


def loss_table(experiment: ExperimentFolder, losses: Sequence[LossRow]) -> Table:
    """Every term and convention of summary.json, a row a term and backend."""
    recorded = {(row.term, row.convention): row.values for row in losses}
    shown = [c for c in CONVENTIONS if any(row.convention == c for row in losses)]
    header = (Cell("Term"), Cell("Backend"), *map(Cell, shown))
    body = [
        (
            Cell(term.replace("_", " ")),
            Cell(experiment.title(name), swatch=colour(experiment, name)),
            *(Cell(significant(recorded.get((term, c), {}).get(name), 4)) for c in shown),
        )
        for term in dict.fromkeys(row.term for row in losses)
        for name in experiment.present
    ]
    return Table(header, tuple(body))


QUANTITIES = {
    "step_ms_median": ("Training step, median", lambda v: f"{significant(v)} ms"),
    "step_ms_p95": ("Training step, 95th percentile of blocks", lambda v: f"{significant(v)} ms"),
    "images_per_second": ("Training images a second", significant),
    "warmup_seconds": ("Warm-up", lambda v: f"{significant(v)} s"),
    "peak_memory_bytes": ("Peak memory", lambda v: prefixed(v, "B")),
    "flops_per_second": ("Arithmetic", lambda v: prefixed(v, "FLOP/s")),
    "joules_per_image": ("Energy a training image", lambda v: f"{significant(v)} J"),
}


def timing_tables(
    experiment: ExperimentFolder, timing: Sequence[TimingRow], device: str
) -> list[Table]:
    """One table, with a ratio to the first backend for every other one."""
    resources = [run.resources for run in experiment.runs if run.device == device]
    # How a quantity was read, where there is more than one way.
    kinds = {
        "peak_memory_bytes": {of_run["peak_memory"]["kind"] for of_run in resources},
        "joules_per_image": {s for of_run in resources if (s := of_run.get("energy_source"))},
    }
    pairs = experiment.pairs(device)
    backends = experiment.on(device)
    header = [Cell("Quantity"), *_heads(experiment, backends)]
    for first, *others in pairs:
        titles = [experiment.title(name) for name in (*others, first)]
        header += [Cell("Ratio", " / ".join(titles))] if others else []
    body = []
    for quantity in dict.fromkeys(row.quantity for row in timing if row.device == device):
        rows = [r for r in timing if r.device == device and r.quantity == quantity]
        label, text = QUANTITIES[quantity]
        cells = [Cell(label, " or ".join(sorted(kinds.get(quantity, ()))))]
        # Of the first backend the value beside the second: other pairs may be of other blocks.
        values = {name: v for row in reversed(rows) for name, v in row.values.items()}
        cells += [
            Cell(MISSING if (v := values.get(name)) is None else text(v)) for name in backends
        ]
        by_pair = {tuple(row.values): row for row in rows}
        cells += [_ratio_cell(by_pair.get(pair)) for pair in pairs if len(pair) == 2]
        body.append(tuple(cells))
    return [Table(tuple(header), tuple(body), experiment.device_title(device))] if body else []


def _ratio_cell(row: TimingRow | None) -> Cell:
    """With its interval, or why there is no ratio."""
    if row is None:
        return Cell(MISSING)
    span = bounds(row.ratio, 3)
    detail = f"{span} {plural(row.pairs, 'block pair')}" if span else ""
    if row.ratio.value is None and row.load is not None and row.load.refused:
        detail = "none: the machine was busy"
    return Cell(fixed(row.ratio.value, 2), detail)


def clocks(experiment: ExperimentFolder, device: str) -> Table:
    """Where the wall clock went: mean seconds and share, by clock and backend."""
    table = clock_table(experiment, device)
    backends = experiment.on(device)
    walls = table.get("wall", {})
    body = []
    for clock, seconds in table.items():
        cells = [Cell(clock)]
        for name in backends:
            value, wall = seconds[name], walls.get(name)
            share = percent(value / wall) if value is not None and wall else ""
            cells.append(Cell(MISSING if value is None else f"{significant(value)} s", share))
        body.append(tuple(cells))
    return Table((Cell("Clock"), *_heads(experiment, backends)), tuple(body))


def environment_table(experiment: ExperimentFolder) -> Table:
    """A column for each distinct environment: as rows they would be too wide for a page."""
    groups = environment.groups(experiment)
    header = [Cell("")]
    for group in groups:
        noun = "seed" if len(group.seeds) == 1 else "seeds"
        seeds = f"{noun} {', '.join(map(str, group.seeds))}"
        tone = colour(experiment, group.backend)
        header.append(Cell(f"{group.device} / {group.backend}", seeds, tone))
    body = [
        (Cell(title), *(Cell(group.values.get(field, MISSING)) for group in groups))
        for field, title in environment.FIELDS
        if any(field in group.values for group in groups)
    ]
    return Table(tuple(header), tuple(body), numeric=False)


def configuration_table(experiment: ExperimentFolder) -> Table:
    """The resolved configuration, a row a dotted key."""
    rows = []
    for key, value in flat(experiment.configuration).items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        rows.append((key, "none" if value is None else text))
    return text_table(("Key", "Value"), rows)


def _heads(experiment: ExperimentFolder, backends: Sequence[str]) -> list[Cell]:
    return [Cell(experiment.title(b), swatch=colour(experiment, b)) for b in backends]
