"""What follows the trainings of a comparison, before anything of it has been measured."""

from __future__ import annotations

import os

from harness.config.experiment import GanExperiment
from harness.metrics.weights import find_weights
from harness.studies.estimate.predict import Extraction, Scoring, shared_seconds
from harness.studies.estimate.scoring import REPORT_SECONDS
from harness.studies.estimate.work import Work

# Seconds of a CPU core of an Intel Xeon: features of an image, the start of their process,
# statistics of one translated image of 64 pixels with 120 in each domain. On other machines up to
# twice or half as long, which the forecast's range allows for.
FEATURE, INCEPTION, START, STATISTICS = 0.02, 0.1, 4.0, 0.003
# To train a judge, and to read an image.
JUDGING, READ = 15.0, 0.003


def typical_seconds(work: Work) -> dict[str, float]:
    """`features`, `scores` and `report`, as `make estimate` has them, from typical paces."""
    if isinstance(work.experiment, GanExperiment):
        images = work.runs * (work.evaluations + 2) * work.tested[0]
        return {"features": 0.0, "scores": JUDGING + READ * images, "report": REPORT_SECONDS}
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    of_inception = Extraction(START, INCEPTION / cores) if find_weights() else None
    evaluation = STATISTICS * sum(work.tested)
    scoring = Scoring(
        features=Extraction(START, FEATURE / cores),
        inception=of_inception,
        evaluation=evaluation,
        last=1.5 * evaluation,
        references=evaluation,
        report=REPORT_SECONDS,
        report_source="a constant",
    )
    return shared_seconds(work, scoring)
