"""Has a model learnt anything? Compared with untranslated images (docs/evaluation.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.records.experiment import ExperimentFolder
from harness.report.comparison.scores import BackendScore, MetricRow, headline_rows
from harness.report.formatting import listed, percent, plural
from harness.report.page import Answer, Sentence

Scores = Mapping[str, BackendScore]  # by backend


def have_they_learnt(experiment: ExperimentFolder, metrics: Sequence[MetricRow]) -> Answer:
    """By the headline score and, where it was scored, the accuracy of the judge."""
    question = "Have they learnt anything?"
    rows = _merged(headline_rows(metrics))
    pairs = _merged([row for row in metrics if row.metric.name == "pair_psnr"])
    readings = _merged([row for row in metrics if row.metric.name == "judge_accuracy"])
    judged = [(row, score) for row, scores in [*rows, *readings] for score in scores.values()]
    if all(score.interval.value is None for _, score in judged):
        reason = Sentence("", "The translations have not been scored.")
        return Answer(question, "Not scored yet", "open", (reason,))
    beats = [row.beats_baseline(score) for row, score in judged]
    if all(beats):
        short, tone = "Yes: better than the untranslated images", "yes"
    elif True in beats:
        short, tone = "Partly", "open"
    elif None in beats:
        short, tone = "Cannot tell yet", "open"
    else:
        short, tone = "Not yet: the untranslated images score better", "no"
    sentences = []
    for row, scores in rows:
        texts = [_headline(experiment, row, scores), *_beaten(experiment, row, scores)]
        texts += [
            _other(experiment, other, other_scores)
            for other, other_scores in [*pairs, *readings]
            if (other.device, other.direction) == (row.device, row.direction)
        ]
        sentences.append(Sentence(place(experiment, row), " ".join(texts)))
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


def _headline(experiment: ExperimentFolder, row: MetricRow, scores: Scores) -> str:
    """The scores, those of untranslated and of real images, and the change since step 0."""
    text = f"{row.title} {row.metric.unit} is {scores_in_words(experiment, row, scores)}"
    images = (("untranslated images", row.identity_baseline), ("real images", row.floor))
    for name, value in images:
        text += f"; {name} score {row.text(value)}" if value is not None else ""
    text += f" ({row.metric.better} is better)."
    changes, starts = [], set()
    for name, score in scores.items():
        if score.start and score.start > 0 and score.interval.value is not None:
            change = percent(score.interval.value / score.start - 1)
            changes.append(f"{change} ({experiment.title(name)})")
            starts.add(row.text(score.start))
    start = f" from {starts.pop()}" if len(starts) == 1 else ""
    return f"{text} Change since step 0{start}: {listed(changes)}." if changes else text


def _beaten(experiment: ExperimentFolder, row: MetricRow, scores: Scores) -> list[str]:
    """Who beats the untranslated images; a model that does not has learnt nothing yet."""
    if row.identity_baseline is None:
        return ["There is no baseline to compare it with."]
    by_result: dict[bool | None, list[str]] = {True: [], False: [], None: []}
    for name, score in scores.items():
        if score.interval.value is not None:
            by_result[row.beats_baseline(score)].append(experiment.title(name))
    texts = []
    if names := by_result[True]:
        verb = "beats" if len(names) == 1 else "beat"
        texts.append(f"{listed(names)} {verb} the untranslated images.")
    if names := by_result[False]:
        does, has = ("does", "it has") if len(names) == 1 else ("do", "they have")
        texts.append(
            f"{listed(names)} {does} not beat the untranslated images: by this measure {has}"
            " learnt nothing useful yet."
        )
    if names := by_result[None]:
        reason = (
            "there are too few test images for an interval"
            if all(score.interval.low is None for score in scores.values())
            else "the interval contains the score of the untranslated images"
        )
        texts.append(f"For {listed(names)} there is no answer: {reason}.")
    if runs := [s.runs for s in scores.values() if s.interval.low is None and s.runs > 1]:
        texts.append(f"(Means of {plural(max(runs), 'run')}, without an interval.)")
    return texts


def _other(experiment: ExperimentFolder, row: MetricRow, scores: Scores) -> str:
    """What PSNR to the true translations, or the judge, says beside the headline score."""
    paired = row.metric.name == "pair_psnr"
    values = scores_in_words(experiment, row, scores, " dB" if paired else " %")
    baseline = row.text(row.identity_baseline)
    if paired:
        better = "closer to the truth than the untranslated images"
        text = (
            f"PSNR to the true translations is {values}, that of untranslated images {baseline} dB"
        )
    else:
        better = "more than in untranslated images"
        text = (
            "A classifier trained on real images of the target domain reads the right label in"
            f" {values} of the translations, in {baseline} % of untranslated and in"
            f" {row.text(row.floor)} % of real images"
        )
    beats = {row.beats_baseline(score) for score in scores.values()}
    if beats == {True}:
        return f"{text}: {better}."
    return f"{text}: not {'' if beats == {False} else 'in every case '}{better}."


def place(experiment: ExperimentFolder, row: MetricRow) -> str:
    """The direction, and the device where there are several to tell apart."""
    several = len(experiment.devices) > 1
    device = f"{experiment.device_title(row.device)}, " if several else ""
    return device + experiment.path(row.direction)
