"""Do several backends learn the same as the first? A sentence that names each of them."""

from __future__ import annotations

from collections.abc import Sequence

from harness.records.experiment import ExperimentFolder
from harness.report.comparison.baseline_check import place
from harness.report.comparison.outcomes import (
    OPEN,
    are_ratios,
    log_ratio,
    more,
    outcome,
    ratio_text,
    seeds_to_come,
    size,
)
from harness.report.comparison.scores import MetricRow, by_pair, confidence
from harness.report.formatting import MINUS
from harness.statistics.intervals import MINIMUM_SEEDS


def each_in_short(
    experiment: ExperimentFolder, rows: Sequence[MetricRow], margin: str, useless: bool
) -> tuple[str, str]:
    """The sentence on several backends that are compared with the first, and its tone."""
    if not margin:
        numbers = numbers_of_each(experiment, rows)
        return f"Not decided, since no margin was fixed before training: {numbers}.", "open"
    lead, tone = {
        "equivalent": ("Equally little", "open") if useless else ("Yes", "yes"),
        "different": ("No", "no"),
        "open": ("Not all decided", "open"),
    }[outcome(rows)]
    undecided = [
        row
        for of_pair in by_pair(rows)
        for row in of_pair
        if outcome(of_pair) == "open" and row.verdict and row.verdict.label == OPEN
    ]
    needed = f"; {more(max(undecided, key=seeds_to_come))}" if undecided else ""
    numbers = numbers_of_each(experiment, rows, f", margin{margin}")
    return f"{lead}. {numbers}{needed}.", tone


def numbers_of_each(
    experiment: ExperimentFolder, rows: Sequence[MetricRow], margin: str = ""
) -> str:
    """Of each comparison with the first backend the largest ratio or difference.

    With `margin`, its words, also the result of each.
    """
    ratios, texts = are_ratios(rows), []
    for of_pair in by_pair(rows):
        row = max(of_pair, key=log_ratio if ratios else size)
        interval, text = (row.ratio, ratio_text) if ratios else (row.difference, row.text)
        within = confidence(interval, text, ", {}") if row.seeds >= MINIMUM_SEEDS else ""
        result = {"open": "not decided"}.get(outcome(of_pair), outcome(of_pair))
        words = f"{experiment.title(list(row.scores)[-1])}{f' {result}' if margin else ''}"
        value = f"{text(interval.value)}{' times' if ratios else ''}"
        texts.append(f"{words}, {value} ({place(experiment, row)}{within})")
    row = rows[0]
    first = experiment.title(next(iter(row.scores)))
    if ratios:
        head = f"{row.title} ({row.metric.better} is better) against {first}"
    else:
        head = f"{row.title} {row.metric.unit}".rstrip() + f", {first} {MINUS} the other"
    return f"{head}{margin}, where they differ most: {'; '.join(texts)}"
