"""All results of a comparison, computed once from the records."""

from __future__ import annotations

from dataclasses import dataclass

from harness.records.experiment import ExperimentFolder
from harness.report.comparison.baseline_check import have_they_learnt
from harness.report.comparison.divergence import Divergence, divergences
from harness.report.comparison.evidence import Evidence, evidence_answers, find_evidence
from harness.report.comparison.galleries import extreme_galleries, galleries, picture_row
from harness.report.comparison.losses import LossRow, loss_rows
from harness.report.comparison.scores import MetricRow, metric_rows
from harness.report.comparison.timing import TimingRow, timing_rows
from harness.report.comparison.verdict import answers, scope
from harness.report.page import Answer, Gallery


@dataclass(frozen=True)
class ComparisonFindings:
    scope: str  # how far the answers reach, in a sentence
    answers: tuple[Answer, ...]
    metrics: tuple[MetricRow, ...]
    losses: tuple[LossRow, ...]
    timing: tuple[TimingRow, ...]
    divergences: tuple[Divergence, ...]
    learnt: Answer  # more on the sentence below the third answer
    pictures: tuple[Gallery, ...]  # of the first screen
    galleries: tuple[Gallery, ...]
    cases: tuple[Gallery, ...]
    evidence: Evidence


def find(experiment: ExperimentFolder) -> ComparisonFindings:
    metrics, timing = metric_rows(experiment), timing_rows(experiment)
    evidence, shown = find_evidence(experiment), galleries(experiment)
    learnt = have_they_learnt(experiment, metrics)
    return ComparisonFindings(
        scope=scope(experiment),
        answers=(
            *evidence_answers(experiment, evidence),
            *answers(experiment, metrics, timing, learnt),
        ),
        metrics=tuple(metrics),
        losses=tuple(loss_rows(experiment)),
        timing=tuple(timing),
        divergences=tuple(divergences(experiment)),
        learnt=learnt,
        pictures=picture_row(shown),
        galleries=tuple(shown),
        cases=tuple(extreme_galleries(experiment)),
        evidence=evidence,
    )
