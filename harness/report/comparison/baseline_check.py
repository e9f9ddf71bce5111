"""Has a model learnt anything? Compared with untranslated images (docs/evaluation.md)."""

from __future__ import annotations

from collections.abc import Sequence

from harness.records.experiment import ExperimentFolder
from harness.report.comparison.scores import BackendScore, MetricRow, headline_rows
from harness.report.formatting import listed, percent, plural
from harness.report.page import Sentence

Scores = dict[str, BackendScore]  # by backend


def have_they_learnt(
    experiment: ExperimentFolder, metrics: Sequence[MetricRow]
) -> tuple[str, str, list[Sentence]]:
    """Short answer, tone and sentences."""
    rows = merged(headline_rows(metrics))
    readings = merged([row for row in metrics if row.metric.name == "judge_accuracy"])
    pairs = merged([row for row in metrics if row.metric.name == "pair_psnr"])
    judged = [(row, score) for row in [*rows, *readings] for score in row[1].values()]
    if all(score.interval.value is None for _, score in judged):
        return "Not scored yet", "open", [Sentence("", "The translations have not been scored.")]
    beats = [row.beats_baseline(score) for (row, _), score in judged]
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
        for describe, others in ((_pair, pairs), (_reading, readings)):
            texts += [
                describe(experiment, other, its_scores)
                for other, its_scores in others
                if (other.device, other.direction) == (row.device, row.direction)
            ]
        sentences.append(Sentence(place(experiment, row), " ".join(texts)))
    return short, tone, sentences


def merged(rows: Sequence[MetricRow]) -> list[tuple[MetricRow, Scores]]:
    """Rows of several pairs of backends as one row a metric, device and direction."""
    by_key: dict[tuple[str, str, str], tuple[MetricRow, Scores]] = {}
    for row in rows:
        key = (row.metric.name, row.device, row.direction)
        by_key.setdefault(key, (row, {}))[1].update(row.scores)
    return list(by_key.values())


def _values(experiment: ExperimentFolder, row: MetricRow, scores: Scores, unit: str = "") -> str:
    """ "17.2 dB (PyTorch) and 17.1 dB (TensorFlow)"."""
    return listed(
        [
            f"{row.text(score.interval.value)}{unit} ({experiment.title(name)})"
            for name, score in scores.items()
        ]
    )


def _headline(experiment: ExperimentFolder, row: MetricRow, scores: Scores) -> str:
    """The scores, those of untranslated and of real images, and the change since step 0."""
    text = f"{row.title} {row.metric.unit} is {_values(experiment, row, scores)}"
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


def _pair(experiment: ExperimentFolder, row: MetricRow, scores: Scores) -> str:
    closer = "closer to the truth than the untranslated images"
    result = {True: closer, False: f"not {closer}", None: f"not in every case {closer}"}
    return (
        f"PSNR to the true translations is {_values(experiment, row, scores, ' dB')}, that of"
        f" untranslated images {row.text(row.identity_baseline)} dB:"
        f" {result[_all_beat(row, scores)]}."
    )


def _reading(experiment: ExperimentFolder, row: MetricRow, scores: Scores) -> str:
    more = "more than in untranslated images"
    result = {True: more, False: f"not {more}", None: f"not in every case {more}"}
    return (
        "A classifier trained on real images of the target domain reads the right label in"
        f" {_values(experiment, row, scores, ' %')} of the translations, in"
        f" {row.text(row.identity_baseline)} % of untranslated and in {row.text(row.floor)} % of"
        f" real images: {result[_all_beat(row, scores)]}."
    )


def _all_beat(row: MetricRow, scores: Scores) -> bool | None:
    """True or False where all backends agree; None where they do not, or one cannot be told."""
    results = {row.beats_baseline(score) for score in scores.values()}
    return results.pop() if len(results) == 1 else None


def place(experiment: ExperimentFolder, row: MetricRow) -> str:
    """The direction, and the device where there are several to tell apart."""
    several = len(experiment.devices) > 1
    device = f"{experiment.device_title(row.device)}, " if several else ""
    return device + experiment.path(row.direction)
