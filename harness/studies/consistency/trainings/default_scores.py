"""What a framework's default does to the final scores, beside the noise of other seeds. No files.

Every default is trained with a few seeds; its reference, the same networks without it, with as many
or more. Runs of one seed are not paired, though the same start makes two trainings somewhat more
alike: a handful of differences says too little about its own spread. The unit is the standard
deviation over seeds of the reference networks, so that effects on all metrics can be ranked on one
scale.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from harness.statistics.intervals import MINIMUM_SEEDS, Interval, seed_interval
from harness.studies.consistency.trainings.seeds import BySeed, Subject

LEVEL = 0.95


@dataclass(frozen=True)
class ScoreEffect:
    """Of one default on one metric and direction: default minus reference.

    `difference` is in the metric's unit, `in_deviations` in units of the seed standard deviation.
    The bounds hold together for every claim made (Bonferroni): all metrics of all defaults. Of
    twenty that do nothing, one would else be found to do something.
    """

    subject: Subject
    difference: Interval
    in_deviations: Interval
    seeds: int

    @property
    def size(self) -> float:
        return abs(self.in_deviations.value or 0.0)

    @property
    def distinct(self) -> bool:
        low, high = self.in_deviations.low, self.in_deviations.high
        return low is not None and high is not None and not low <= 0 <= high


def score_effects(
    default: Mapping[Subject, BySeed],
    reference: Mapping[Subject, BySeed],
    deviations: Mapping[Subject, float],
    claims: int,
    paired: bool = False,
) -> list[ScoreEffect]:
    """Those distinct from seed noise first, then by size.

    `deviations`: the unit by subject. `claims`: how many intervals are to hold together. `paired`:
    runs of one seed are the same training, so that only their evaluation can differ.
    """
    subjects = [s for s in deviations if s in default and s in reference and deviations[s] > 0]
    confidence = 1 - (1 - LEVEL) / max(1, claims)
    rows = []
    for each in subjects:
        runs, others = default[each], reference[each]
        if paired:
            gaps = [runs[seed] - others[seed] for seed in sorted(runs.keys() & others.keys())]
            difference = seed_interval(gaps, confidence)
        else:
            samples = (list(runs.values()), list(others.values()))
            difference = two_sample_interval(*samples, confidence)
        scaled = scale(difference, 1 / deviations[each])
        rows.append(ScoreEffect(each, difference, scaled, len(runs)))
    return sorted(rows, key=lambda row: (row.distinct, row.size), reverse=True)


def scale(interval: Interval, factor: float) -> Interval:
    bounds = (interval.value, interval.low, interval.high)
    return Interval.of(*(math.nan if bound is None else bound * factor for bound in bounds))


def two_sample_interval(
    runs: Sequence[float], reference: Sequence[float], confidence: float
) -> Interval:
    """Mean of `runs` minus mean of `reference`, with a pooled-variance t interval.

    Three runs say little about their own variance, so that of all runs is taken; where they spread
    wider than that, their own is, lest a default that makes training erratic look certain. No
    bounds below three runs on either side.
    """
    x, y = np.asarray(runs, np.float64), np.asarray(reference, np.float64)
    if not (len(x) and len(y)):
        return Interval(None)
    value = float(x.mean() - y.mean())
    if min(len(x), len(y)) < MINIMUM_SEEDS:
        return Interval.of(value)
    freedom = len(x) + len(y) - 2
    pooled = float(((x - x.mean()) ** 2).sum() + ((y - y.mean()) ** 2).sum()) / freedom
    own = max(float(x.var(ddof=1)), pooled)
    error = math.sqrt(own / len(x) + pooled / len(y))
    half = float(stats.t.ppf(0.5 + confidence / 2, freedom)) * error
    return Interval.of(value, value - half, value + half)
