"""Tables as plain cells, rendered alike in HTML and Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from backends.objective import LOSS_TERMS
from harness.records.experiment import ExperimentFolder
from harness.report.comparison import environment
from harness.report.comparison.losses import CONVENTIONS, LossRow, cycle_rows
from harness.report.comparison.scores import BackendScore, MetricRow
from harness.report.comparison.timing import TimingRow, clock_table
from harness.report.comparison.verdict import more
from harness.report.figures import colour
from harness.report.formatting import MISSING, bounds, fixed, percent, plural, prefixed, significant
from harness.report.page import Cell, Table


def metric_table(experiment: ExperimentFolder, metrics: Sequence[MetricRow], device: str) -> Table:
    """A row a metric and direction (and pair of backends, where there are more than two)."""
    rows = [row for row in metrics if row.device == device]
    backends = experiment.on(device)
    header = [Cell("Metric"), Cell("Direction"), *_heads(experiment, backends)]
    header += [Cell("Difference", "first − second"), Cell("Verdict")]  # noqa: RUF001
    header += [Cell("Real images", "the floor"), Cell("Untranslated", "the baseline")]
    body = []
    for row in rows:
        digits, scale = row.metric.digits, row.metric.scale
        arrow = "↓" if row.metric.better == "lower" else "↑"
        cells = [
            Cell(f"{row.title} {arrow}", row.metric.unit),
            Cell(experiment.path(row.direction), "and back" * (row.metric.family == "cycle")),
        ]
        for name in backends:
            score = row.scores.get(name)
            cells.append(_score_cell(score, digits, scale) if score else Cell(""))
        gap, span = (
            fixed(row.difference.value, digits, scale),
            bounds(row.difference, digits, scale),
        )
        cells += [Cell(gap, span), _verdict_cell(row)]
        cells += [Cell(fixed(row.floor, digits, scale)),
                  Cell(fixed(row.identity_baseline, digits, scale))]  # fmt: skip
        body.append(tuple(cells))
    return Table(tuple(header), tuple(body), experiment.device_title(device))


def _score_cell(score: BackendScore, digits: int, scale: float) -> Cell:
    lines = [bounds(score.interval, digits, scale)]
    if score.start is not None:
        lines.append(f"step 0: {fixed(score.start, digits, scale)}")
    if score.best:
        at = "different steps" if score.best.step is None else f"step {score.best.step:,}"
        lines.append(f"best: {fixed(score.best.value, digits, scale)}, {at}")
    return Cell(fixed(score.interval.value, digits, scale), "\n".join(filter(None, lines)))


def _verdict_cell(row: MetricRow) -> Cell:
    if row.verdict is None:
        return Cell(MISSING, "no margin fixed" if len(row.scores) > 1 and row.seeds else "")
    margin = f"margin ±{fixed(row.margin, row.metric.digits, row.metric.scale)}"
    if row.verdict.label == "cannot tell yet":
        return Cell(row.verdict.label, f"{margin}\n{more(row)}")
    return Cell(row.verdict.label, margin)


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
    found = {(row.term, row.convention): row.values for row in losses}
    header = (Cell("Term"), Cell("Backend"), *map(Cell, CONVENTIONS))
    body = [
        (
            Cell(term.replace("_", " ")),
            Cell(experiment.title(name), swatch=colour(experiment, name)),
            *(Cell(significant(found.get((term, c), {}).get(name), 4)) for c in CONVENTIONS),
        )
        for term in LOSS_TERMS
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
    """A table a pair of backends."""
    tables = []
    for pair in experiment.pairs(device):
        rows = [r for r in timing if r.device == device and tuple(r.values) == pair]
        header = [Cell("Quantity"), *_heads(experiment, pair)]
        if len(pair) == 2:
            first, second = (experiment.title(name) for name in pair)
            header.append(Cell("Ratio", f"{second} / {first}"))
        body = []
        for row in rows:
            label, shown = QUANTITIES[row.quantity]
            cells = [Cell(label, _kind(experiment, device, row.quantity))]
            cells += [Cell(MISSING if v is None else shown(v)) for v in row.values.values()]
            if len(pair) == 2:
                span = bounds(row.ratio, 3)
                detail = f"{span} {plural(row.pairs, 'block pair')}" if span else ""
                cells.append(Cell(fixed(row.ratio.value, 2), detail))
            body.append(tuple(cells))
        tables.append(Table(tuple(header), tuple(body), experiment.device_title(device)))
    return tables


def _kind(experiment: ExperimentFolder, device: str, quantity: str) -> str:
    """How a quantity was read, where there is more than one way."""
    found = [run.resources for run in experiment.runs if run.device == device]
    kinds: set[str] = set()
    if quantity == "peak_memory_bytes":
        kinds = {each["peak_memory"]["kind"] for each in found}
    elif quantity == "joules_per_image":
        kinds = {each["energy_source"] for each in found if each.get("energy_source")}
    return " or ".join(sorted(kinds))


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
    """A column a distinct environment: turned on its side it would not fit a page."""
    found = environment.groups(experiment)
    header = [Cell("")]
    for group in found:
        noun = "seed" if len(group.seeds) == 1 else "seeds"
        seeds = f"{noun} {', '.join(map(str, group.seeds))}"
        tone = colour(experiment, group.backend)
        header.append(Cell(f"{group.device} / {group.backend}", seeds, tone))
    body = [
        (Cell(title), *(Cell(group.values.get(field, MISSING)) for group in found))
        for field, title in environment.FIELDS
        if any(field in group.values for group in found)
    ]
    return Table(tuple(header), tuple(body), numeric=False)


def configuration_table(experiment: ExperimentFolder) -> Table:
    """The resolved configuration, a row a dotted key."""
    rows = tuple((Cell(key), Cell(value)) for key, value in _flat("", experiment.configuration))
    return Table((Cell("Key"), Cell("Value")), rows, numeric=False)


def _flat(prefix: str, value) -> list[tuple[str, str]]:
    if isinstance(value, dict) and value:
        return [
            pair
            for key, inner in value.items()
            for pair in _flat(f"{prefix}.{key}" if prefix else str(key), inner)
        ]
    if isinstance(value, list):
        return [(prefix, ", ".join(map(str, value)))]
    return [(prefix, "none" if value is None else str(value))]


def _heads(experiment: ExperimentFolder, backends: Sequence[str]) -> list[Cell]:
    return [Cell(experiment.title(b), swatch=colour(experiment, b)) for b in backends]
