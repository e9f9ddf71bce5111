"""The answer in three sentences: the same, as fast, and why. Each is also in a section, in full."""

from __future__ import annotations

from collections.abc import Sequence

from harness.records.experiment import DIRECTIONS, ExperimentFolder
from harness.report.comparison.baseline_check import place
from harness.report.comparison.divergence import Divergence, share
from harness.report.comparison.scores import MetricRow, headline_rows
from harness.report.comparison.timing import TimingRow
from harness.report.comparison.verdict import different_in, outcome
from harness.report.formatting import bounds, fixed, listed, plural
from harness.statistics.intervals import MINIMUM_SEEDS


def lead(
    experiment: ExperimentFolder,
    metrics: Sequence[MetricRow],
    timing: Sequence[TimingRow],
    found: Sequence[Divergence],
) -> list[str]:
    """Nothing where no two backends can be compared."""
    if len(experiment.present) < 2:
        return []
    sentences = [
        *_same(experiment, headline_rows(metrics)),
        *_fast(experiment, timing),
        *_why(experiment, found),
    ]
    return sentences


def _same(experiment: ExperimentFolder, rows: Sequence[MetricRow]) -> list[str]:
    rows = [row for row in rows if row.difference.value is not None and len(row.scores) == 2]
    if not rows:
        return ["The translations have not been scored, so nothing is known of what was learnt."]
    seeds = min(row.seeds for row in rows)
    names = listed([experiment.title(name) for name in rows[0].scores])
    gap = f"their {rows[0].title} {rows[0].metric.unit} is apart by {_gaps(experiment, rows)}"
    if seeds < MINIMUM_SEEDS:
        return [
            f"Whether {names} learn the same cannot be told from {plural(seeds, 'seed')}: {gap}."
        ]
    found = outcome(rows)
    if found == "different":
        said = f"do not learn the same ({different_in(experiment, rows)})"
    elif found == "equivalent":
        said = "learn the same, within the margin fixed before training"
    else:
        said = "can neither be told apart nor called equivalent yet"
    return [f"{names} {said}: {gap}."]


def _gaps(experiment: ExperimentFolder, rows: Sequence[MetricRow]) -> str:
    """Both directions of a device; of several devices or pairs, the largest."""
    if len(rows) <= len(DIRECTIONS):
        return listed([_gap(row, experiment.path(row.direction)) for row in rows])
    widest = max(rows, key=lambda row: abs(row.difference.value or 0.0))
    return f"at most {_gap(widest, place(experiment, widest))}"


def _gap(row: MetricRow, where: str) -> str:
    digits, scale = row.metric.digits, row.metric.scale
    gap, span = fixed(row.difference.value, digits, scale), bounds(row.difference, digits, scale)
    return " ".join(filter(None, [gap, span, f"({where})"]))


def _fast(experiment: ExperimentFolder, timing: Sequence[TimingRow]) -> list[str]:
    rows = [
        row
        for row in timing
        if row.quantity == "step_ms_median" and row.ratio.value is not None and len(row.values) == 2
    ]
    if not rows:
        return []
    first, second = (experiment.title(name) for name in rows[0].values)
    ratios = [
        f"{fixed(row.ratio.value, 3)} {bounds(row.ratio, 3)}".strip()
        + f" times as long as {first}" * (i == 0)
        + f" on {experiment.device_title(row.device)}"
        for i, row in enumerate(rows)
        if tuple(row.values) == tuple(rows[0].values)
    ]
    return [f"For a training step {second} took {listed(ratios)}."]


def _why(experiment: ExperimentFolder, found: Sequence[Divergence]) -> list[str]:
    if not found:
        return []
    each = found[0]
    told = (
        f"Their losses begin {share(each.at_start)} of their size apart and end"
        f" {share(each.at_end)} apart"
    )
    if each.seeds_at_end is None:
        return [f"{told}; how far two runs of one framework end apart takes a second seed to tell."]
    return [
        f"{told}; those of two seeds of {experiment.title(each.first)} end"
        f" {share(each.seeds_at_end)} apart."
    ]
