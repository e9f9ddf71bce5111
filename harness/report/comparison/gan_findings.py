"""What a comparison of GANs has found, computed once from the records."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backends.gan import TERMS
from harness.records.experiment import ExperimentFolder
from harness.records.run import RunRecord
from harness.report.comparison.baseline_check import (
    LEARNT,
    have_they_learnt,
    place,
    scores_in_words,
)
from harness.report.comparison.evidence import evidence_answers, find_evidence
from harness.report.comparison.findings import ComparisonFindings
from harness.report.comparison.galleries import shown_runs
from harness.report.comparison.losses import LossRow, last_losses
from harness.report.comparison.scores import MetricRow, metric_rows, primary_rows
from harness.report.comparison.timing import timing_rows
from harness.report.comparison.verdict import answers, scope
from harness.report.formatting import listed
from harness.report.page import Answer, Column, Gallery, Sentence

SAMPLES = "ba"  # of an evaluation: see results/README.md
ACROSS = 8  # samples in a row and in a column of a picture
MOST_ROWS = 5  # evaluated steps that are shown
GAP = 2  # pixels between samples


def find_gan(experiment: ExperimentFolder) -> ComparisonFindings:
    metrics, timing = metric_rows(experiment), timing_rows(experiment)
    evidence, learnt = find_evidence(experiment), gan_learnt(experiment, metrics)
    shown = sample_galleries(experiment)
    return ComparisonFindings(
        scope=scope(experiment),
        answers=(
            *evidence_answers(experiment, evidence),
            *answers(experiment, metrics, timing, learnt),
        ),
        metrics=tuple(metrics),
        losses=tuple(LossRow(term, "mean", last_losses(experiment, term)) for term in TERMS),
        timing=tuple(timing),
        divergences=(),
        learnt=learnt,
        pictures=tuple(last_samples(gallery) for gallery in shown),
        galleries=tuple(shown),
        cases=(),
        evidence=evidence,
    )


def learnt_answer(experiment: ExperimentFolder, metrics: Sequence[MetricRow]) -> Answer:
    """Has anything been learnt? Of whatever kind of model."""
    of_kind = {"gan": gan_learnt}.get(experiment.kind, have_they_learnt)
    return of_kind(experiment, metrics)


def gan_learnt(experiment: ExperimentFolder, metrics: Sequence[MetricRow]) -> Answer:
    """By the primary score: better than the mean image, and than before the first step?

    "Yes" only where both are, in every framework and on every device.
    """
    judged = [
        (row, name, score)
        for row in primary_rows(metrics)
        for name, score in row.scores.items()
        if score.interval.value is not None
    ]
    if not judged:
        return Answer(LEARNT, "Not scored yet.", "open", ())
    beats = [row.beats(score, "mean_baseline") for row, _, score in judged]
    better = [score.better_than(score.start, row.metric.better) for row, _, score in judged]
    names = list(dict.fromkeys(name for _, name, _ in judged))
    who = listed([experiment.title(name) for name in names])
    verb = "beats" if len(names) == 1 else "beat"
    if all(beats) and all(better):
        short, tone = f"{who} {verb} the mean image, and what was there before training.", "yes"
    elif False in better:
        short, tone = "Not better than before training: nothing useful has been learnt yet.", "no"
    elif all(better) and False in beats:
        short, tone = "Better than before training; the mean image scores better.", "open"
    else:
        short, tone = "Better than the mean image? It cannot be told yet.", "open"
    sentences = []
    for row in {(row.device, tuple(row.scores)): row for row, _, _ in judged}.values():
        values = scores_in_words(experiment, row, row.scores)
        beside = [("real images", row.floor), ("mean image", row.baselines.get("mean_baseline"))]
        known = [f"{row.text(value)} ({title})" for title, value in beside if value is not None]
        text = f"{row.title} {row.metric.unit}, {row.metric.better} is better: {values}"
        sentences.append(Sentence(place(experiment, row), f"{'; '.join([text, *known])}."))
    return Answer(LEARNT, short, tone, tuple(sentences))


def sample_galleries(experiment: ExperimentFolder) -> list[Gallery]:
    """Samples of one run a backend at evaluated steps, and real test images; none without runs."""
    runs = shown_runs(experiment)
    if not (runs and experiment.references):
        return []
    chosen = shown_steps(runs)
    real = experiment.references["real_a"]
    columns = [Column(experiment.domain("a"), _real_pictures(real, len(chosen)))]
    columns += [Column(experiment.title(run.backend), _pictures(run, chosen)) for run in runs]
    return [
        Gallery(
            "samples",
            experiment.path(SAMPLES),
            "Always of the same noise, the same for all frameworks; not selected.",
            tuple(columns),
            tuple(range(len(chosen))),
            tuple(f"after {step:,} steps" for step in chosen),
        )
    ]


def shown_steps(runs: Sequence[RunRecord]) -> list[int]:
    """At most MOST_ROWS of the steps at which all runs were evaluated, evenly spaced."""
    steps = sorted(set.intersection(*({*run.evaluated_steps} for run in runs)))
    places = np.linspace(0, len(steps) - 1, MOST_ROWS).round().astype(int)
    return [steps[place] for place in np.unique(places)]


def last_samples(gallery: Gallery) -> Gallery:
    """For the first screen."""
    last = gallery.indices[-1]
    return Gallery(f"first_{gallery.name}", gallery.title, "", gallery.columns, (last,), ())


def _pictures(run: RunRecord, steps: Sequence[int]) -> np.ndarray:
    return np.stack([contact_sheet(run.evaluation(step)[SAMPLES]) for step in steps])


def _real_pictures(images: np.ndarray, rows: int) -> np.ndarray:
    """Other images in every row, as far as there are enough."""
    count = ACROSS**2
    starts = [row * count % max(1, len(images) - count + 1) for row in range(rows)]
    return np.stack([contact_sheet(images[start:]) for start in starts])


def contact_sheet(images: np.ndarray) -> np.ndarray:
    """The first ACROSS x ACROSS images (N, H, W, C) beside and below each other; white gaps."""
    _, height, width, channels = images.shape
    sheet = np.full(
        (ACROSS * (height + GAP) - GAP, ACROSS * (width + GAP) - GAP, channels), 255, np.uint8
    )
    for number, image in enumerate(images[: ACROSS**2]):
        top, left = (height + GAP) * (number // ACROSS), (width + GAP) * (number % ACROSS)
        sheet[top : top + height, left : left + width] = image
    return sheet
