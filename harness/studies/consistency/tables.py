"""Tables of a study's page, as the comparison's report has them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from harness.config.metric_table import Metric
from harness.report.formatting import MISSING, NO_BREAK, bounds, fixed, percent, plural, significant
from harness.report.page import Cell, Table
from harness.statistics.equivalence import Margin
from harness.studies.consistency.calibration import Calibration, Outcome, Rate
from harness.studies.consistency.findings import ConsistencyFindings, DefaultRow, Study
from harness.studies.consistency.floor import Ratio
from harness.studies.consistency.scores import SeedRow, Subject

TRIVIAL = "not distinguishable from seed noise"


def rounded(value: float | None) -> str:
    """Two figures, over many orders of magnitude: "0.0021", "3.4e-07", "230"."""
    if value is None or not math.isfinite(value):
        return MISSING
    return significant(value, 2) if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.1e}"


def ratio_table(study: Study, findings: ConsistencyFindings) -> Table:
    """A row a measure and phase, and pair of backends where there are more than two."""
    header = ("Measure", "Phase", "Difference between frameworks", "Noise floor", "Ratio", "Range")
    several = len({(ratio.reference, ratio.backend) for ratio in findings.ratios}) > 1

    def row(ratio: Ratio) -> tuple[Cell, ...]:
        pair = f"{study.title(ratio.reference)} and {study.title(ratio.backend)}" * several
        steps = f"steps {ratio.first_step} to {ratio.last_step}" if ratio.first_step else "no steps"
        span = MISSING if ratio.low is None else f"{rounded(ratio.low)} to {rounded(ratio.high)}"
        return (
            Cell(ratio.measure, pair),
            Cell(ratio.phase, steps),
            Cell(rounded(ratio.between)),
            Cell(rounded(ratio.floor)),
            Cell(rounded(ratio.ratio)),
            Cell(span, plural(ratio.curves, "neutral change")),
        )

    rows = [row(ratio) for ratio in findings.ratios]
    last = f"at step {study.record['options']['steps']}"
    rows += [
        tuple(map(Cell, (measure, last, "", "", rounded(value), "")))
        for measure, value in findings.last.items()
    ]
    return Table(tuple(map(Cell, header)), tuple(rows))


def defaults_table(study: Study, findings: ConsistencyFindings) -> Table:
    """In the order of the chart."""
    header = (
        Cell("Default", "reference → framework"),
        Cell("Largest effect on a final score", "in seed standard deviations"),
        Cell("First update", "relative change"),
        Cell("Trajectory, early", "in noise floors"),
        Cell("Trajectory, late", "in noise floors"),
    )
    rows = tuple(_default_row(study, row) for row in findings.defaults)
    return Table(header, rows, numeric=False)


def _default_row(study: Study, row: DefaultRow) -> tuple[Cell, ...]:
    effect, largest = row.strongest, Cell(MISSING, "not measured")
    if effect is not None and effect.in_deviations.value is not None:
        metric = effect.subject.metric
        sign = "+" if effect.in_deviations.value > 0 else ""
        text = f"{sign}{fixed(effect.in_deviations.value, 1)} {bounds(effect.in_deviations, 1)}"
        change = fixed(effect.difference.value, metric.digits, metric.scale)
        details = [
            f"{metric.title} {metric.unit}, {study.path(effect.subject.direction)}: {change}"
        ]
        if not effect.distinct:
            details.append(f"{TRIVIAL} with {plural(effect.seeds, 'seed')}")
        largest = Cell(text.strip(), "\n".join(details))
    followed: Mapping[str, Any] = row.followed or {}
    note = followed.get("note")
    if not (isinstance(note, str) and note):
        drawn_anew = followed.get("redraws") in (True, "True")
        note = "another draw: see below" if drawn_anew else ""
    return (
        Cell(row.name, f"{row.reference} → {row.framework}"),
        largest,
        Cell(rounded(followed.get("one_step")), note),
        Cell(rounded(followed.get("early_weights"))),
        Cell(rounded(followed.get("late_weights"))),
    )


def seeds_table(study: Study, findings: ConsistencyFindings) -> Table:
    header = (
        Cell("Metric"),
        Cell("Direction"),
        Cell("Difference", "first − second"),  # noqa: RUF001
        Cell("Verdict"),
        Cell("Variance between over within", "of differences of two runs"),
    )
    several = len({row.backends for row in findings.seeds}) > 1

    def cells(row: SeedRow) -> tuple[Cell, ...]:
        metric = row.subject.metric
        pair = " − ".join(study.title(name) for name in row.backends) * several  # noqa: RUF001
        details = [f"margin {margin_text(metric, row.margin)}", row.verdict.needed]
        ratio = findings.variances.get((row.subject, row.backends))
        return (
            Cell(metric.title, "\n".join(filter(None, [metric.unit, pair]))),
            Cell(study.path(row.subject.direction)),
            Cell(fixed(row.difference.value, metric.digits, metric.scale),
                 bounds(row.difference, metric.digits, metric.scale)),
            Cell(row.verdict.label, "\n".join(filter(None, details))),
            Cell(fixed(ratio.value, 2), bounds(ratio, 2)) if ratio else Cell(""),
        )  # fmt: skip

    return Table(header, tuple(cells(row) for row in findings.seeds))


def same_table(study: Study, findings: ConsistencyFindings) -> Table:
    """A/A: no difference exists."""
    header = (
        Cell("Metric"),
        Cell("Direction"),
        Cell("Margin", "in seed standard deviations"),
        Cell("Called different", "false alarms"),
        Cell("Called equivalent", "rightly"),
        Cell("Interval misses zero", "5 % expected"),
        Cell("Margin needed", "equivalent 4 times in 5"),
    )
    rows = []
    for subject, calibration in findings.calibrations.items():
        metric = subject.metric
        ratio, needed = calibration.margin_in_deviations, calibration.resolvable
        margin = calibration.margin
        rows.append((
            *_subject_cells(study, subject),
            Cell(margin_text(metric, margin), fixed(ratio, 1)),
            _rate_cell(calibration.same, "different"),
            _rate_cell(calibration.same, "equivalent"),
            _rate_cell(calibration.same, "off_zero"),
            Cell(MISSING if needed is None else margin_text(metric, replace(margin, value=needed))),
        ))  # fmt: skip
    return Table(header, tuple(rows))


def planted_table(study: Study, findings: ConsistencyFindings) -> Table:
    """A/B: a difference exists; the margin decides whether it counts."""
    header = (
        Cell("Metric"),
        Cell("Direction"),
        Cell("Planted difference", "B − A, or B / A"),  # noqa: RUF001
        Cell("It lies"),
        Cell("Called different", "power"),
        Cell("Called equivalent"),
        Cell("Right answer"),
    )
    rows = []
    for subject, calibration in findings.calibrations.items():
        metric = subject.metric
        rows.append((
            *_subject_cells(study, subject),
            _planted_cell(metric, calibration),
            Cell(calibration.place),
            _rate_cell(calibration.planted, "different"),
            _rate_cell(calibration.planted, "equivalent"),
            Cell(calibration.right_answer),
        ))  # fmt: skip
    return Table(header, tuple(rows))


def margin_text(metric: Metric, margin: Margin) -> str:
    """ "±10.0", or "0.80 to 1.25" of a ratio."""
    if margin.scale == "ratio":
        return f"{fixed(1 / margin.value, 2)} to {fixed(margin.value, 2)}"
    return f"±{fixed(margin.value, metric.digits, metric.scale)}"


def _planted_cell(metric: Metric, calibration: Calibration) -> Cell:
    is_ratio = calibration.margin.scale == "ratio"
    digits, scale = (2, 1.0) if is_ratio else (metric.digits, metric.scale)
    text = fixed(calibration.truth.value, digits, scale)
    return Cell(f"{text} times" if is_ratio else text, bounds(calibration.truth, digits, scale))


def _subject_cells(study: Study, subject: Subject) -> tuple[Cell, Cell]:
    return Cell(subject.metric.title, subject.metric.unit), Cell(study.path(subject.direction))


def _rate_cell(outcome: Outcome | None, name: str) -> Cell:
    if outcome is None:
        return Cell(MISSING, "too few runs")
    rate: Rate = getattr(outcome, name)
    return Cell(percent(rate.share), f"[{fixed(rate.low, 0, 100)},{NO_BREAK}{percent(rate.high)}]")
