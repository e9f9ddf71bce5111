"""The answer in three sentences: the same, as fast, and why. The sections below say it in full."""

from __future__ import annotations

from collections.abc import Sequence

from harness.records.experiment import DIRECTIONS, ExperimentFolder
from harness.report.comparison.baseline_check import place
from harness.report.comparison.divergence import Divergence, share
from harness.report.comparison.scores import MetricRow, confidence, headline_rows
from harness.report.comparison.timing import TimingRow
from harness.report.comparison.verdict import different_in, outcome
from harness.report.formatting import fixed, listed, plural
from harness.statistics.intervals import MINIMUM_SEEDS


def summary_sentences(
    experiment: ExperimentFolder,
    metrics: Sequence[MetricRow],
    timing: Sequence[TimingRow],
    divergences: Sequence[Divergence],
) -> list[str]:
    """Nothing where no two backends can be compared."""
    if len(experiment.present) < 2:
        return []
    return [
        _same(experiment, headline_rows(metrics)),
        *_fast(experiment, timing),
        *(_why(experiment, divergence) for divergence in divergences[:1]),
    ]


def _same(experiment: ExperimentFolder, rows: Sequence[MetricRow]) -> str:
    rows = [row for row in rows if row.difference.value is not None and len(row.scores) == 2]
    if not rows:
        return "The translations have not been scored, so nothing is known of what was learnt."

    def difference(row: MetricRow, where: str) -> str:
        value = row.text(row.difference.value)
        return f"{value} for {where}{confidence(row.difference, row.text, ' ({})')}"

    # Both directions of a device; of several devices or pairs of backends, the largest.
    if len(rows) <= len(DIRECTIONS):
        by = listed([difference(row, experiment.path(row.direction)) for row in rows])
    else:
        largest = max(rows, key=lambda row: abs(row.difference.value or 0.0))
        by = f"at most {difference(largest, place(experiment, largest))}"
    numbers = f"{rows[0].title} {rows[0].metric.unit} differs by {by}"
    names = listed([experiment.title(name) for name in rows[0].scores])
    seeds = min(row.seeds for row in rows)
    if seeds < MINIMUM_SEEDS:
        return f"{plural(seeds, 'seed')} cannot show whether {names} learn the same: {numbers}."
    result = {
        "different": f"{names} do not learn the same ({different_in(experiment, rows)})",
        "equivalent": f"{names} learn the same, within the margin fixed before training",
        "open": f"It is not yet known whether {names} learn the same",
    }[outcome(rows)]
    return f"{result}: {numbers}."


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
        f"{fixed(row.ratio.value, 3)} times as long"
        + f" as in {first}" * (number == 0)
        + f" on {experiment.device_title(row.device)}"
        + confidence(row.ratio, lambda value: fixed(value, 3), " ({})")
        for number, row in enumerate(rows)
        if tuple(row.values) == tuple(rows[0].values)
    ]
    return [f"A training step in {second} took {listed(ratios)}."]


def _why(experiment: ExperimentFolder, divergence: Divergence) -> str:
    numbers = (
        f"The relative difference of their losses is {share(divergence.at_start)} at the first"
        f" step and {share(divergence.at_end)} over the last tenth of training"
    )
    if divergence.seeds_at_end is None:
        return f"{numbers}; a second seed would show how far two runs of one framework differ."
    first = experiment.title(divergence.first)
    return f"{numbers}; between two seeds of {first} it is {share(divergence.seeds_at_end)}."
