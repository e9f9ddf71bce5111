"""Final scores of a study by seed: verdicts on two backends, and effects of framework defaults.

Verdicts are those of a comparison (docs/evaluation.md).

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
from pathlib import Path

import numpy as np

from harness.config.metric_table import METRICS, Metric
from harness.statistics.equivalence import Margin, Verdict, judge
from harness.statistics.intervals import (
    CONFIDENCE,
    MINIMUM_SEEDS,
    Interval,
    seed_interval,
    t_interval,
)
from harness.system.files import read_json

DIRECTIONS = ("ab", "ba")
ALPHA = 0.05
BySeed = Mapping[int, float]


@dataclass(frozen=True)
class Subject:
    """What a score is about: a row of every table of the study."""

    metric: Metric
    direction: str


Scores = Mapping[Subject, BySeed]


@dataclass(frozen=True)
class SeedRow:
    """Two backends in one metric and direction, first minus second, in the metric's own unit."""

    subject: Subject
    backends: tuple[str, str]
    differences: BySeed
    difference: Interval
    margin: Margin
    verdict: Verdict


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


def final_scores(folder: Path, backend: str) -> Scores:
    """Score by seed after the last step, of every metric that the data set allows.

    Empty where nothing was scored yet; runs whose score cannot be had (diverged) are left out.
    Raises UserError for a damaged record.
    """
    if not (folder / "metrics.json").exists():
        return {}
    rows = [
        row for row in read_json(folder / "metrics.json")["scores"] if row["backend"] == backend
    ]
    last = max((row["step"] for row in rows), default=0)
    evaluation = read_json(folder / "experiment.json")["configuration"].get("evaluation") or {}
    reals = evaluation.get("reals") or "test"
    scores: dict[Subject, BySeed] = {}
    for metric in METRICS:
        for direction in DIRECTIONS:
            by_seed = {
                row["seed"]: row["value"]
                for row in rows
                if (row["metric"], row["direction"]) == (metric.name, direction)
                and row["step"] == last
                and row["value"] is not None
                and math.isfinite(row["value"])
            }
            if by_seed:
                scores[Subject(metric.against(reals), direction)] = by_seed
    return scores


def seed_rows(scores: Mapping[str, Scores], margins: Mapping[str, Margin]) -> list[SeedRow]:
    """`scores` by backend, in order: every further backend against the first, paired by seed.

    Of several, each verdict is at 5 % over their number (Bonferroni).
    """
    first, *others = scores
    alpha = ALPHA / max(1, len(others))
    rows = []
    for other in others:
        for subject, by_seed in scores[first].items():
            second = scores[other].get(subject, {})
            gaps = {s: by_seed[s] - second[s] for s in sorted(by_seed.keys() & second.keys())}
            if gaps:
                values, margin = list(gaps.values()), margins[subject.metric.name]
                one, two = ([side[seed] for seed in gaps] for side in (by_seed, second))
                interval, label = seed_interval(values), judge(one, two, margin, alpha)
                rows.append(SeedRow(subject, (first, other), gaps, interval, margin, label))
    return rows


def score_effects(
    default: Scores,
    reference: Scores,
    deviations: Mapping[Subject, float],
    claims: int,
    paired: bool = False,
) -> list[ScoreEffect]:
    """Those distinct from seed noise first, then by size.

    `deviations`: the unit by subject. `claims`: how many intervals are to hold together. `paired`:
    runs of one seed are the same training, so that only their evaluation can differ.
    """
    confidence = 1 - (1 - CONFIDENCE) / max(1, claims)
    effects = []
    for subject, deviation in deviations.items():
        if not (subject in default and subject in reference and deviation > 0):
            continue
        runs, others = default[subject], reference[subject]
        if paired:
            gaps = [runs[seed] - others[seed] for seed in sorted(runs.keys() & others.keys())]
            difference = seed_interval(gaps, confidence)
        else:
            samples = (list(runs.values()), list(others.values()))
            difference = two_sample_interval(*samples, confidence)
        numbers = (difference.value, difference.low, difference.high)
        scaled = Interval.of(*(math.nan if x is None else x * (1 / deviation) for x in numbers))
        effects.append(ScoreEffect(subject, difference, scaled, len(runs)))
    return sorted(effects, key=lambda effect: (effect.distinct, effect.size), reverse=True)


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
    return t_interval(value, error, freedom, confidence)
