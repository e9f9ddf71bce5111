"""Do the cells of a study score the same? Each pair of cells, backend by backend, seed by seed.

Only cells that are scored on the same images are compared. With the same seed they share the order
of images, and what else is random, so that their scores are paired. All comparisons of the page
share one error rate (Bonferroni).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from harness.config.metric_table import Metric
from harness.records.experiment import ExperimentFolder
from harness.report.comparison.score_records import finite, margin_of, matching
from harness.report.formatting import fixed, listed, plural
from harness.report.page import Answer, Sentence
from harness.statistics.equivalence import Margin, Verdict, judge
from harness.statistics.intervals import MINIMUM_SEEDS, Interval, joint_confidence, seed_interval
from harness.statistics.ratios import ratio_of_means
from harness.studies.grid.findings import ALPHA, CellFindings, GridFindings

MOST = 4  # cells of which every pair is compared; of more, each with the baseline
QUESTION = "Do the cells score the same?"
# Settings that decide which pixels are scored.
OF_IMAGES = (
    *(f"data.{key}" for key in ("crop_size", "crop_size_b", "channels_a", "channels_b", "resize")),
    *("data.augmentation", "data.hold_out", "evaluation.images", "evaluation.reals"),
    "evaluation.margins",
)


@dataclass(frozen=True)
class CellPair:
    """Two cells' scores in one direction, of one backend: of the seeds that both have."""

    one: CellFindings
    other: CellFindings
    backend: str
    direction: str
    first: tuple[float, ...]
    second: tuple[float, ...]
    margin: Margin

    @property
    def title(self) -> str:
        return f"{self.one.name} / {self.other.name}"


def cell_pairs(findings: GridFindings, metric: Metric) -> tuple[list[CellPair], int]:
    """Pairs that have enough seeds, and how many have not; none of cells with other images."""
    pairs, missing, cells = [], 0, findings.cells
    compared = (
        list(combinations(cells, 2))
        if len(cells) <= MOST
        else [(findings.baseline, cell) for cell in cells if cell is not findings.baseline]
    )
    for one, other in compared:
        known = [cell.experiment for cell in (one, other) if cell.experiment is not None]
        if len(known) == 2 and _images(known[0]) != _images(known[1]):
            continue
        evaluation = known[0].setting("evaluation", {}) if known else {}
        margin = margin_of(known[0], metric.name, evaluation) if known else None
        for backend in findings.study.backends:
            for direction in findings.directions:
                mine, its = (last_scores(cell, metric, direction, backend) for cell in (one, other))
                seeds = sorted(mine.keys() & its.keys())
                if margin is None or len(seeds) < MINIMUM_SEEDS:
                    missing += 1
                    continue
                first, second = (tuple(of[seed] for seed in seeds) for of in (mine, its))
                pair = CellPair(one, other, backend, direction, first, second, margin)
                pairs.append(pair)
                missing += len(seeds) < len(findings.study.seeds)
    return pairs, missing


def _images(experiment: ExperimentFolder) -> list[Any]:
    settings = [experiment.setting(key, None) for key in OF_IMAGES]
    return [experiment.manifest.get("digest"), *settings]


def last_scores(
    cell: CellFindings, metric: Metric, direction: str, backend: str
) -> dict[int, float]:
    """By seed, after the last step, on the study's device."""
    found = {}
    for run in cell.of(backend):
        key: dict[str, Any] = {"metric": metric.name, "direction": direction, "backend": backend}
        key |= {"device": run.device, "seed": run.seed, "step": run.status["steps"]}
        scores = matching(cell.experiment.metrics.get("scores", []), key) if cell.experiment else []
        for value in finite(score["value"] for score in scores):
            found[run.seed] = value
    return found


def between_answer(findings: GridFindings) -> list[Answer]:
    """By the study's first metric; none where no two cells have enough seeds in common."""
    if not findings.metrics:
        return []
    metric = findings.metrics[0]
    pairs, missing = cell_pairs(findings, metric)
    if not pairs:
        return []
    verdicts = [judge(pair.first, pair.second, pair.margin, ALPHA / len(pairs)) for pair in pairs]
    labels = [verdict.label for verdict in verdicts]
    apart = list(
        dict.fromkeys(
            pair.title
            for pair, verdict in zip(pairs, verdicts, strict=True)
            if verdict.label == "different"
        )
    )
    if apart:
        short, tone = f"No: {metric.title} differs in {listed(apart)}", "no"
    elif set(labels) == {"equivalent"} and not missing:
        short, tone = f"Yes, {metric.title} is within the margin", "yes"
    else:
        short, tone = "Cannot tell yet", "open"
    kinds = ("equivalent", "different", "cannot tell yet")
    counts = ", ".join(f"{labels.count(kind)} {kind}" for kind in kinds)
    text = (
        f"Of {plural(len(pairs), 'comparison')} of two cells in {metric.title}, each at {ALPHA:.0%}"
        f" over their number (Bonferroni): {counts}."
    )
    if missing:
        text += f" {plural(missing, 'comparison')} lack{'s' * (missing == 1)} seeds."
    undecided = [verdict for verdict in verdicts if verdict.label == kinds[-1]]
    if undecided:
        most = max(undecided, key=_seeds_to_come)
        text += f" To settle all, if the cells truly score the same: {most.needed}."
    sure = joint_confidence(len(pairs))
    sentences = [
        Sentence(_lead(findings, pair), _in_words(metric, pair, verdict, sure))
        for pair, verdict in zip(pairs, verdicts, strict=True)
    ]
    return [Answer(QUESTION, short, tone, tuple(sentences), aside=text, folded=True)]


def _seeds_to_come(verdict: Verdict) -> float:
    return verdict.further_seeds or math.inf


def _lead(findings: GridFindings, pair: CellPair) -> str:
    several = len(findings.directions) > 1
    path = f", {findings.path(pair.one, pair.direction)}" if several else ""
    return f"{pair.title}, {findings.titles[pair.backend]}{path}"


def _in_words(metric: Metric, pair: CellPair, verdict: Verdict, sure: float) -> str:
    seeds = plural(len(pair.first), "seed")
    if verdict.no_ratio:
        return f"{verdict.reason}."
    if pair.margin.scale == "ratio":
        ratio = ratio_of_means(pair.first, pair.second, sure)
        what = f"the second scores {_text(ratio, 2, 1.0, sure)} times the first"
    else:
        gap = seed_interval([x - y for x, y in zip(pair.first, pair.second, strict=True)], sure)
        what = f"first minus second is {_text(gap, metric.digits, metric.scale, sure)}"
        what = f"{what} {metric.unit}".rstrip()
    label = "; ".join(filter(None, (verdict.label, verdict.needed)))
    return f"{what}, {metric.better} is better, {seeds}: {label}."


def _text(interval: Interval, digits: int, scale: float, sure: float) -> str:
    """A value, and its bounds where there are any."""
    value = fixed(interval.value, digits, scale)
    if interval.low is None or interval.high is None:
        return value
    low, high = (fixed(bound, digits, scale) for bound in (interval.low, interval.high))
    return f"{value} ({100 * sure:.4g} % interval {low} to {high})"
