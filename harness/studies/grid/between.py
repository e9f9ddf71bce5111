"""Do the cells of a study score the same? Each pair of cells, backend by backend, seed by seed.

Cells with the same seed share images and noise, so that their scores are paired. All comparisons of
the page share one error rate (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from harness.report.comparison.score_records import finite, margin_of, matching
from harness.report.comparison.scores import confidence
from harness.report.formatting import fixed, listed, plural
from harness.report.page import Answer, Sentence
from harness.statistics.equivalence import Margin, Verdict, judge
from harness.statistics.intervals import MINIMUM_SEEDS, Interval, joint_confidence, seed_interval
from harness.statistics.ratios import ratio_of_means
from harness.studies.grid.findings import ALPHA, CellFindings, GridFindings

MOST = 4  # cells of which every pair is compared; of more, each with the baseline
QUESTION = "Do the cells score the same?"


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


def cell_pairs(findings: GridFindings) -> list[CellPair]:
    """Of the study's first metric; those with enough seeds, and a margin."""
    pairs: list[CellPair] = []
    if not findings.metrics:
        return pairs
    metric, cells = findings.metrics[0].name, findings.cells
    compared = (
        list(combinations(cells, 2))
        if len(cells) <= MOST
        else [(findings.baseline, cell) for cell in cells if cell is not findings.baseline]
    )
    for one, other in compared:
        if one.experiment is None or other.experiment is None:
            continue
        margin = margin_of(one.experiment, metric, one.experiment.setting("evaluation", {}))
        for backend in findings.study.backends:
            for direction in findings.directions:
                mine, its = (last_scores(cell, metric, direction, backend) for cell in (one, other))
                seeds = sorted(mine.keys() & its.keys())
                if margin is None or len(seeds) < MINIMUM_SEEDS:
                    continue
                first, second = (tuple(of[seed] for seed in seeds) for of in (mine, its))
                pair = CellPair(one, other, backend, direction, first, second, margin)
                pairs.append(pair)
    return pairs


def last_scores(cell: CellFindings, metric: str, direction: str, backend: str) -> dict[int, float]:
    """By seed, after the last step."""
    if cell.experiment is None:
        return {}
    key = {"metric": metric, "direction": direction, "backend": backend}
    scores = matching(cell.experiment.metrics.get("scores", []), key)
    last = {run.seed: run.status["steps"] for run in cell.of(backend)}
    return {
        score["seed"]: score["value"]
        for score in scores
        if last.get(score["seed"]) == score["step"] and finite([score["value"]])
    }


def between_answer(findings: GridFindings) -> list[Answer]:
    """None where no two cells have enough seeds in common."""
    pairs = cell_pairs(findings)
    if not pairs:
        return []
    metric = findings.metrics[0]
    verdicts = [judge(pair.first, pair.second, pair.margin, ALPHA / len(pairs)) for pair in pairs]
    labels = [verdict.label for verdict in verdicts]
    apart = _names(findings, pairs, verdicts, "different")
    if apart:
        short, tone = f"No: {listed(apart)} differ in {metric.title}", "no"
    elif set(labels) == {"equivalent"}:
        short, tone = f"Yes, within the margin, in {metric.title}", "yes"
    else:
        short, tone = f"Cannot tell yet, in {metric.title}", "open"
    counts = {
        label: labels.count(label) for label in ("equivalent", "different", "cannot tell yet")
    }
    text = (
        f"Of {plural(len(pairs), 'comparison')} of two cells, each at {ALPHA:.0%} over their number"
        f" (Bonferroni): {counts['equivalent']} equivalent, {counts['different']} different,"
        f" {counts['cannot tell yet']} open."
    )
    sure = joint_confidence(len(pairs))
    sentences = [
        Sentence(
            f"{pair.one.name} and {pair.other.name}, {findings.titles[pair.backend]}",
            _in_words(metric.better, pair, verdict, sure),
        )
        for pair, verdict in zip(pairs, verdicts, strict=True)
    ]
    return [Answer(QUESTION, short, tone, (Sentence("", text), *sentences), folded=True)]


def _in_words(better: str, pair: CellPair, verdict: Verdict, sure: float) -> str:
    if pair.margin.scale == "ratio":
        ratio = ratio_of_means(pair.first, pair.second, sure)
        within = _within(ratio, sure)
        what = f"the second scores {fixed(ratio.value, 2)} times the first{within}"
    else:
        gaps = [x - y for x, y in zip(pair.first, pair.second, strict=True)]
        gap = seed_interval(gaps, sure)
        what = f"first minus second is {fixed(gap.value, 4)}{_within(gap, sure)}"
    seeds = plural(len(pair.first), "seed")
    return f"{what}, {better} is better, {seeds}: {verdict.label}."


def _within(interval: Interval, sure: float) -> str:
    text = confidence(interval, lambda value: fixed(value, 2), " ({})")
    return text.replace("95 %", f"{100 * sure:.3g} %")


def _names(
    findings: GridFindings, pairs: Sequence[CellPair], verdicts: Sequence[Verdict], label: str
) -> list[str]:
    """Pairs of cells with that verdict in any backend."""
    found = [
        f"{pair.one.name} and {pair.other.name}"
        for pair, verdict in zip(pairs, verdicts, strict=True)
        if verdict.label == label
    ]
    return list(dict.fromkeys(found))
