"""Has a model learnt anything? Compared with images no model has made (docs/evaluation.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.records.experiment import ExperimentFolder
from harness.report.comparison.scores import (
    BASELINES,
    HEADLINE,
    BackendScore,
    MetricRow,
    headline_rows,
    why_unscored,
)
from harness.report.formatting import listed, plural
from harness.report.page import Answer, Sentence

Scores = Mapping[str, BackendScore]  # by backend
LEARNT = "Have they learnt anything?"
UNTRANSLATED = "identity_baseline"
BESIDE = ("pair_psnr", "pair_ssim", "judge_accuracy")  # what else shows whether it has learnt


def have_they_learnt(experiment: ExperimentFolder, metrics: Sequence[MetricRow]) -> Answer:
    """By the headline score and, where they are scored, true pairs and the accuracy of the judge.

    "Yes" only where the best baseline is beaten, everywhere.
    """
    question = LEARNT
    rows = _merged([row for row in metrics if row.metric.name in (HEADLINE, *BESIDE)])
    judged = [(row, score) for row, scores in rows for score in scores.values()]
    if all(score.interval.value is None for _, score in judged):
        why = why_unscored(metrics)
        reason = Sentence("", f"{why[0].upper()}{why[1:]}.")
        return Answer(question, "Not scored yet.", "open", (reason,))
    best = [row.beats(score, row.best_baseline) for row, score in judged]
    untranslated = [row.beats(score, UNTRANSLATED) for row, score in judged]
    names = {name for _, scores in rows for name in scores}
    who = {1: experiment.title(next(iter(names))), 2: "Both"}.get(len(names), "All")
    verb = "beats" if len(names) == 1 else "beat"
    if all(best):
        short, tone = f"{who} {verb} every baseline in both directions.", "yes"
    elif all(untranslated):
        short = f"{who} {verb} the untranslated images in both directions, but not every baseline."
        tone = "open"
    elif True in untranslated:
        won, tone = untranslated.count(True), "open"
        titles = listed(list(dict.fromkeys(row.title for row, _ in rows)))
        short = (
            f"Learnt? The untranslated images are beaten in {won} of {len(judged)} comparisons:"
            f" each framework in each direction, by {titles}."
        )
    elif None in untranslated:
        short, tone = "Better than the untranslated images? It cannot be told yet.", "open"
    else:
        short = "The untranslated images score better: nothing useful has been learnt yet."
        tone = "no"
    sentences = [
        Sentence(
            place(experiment, headline),
            " ".join(
                _compared(experiment, row, scores)
                for row, scores in rows
                if (row.device, row.direction) == (headline.device, headline.direction)
            ),
        )
        for headline, _ in _merged(headline_rows(metrics))
    ]
    return Answer(question, short, tone, tuple(sentences))


def _merged(rows: Sequence[MetricRow]) -> list[tuple[MetricRow, Scores]]:
    """Rows of several pairs of backends as one row a metric, device and direction."""
    scores: dict[tuple[str, str, str], dict[str, BackendScore]] = {}
    first: dict[tuple[str, str, str], MetricRow] = {}
    for row in rows:
        key = (row.metric.name, row.device, row.direction)
        first.setdefault(key, row)
        scores.setdefault(key, {}).update(row.scores)
    return [(first[key], scores[key]) for key in first]


def scores_in_words(
    experiment: ExperimentFolder, row: MetricRow, scores: Scores, unit: str = ""
) -> str:
    """ "17.2 dB (PyTorch) and 17.1 dB (TensorFlow)"."""
    return listed(
        [
            f"{row.text(score.interval.value)}{unit} ({experiment.title(name)})"
            for name, score in scores.items()
        ]
    )


def _compared(experiment: ExperimentFolder, row: MetricRow, scores: Scores) -> str:
    """The scores, those of real images and of the baselines, and which of these are beaten."""
    references = [] if row.floor is None else [f"{row.text(row.floor)} (real images)"]
    references += [
        f"{row.text(value)} ({BASELINES[name]})" for name, value in row.baselines.items()
    ]
    unit = f" {row.metric.unit}" if row.metric.unit else ""
    values = scores_in_words(experiment, row, scores)
    texts = [
        f"{row.title}{unit}, {row.metric.better} is better: {values}; {listed(references)}."
        if references
        else f"{row.title}{unit} is {values}. There is no baseline to compare it with."
    ]
    by_result: dict[str, list[str]] = {}
    for name, score in scores.items():
        if score.interval.value is not None and row.baselines:
            by_result.setdefault(_result(row, score), []).append(experiment.title(name))
    texts += [text.format(listed(names)) for text, names in by_result.items()]
    if runs := [s.runs for s in scores.values() if s.interval.low is None and s.runs > 1]:
        texts.append(f"(Means of {plural(max(runs), 'run')}, without an interval.)")
    return " ".join(texts)


def _result(row: MetricRow, score: BackendScore) -> str:
    """What a score beats, as a sentence about {}."""
    best = row.best_baseline or UNTRANSLATED
    if row.beats(score, best):
        return "Better than every baseline: {}."
    beats = row.beats(score, UNTRANSLATED)
    if beats:
        return (
            f"Better than the untranslated images, but not certainly than {BASELINES[best]}: {{}}."
        )
    if beats is False:
        return (
            "Not better than the untranslated images, so nothing useful learnt by this score: {}."
        )
    if score.interval.low is None:
        return "No answer, too few test images for an interval: {}."
    return "No answer, the interval contains the score of the untranslated images: {}."


def place(experiment: ExperimentFolder, row: MetricRow) -> str:
    """The direction, and the device where there are several to tell apart."""
    several = len(experiment.devices) > 1
    device = f"{experiment.device_title(row.device)}, " if several else ""
    return device + experiment.path(row.direction)
