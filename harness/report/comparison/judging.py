"""Verdicts on the rows of scores: one primary endpoint, and secondary scores corrected for number.

The primary endpoint has two directions. Both must be equivalent for "equivalent" (an intersection
of claims needs no correction), and one that is different makes "different", so that each direction
is tested at half the level. Secondary rows of a device share one error rate (Holm 1979), for
"equivalent" and for "different" separately.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from harness.records.experiment import ExperimentFolder
from harness.records.seeds import compared_seeds
from harness.statistics.equivalence import Verdict, decide, judge
from harness.statistics.intervals import MINIMUM_SEEDS
from harness.statistics.multiplicity import holm

if TYPE_CHECKING:
    from harness.report.comparison.scores import MetricRow

ALPHA = 0.05


def with_verdicts(experiment: ExperimentFolder, rows: Sequence[MetricRow]) -> list[MetricRow]:
    """The rows in their order, with `verdict` and `maximum`, where they have a margin and pairs."""
    judged = [
        replace(row, maximum=maximum, verdict=judge_row(row, ALPHA, maximum))
        for row in rows
        for maximum in [_maximum(experiment, row)]
    ]
    for device in experiment.devices:
        places = [
            place
            for place, row in enumerate(judged)
            if row.device == device and not row.primary and _can_be_tested(row)
        ]
        for place, verdict in zip(places, _secondary([judged[p] for p in places]), strict=True):
            judged[place] = replace(judged[place], verdict=verdict)
    return judged


def judge_row(row: MetricRow, alpha: float, maximum: int | None) -> Verdict | None:
    """The verdict on one row by itself; None without a margin or without pairs of scores."""
    if row.margin is None or not row.gaps:
        return None
    first, second = _samples(row)
    return judge(first.tolist(), second.tolist(), row.margin, alpha, maximum)


def _secondary(rows: Sequence[MetricRow]) -> list[Verdict]:
    """The verdicts that stand for all rows together."""
    alike = holm([partial(_rejects, row, 0) for row in rows], ALPHA)
    apart = holm([partial(_rejects, row, 1) for row in rows], ALPHA)
    verdicts = []
    for row, same, different in zip(rows, alike, apart, strict=True):
        alone = row.verdict
        assert alone is not None
        stands = {"equivalent": same, "different": different}.get(alone.label, True)
        if not stands:
            open_ = judge_row(row, ALPHA / len(rows), row.maximum)
            assert open_ is not None
            reason = f"{alone.label} by itself, but not among {len(rows)} secondary scores (Holm)"
            alone = replace(open_, label="cannot tell yet", reason=reason)
        verdicts.append(alone)
    return verdicts


def _rejects(row: MetricRow, claim: int, level: float) -> bool:
    """Whether the row is equivalent (claim 0) or different (claim 1) at a level.

    "different" at most at the level that a row by itself has.
    """
    assert row.margin is not None
    first, second = _samples(row)
    decided = decide(first, second, row.margin, level, min(level, ALPHA / 2), row.maximum)
    return bool(decided[claim])


def _can_be_tested(row: MetricRow) -> bool:
    return row.verdict is not None and len(_samples(row)[0]) >= MINIMUM_SEEDS


def _samples(row: MetricRow) -> tuple[np.ndarray, np.ndarray]:
    """Scores of both, a number a seed. A margin of the difference needs their difference only."""
    assert row.margin is not None
    if row.margin.scale == "difference":
        gaps = np.array(row.gaps, np.float64)
        return gaps, np.zeros_like(gaps)
    first, second = np.array(row.paired, np.float64).reshape(-1, 2).T
    return first, second


def _maximum(experiment: ExperimentFolder, row: MetricRow) -> int | None:
    """Of the sequential design whose levels hold on this row's device."""
    seeds = compared_seeds(experiment.runs).get(row.device, [])
    return experiment.asked.correction(row.device, seeds, bool(experiment.merged)).maximum
