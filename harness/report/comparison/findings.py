"""Everything the report says, worked out once from the records."""

from __future__ import annotations

from dataclasses import dataclass

from harness.records.experiment import Experiment
from harness.report.comparison.cases import case_galleries
from harness.report.comparison.divergence import Divergence, divergences
from harness.report.comparison.losses import LossRow, loss_rows
from harness.report.comparison.scores import MetricRow, metric_rows
from harness.report.comparison.timing import TimingRow, timing_rows
from harness.report.comparison.verdict import answers, scope
from harness.report.gallery import Gallery, galleries
from harness.report.page import Answer


@dataclass(frozen=True)
class Findings:
    scope: str  # how far the answers reach, in a sentence
    answers: tuple[Answer, ...]
    metrics: tuple[MetricRow, ...]
    losses: tuple[LossRow, ...]
    timing: tuple[TimingRow, ...]
    divergences: tuple[Divergence, ...]
    galleries: tuple[Gallery, ...]
    cases: tuple[Gallery, ...]


def find(experiment: Experiment) -> Findings:
    metrics, timing = metric_rows(experiment), timing_rows(experiment)
    return Findings(
        scope=scope(experiment),
        answers=tuple(answers(experiment, metrics, timing)),
        metrics=tuple(metrics),
        losses=tuple(loss_rows(experiment)),
        timing=tuple(timing),
        divergences=tuple(divergences(experiment)),
        galleries=tuple(galleries(experiment)),
        cases=tuple(case_galleries(experiment)),
    )
