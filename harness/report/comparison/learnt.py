"""Has a model learnt anything? Measured against doing nothing: EVALUATION.md, rule 3."""

from __future__ import annotations

from collections.abc import Sequence

from harness.records.experiment import Experiment
from harness.report.comparison.scores import MetricRow, Score, headline_rows
from harness.report.formatting import fixed, listed, percent, plural
from harness.report.page import Sentence


def have_they_learnt(
    experiment: Experiment, metrics: Sequence[MetricRow]
) -> tuple[str, str, list[Sentence]]:
    """Short answer, tone and sentences."""
    rows = merged(headline_rows(metrics))
    readings = merged([row for row in metrics if row.metric.name == "judge_accuracy"])
    judged = [(row, score) for row in [*rows, *readings] for score in row[1].values()]
    beats = [
        score.better_than(row.identity_baseline, row.metric.better) for (row, _), score in judged
    ]
    known = [score for _, score in judged if score.interval.value is not None]
    if not known:
        return "Not scored yet", "open", [Sentence("", "The translations have not been scored.")]
    if all(beats):
        short, tone = "Yes: better than the untranslated images", "yes"
    elif True in beats:
        short, tone = "Partly", "open"
    elif None in beats:
        short, tone = "Cannot tell yet", "open"
    else:
        short, tone = "Not yet: the untranslated images score better", "no"
    pairs = merged([row for row in metrics if row.metric.name == "pair_psnr"])
    sentences = []
    for row, scores in rows:
        text = _headline(experiment, row, scores)
        for say, others in ((_pair, pairs), (_reading, readings)):
            for other, found in others:
                if (other.device, other.direction) == (row.device, row.direction):
                    text += f" {say(experiment, other, found)}"
        sentences.append(Sentence(place(experiment, row), text))
    return short, tone, sentences


def merged(rows: Sequence[MetricRow]) -> list[tuple[MetricRow, dict[str, Score]]]:
    """Rows of several pairs of backends as one row a metric, device and direction."""
    found: dict[tuple[str, str, str], tuple[MetricRow, dict[str, Score]]] = {}
    for row in rows:
        key = (row.metric.name, row.device, row.direction)
        found.setdefault(key, (row, {}))[1].update(row.scores)
    return list(found.values())


def _headline(experiment: Experiment, row: MetricRow, scores: dict[str, Score]) -> str:
    metric = row.metric
    values = [
        f"{fixed(score.interval.value, metric.digits, metric.scale)} ({experiment.title(name)})"
        for name, score in scores.items()
    ]
    places = [("untranslated images", row.identity_baseline), ("real images", row.floor)]
    beside = [
        f"{what} score {fixed(value, metric.digits, metric.scale)}"
        for what, value in places
        if value is not None
    ]
    return (
        f"{row.title} {metric.unit} is {listed(values)}; {', '.join(beside)} ({metric.better} is "
        f"better). {_since_start(experiment, row, scores)}{_beaten(experiment, row, scores)}"
    )


def _since_start(experiment: Experiment, row: MetricRow, scores: dict[str, Score]) -> str:
    changes, starts = [], set()
    for name, score in scores.items():
        if score.start and score.start > 0 and score.interval.value is not None:
            change = score.interval.value / score.start - 1
            changes.append(f"{percent(change)} ({experiment.title(name)})")
            starts.add(fixed(score.start, row.metric.digits, row.metric.scale))
    before = f" from {starts.pop()}" if len(starts) == 1 else ""
    return f"Change since step 0{before}: {listed(changes)}. " if changes else ""


def _beaten(experiment: Experiment, row: MetricRow, scores: dict[str, Score]) -> str:
    """Who beats the untranslated images; a model that does not has learnt nothing yet."""
    if row.identity_baseline is None:
        return "There is no baseline to judge it by."
    by_result: dict[bool | None, list[str]] = {True: [], False: [], None: []}
    for name, score in scores.items():
        if score.interval.value is not None:
            result = score.better_than(row.identity_baseline, row.metric.better)
            by_result[result].append(experiment.title(name))
    parts = []
    if by_result[True]:
        names = by_result[True]
        parts.append(f"{listed(names)} {_verb(names, 'beats', 'beat')} the untranslated images.")
    if by_result[False]:
        names = by_result[False]
        parts.append(
            f"{listed(names)} {_verb(names, 'does', 'do')} not beat the untranslated images: "
            f"by this measure {_verb(names, 'it has', 'they have')} learnt nothing useful yet."
        )
    if by_result[None]:
        names = by_result[None]
        few = all(s.interval.low is None for s in scores.values())
        why = (
            "there are too few test images for an interval"
            if few
            else "the interval holds the score of the untranslated images"
        )
        parts.append(f"For {listed(names)} it cannot be told: {why}.")
    unsure = {s.runs for s in scores.values() if s.interval.low is None and s.runs > 1}
    if unsure:
        parts.append(f"(Means of {plural(max(unsure), 'run')}, without an interval.)")
    return " ".join(parts)


def _pair(experiment: Experiment, row: MetricRow, scores: dict[str, Score]) -> str:
    metric = row.metric
    number = [
        f"{fixed(s.interval.value, metric.digits)} dB ({experiment.title(name)})"
        for name, s in scores.items()
    ]
    baseline = fixed(row.identity_baseline, metric.digits)
    results = [s.better_than(row.identity_baseline, metric.better) for s in scores.values()]
    closer = (
        "closer to the truth than leaving the image alone"
        if all(results)
        else "not closer to the truth than leaving the image alone"
        if not any(results) and None not in results
        else "not in every case surely closer to the truth than leaving the image alone"
    )
    return f"PSNR to the true pairs is {listed(number)}, untranslated {baseline} dB: {closer}."


def _reading(experiment: Experiment, row: MetricRow, scores: dict[str, Score]) -> str:
    metric = row.metric

    def share(value: float | None) -> str:
        return f"{fixed(value, metric.digits, metric.scale)} %"

    numbers = [
        f"{share(s.interval.value)} ({experiment.title(name)})" for name, s in scores.items()
    ]
    beaten = [s.better_than(row.identity_baseline, metric.better) for s in scores.values()]
    verdict = (
        "more than of untranslated images"
        if all(beaten)
        else "no more than of untranslated images"
        if not any(beaten) and None not in beaten
        else "not in every case surely more than of untranslated images"
    )
    return (
        f"A judge of real images of the target reads what it should in {listed(numbers)} of the "
        f"translations, in {share(row.identity_baseline)} of untranslated and in "
        f"{share(row.floor)} of real images: {verdict}."
    )


def place(experiment: Experiment, row: MetricRow) -> str:
    """The direction, and the device where there are several to tell apart."""
    several = len(experiment.devices) > 1
    device = f"{experiment.device_title(row.device)}, " if several else ""
    return device + experiment.path(row.direction)


def _verb(names: Sequence[str], one: str, many: str) -> str:
    return one if len(names) == 1 else many
