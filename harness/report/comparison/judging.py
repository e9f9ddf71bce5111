"""Verdicts on the rows of scores: one primary endpoint, and secondary scores corrected for number.

The primary endpoint has two directions. Both must be equivalent for "equivalent" (an intersection
of claims needs no correction), and one that is different makes "different", so that each direction
is tested at half the level. Where several backends are compared with the first, these comparisons
share one error rate on each device (Holm 1979), for "equivalent" and for "different" separately;
so do secondary rows of a device.
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
        for primary, correct in ((True, _primary), (False, _secondary)):
            places = [
                place
                for place, row in enumerate(judged)
                if row.device == device and row.primary == primary and _can_be_tested(row)
            ]
            for place, row in zip(places, correct([judged[p] for p in places]), strict=True):
                judged[place] = row
    return judged


def judge_row(row: MetricRow, alpha: float, maximum: int | None) -> Verdict | None:
    """The verdict on one row by itself; None without a margin or without pairs of scores."""
    if row.margin is None or not row.gaps:
        return None
    first, second = _samples(row)
    return judge(first.tolist(), second.tolist(), row.margin, alpha, maximum)


def _primary(rows: Sequence[MetricRow]) -> list[MetricRow]:
    """Rows of all comparisons of a device, with the verdicts that stand for these together.

    A comparison is equivalent where both directions are, at the level that Holm gives to it; of one
    that is not, a direction by itself is equivalent at the level of those that are left. All
    directions of all comparisons share the error rate of "different".
    """
    pairs = list(dict.fromkeys(tuple(row.scores) for row in rows))
    if len(pairs) < 2:
        return list(rows)
    of_pair = {pair: [row for row in rows if tuple(row.scores) == pair] for pair in pairs}

    def all_alike(pair: tuple[str, ...], level: float) -> bool:
        return all(_rejects(row, 0, level) for row in of_pair[pair])

    alike = dict(zip(pairs, holm([partial(all_alike, pair) for pair in pairs], ALPHA), strict=True))
    left = ALPHA / max(1, list(alike.values()).count(False))
    apart = holm([partial(_rejects, row, 1) for row in rows], ALPHA)
    among = f"{len(pairs)} comparisons"
    judged = []
    for row, different in zip(rows, apart, strict=True):
        same = alike[tuple(row.scores)] or _rejects(row, 0, left)
        verdict = _standing(row, same, different, len(pairs), among)
        if verdict.label == "cannot tell yet" and not verdict.no_ratio:
            # Seeds are predicted for the level that decides.
            verdict = replace(_open(row, len(pairs)), reason=verdict.reason)
        judged.append(replace(row, verdict=verdict, comparisons=len(pairs)))
    return judged


def _secondary(rows: Sequence[MetricRow]) -> list[MetricRow]:
    """With the verdicts that stand for all rows together."""
    alike = holm([partial(_rejects, row, 0) for row in rows], ALPHA)
    apart = holm([partial(_rejects, row, 1) for row in rows], ALPHA)
    among = f"{len(rows)} secondary scores"
    return [
        replace(row, verdict=_standing(row, same, different, len(rows), among))
        for row, same, different in zip(rows, alike, apart, strict=True)
    ]


def _standing(row: MetricRow, same: bool, different: bool, tests: int, among: str) -> Verdict:
    """The row's own verdict, or an open one where that does not stand among so many tests."""
    alone = row.verdict
    assert alone is not None
    if {"equivalent": same, "different": different}.get(alone.label, True):
        return alone
    reason = f"{alone.label} by itself, but not among {among} (Holm)"
    return replace(_open(row, tests), reason=reason)


def _open(row: MetricRow, tests: int) -> Verdict:
    """An open verdict, with the seeds that one among so many tests is likely to need."""
    verdict = judge_row(row, ALPHA / tests, row.maximum)
    assert verdict is not None
    return replace(verdict, label="cannot tell yet")


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
    own = [run for run in experiment.runs if run.backend in row.scores]
    all_have, both_have = (
        compared_seeds(runs).get(row.device, []) for runs in (experiment.runs, own)
    )
    merged = bool(experiment.merged)
    maximum = experiment.asked.correction(row.device, all_have, merged).maximum
    # A pair has more seeds than all backends together where another backend's runs are missing.
    if len(all_have) < MINIMUM_SEEDS or len(both_have) > (maximum or len(both_have)):
        maximum = experiment.asked.correction(row.device, both_have, merged).maximum
    return maximum
