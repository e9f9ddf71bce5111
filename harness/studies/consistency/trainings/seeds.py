"""Scores of a study by seed, and the verdict on two backends (docs/evaluation.md)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.config.metric_table import METRICS, Metric
from harness.statistics.equivalence import Verdict, verdict
from harness.statistics.intervals import Interval, seed_interval
from harness.system.files import read_json

DIRECTIONS = ("ab", "ba")
BySeed = Mapping[int, float]


@dataclass(frozen=True)
class Subject:
    """What a score is about: a row of every table of the study."""

    metric: Metric
    direction: str


@dataclass(frozen=True)
class SeedRow:
    """Two backends in one metric and direction, first minus second, in the metric's own unit."""

    subject: Subject
    backends: tuple[str, str]
    differences: BySeed
    difference: Interval
    margin: float
    verdict: Verdict


def final_scores(folder: Path, backend: str) -> dict[Subject, dict[int, float]]:
    """Score by seed after the last step, of every metric that the data set allows.

    Empty where nothing was scored yet; runs whose score cannot be had (diverged) are left out.
    Raises UserError for a damaged record.
    """
    if not (folder / "metrics.json").exists():
        return {}
    scores = [s for s in read_json(folder / "metrics.json")["scores"] if s["backend"] == backend]
    last = max((score["step"] for score in scores), default=0)
    found: dict[Subject, dict[int, float]] = {}
    for metric in METRICS:
        for direction in DIRECTIONS:
            by_seed = {
                score["seed"]: score["value"]
                for score in scores
                if (score["metric"], score["direction"]) == (metric.name, direction)
                and score["step"] == last
                and score["value"] is not None
                and math.isfinite(score["value"])
            }
            if by_seed:
                found[Subject(metric, direction)] = by_seed
    return found


def seed_rows(
    scores: Mapping[str, Mapping[Subject, BySeed]], margins: Mapping[str, float]
) -> list[SeedRow]:
    """`scores` by backend, in order: every further backend against the first, paired by seed."""
    first, *others = scores
    return [
        _row(subject, (first, other), by_seed, scores[other][subject], margins)
        for other in others
        for subject, by_seed in scores[first].items()
        if subject in scores[other] and by_seed.keys() & scores[other][subject].keys()
    ]


def _row(
    subject: Subject,
    pair: tuple[str, str],
    first: BySeed,
    second: BySeed,
    margins: Mapping[str, float],
) -> SeedRow:
    differences = {s: first[s] - second[s] for s in sorted(first.keys() & second.keys())}
    values, margin = list(differences.values()), margins[subject.metric.name]
    return SeedRow(
        subject, pair, differences, seed_interval(values), margin, verdict(values, margin)
    )
