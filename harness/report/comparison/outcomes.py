"""What the verdicts on several rows of scores come to, and what would settle open ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from harness.report.comparison.scores import MetricRow, by_pair
from harness.report.formatting import fixed, plural
from harness.statistics.intervals import MINIMUM_SEEDS

OPEN = "cannot tell yet"


def outcome(rows: Sequence[MetricRow]) -> Literal["equivalent", "different", "open"]:
    """Of all verdicts together: one that is different decides, all must be equivalent."""
    labels = {row.verdict.label if row.verdict else "no verdict" for row in rows}
    if "different" in labels:
        return "different"
    return "equivalent" if labels == {"equivalent"} else "open"


def is_decided(rows: Sequence[MetricRow]) -> bool:
    """Whether every comparison with the first backend is."""
    return all(outcome(of_pair) != "open" for of_pair in by_pair(rows)) and bool(rows)


def more(row: MetricRow) -> str:
    """What would settle a verdict that is open."""
    if row.verdict is None or row.seeds < MINIMUM_SEEDS:
        return f"at least {plural(MINIMUM_SEEDS - row.seeds, 'more seed')} needed"
    assume = "" if row.verdict.no_ratio else " if the frameworks are truly equal"
    return f"{row.verdict.needed}{assume}"


def seeds_to_come(row: MetricRow) -> float:
    """Likely further seeds; infinite where they are more than a verdict predicts."""
    seeds = row.verdict.further_seeds if row.verdict else None
    return math.inf if seeds is None else float(seeds)


def are_ratios(rows: Sequence[MetricRow]) -> bool:
    """Whether differences of scores are told as ratios."""
    return all(
        row.margin and row.margin.scale == "ratio" and row.ratio.value is not None for row in rows
    )


def log_ratio(row: MetricRow) -> float:
    ratio = row.ratio.value
    return abs(math.log(ratio)) if ratio is not None and ratio > 0 else math.inf


def size(row: MetricRow) -> float:
    return abs(row.difference.value or 0.0)


def ratio_text(value: float | None) -> str:
    return fixed(value, 2)
