"""Do they learn the same, and are they equally fast? Never more than the intervals allow.

The other two of a page's four answers are in evidence.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from harness.records.experiment import DIRECTIONS, ExperimentFolder
from harness.records.seeds import compared_seeds
from harness.report.comparison.baseline_check import have_they_learnt, place, scores_in_words
from harness.report.comparison.scores import (
    MetricRow,
    by_pair,
    confidence,
    names_of,
    primary_rows,
)
from harness.report.comparison.seed_plan import offer
from harness.report.comparison.speed import speed_answer
from harness.report.comparison.timing import TimingRow
from harness.report.formatting import MINUS, fixed, listed, plural
from harness.report.page import Answer, Sentence
from harness.statistics.intervals import MINIMUM_SEEDS

# Of a single look. It is the 90 % interval, narrower than the 95 % one beside it: the page says so.
OPEN = "cannot tell yet"
EQUIVALENCE = "two one-sided tests at 5 % (the 90 % interval)"


def scope(experiment: ExperimentFolder) -> str:
    """How far any answer reaches: seeds, devices, and the folders it was merged from."""
    if not experiment.runs:
        return "No run is complete yet: there is nothing to compare."
    seeds = {
        device: {run.seed for run in experiment.runs if run.device == device}
        for device in experiment.devices
    }
    # Every interval is over the seeds of one device.
    most = max(map(len, seeds.values()))
    if all(here == set(experiment.seeds) for here in seeds.values()):
        devices = listed([experiment.device_title(device) for device in seeds])
        where = f"{plural(most, 'seed')}, on {devices}"
    else:
        where = listed(
            [f"{plural(len(seeds[d]), 'seed')} on {experiment.device_title(d)}" for d in seeds]
        )
    if most == 1:
        these = "this run" if len(seeds) == 1 else "these runs"
        text = (
            f"{where.replace('1 seed', 'One seed', 1)}. In training, two runs that differ by one"
            f" rounding error drift apart: nothing is claimed beyond {these}."
        )
    elif most < MINIMUM_SEEDS:
        text = f"Only {where}: too few for any claim beyond these runs."
    else:
        separately = "" if len(seeds) == 1 else ", separately for each device"
        text = f"{where}. Intervals are 95 % intervals over seeds{separately}."
        text = " ".join([text, *_comparisons(experiment), *_corrections(experiment)])
    sources = experiment.merged.get("sources", [])
    if not sources:
        return text
    days = sorted({day for source in sources for day in source["finished"]})
    when = f", finished {' to '.join(dict.fromkeys([days[0], days[-1]]))}" if days else ""
    return f"{text} Merged from {plural(len(sources), 'folder')}{when} (merged.json)."


def _comparisons(experiment: ExperimentFolder) -> list[str]:
    """That several comparisons with the first backend share an error rate; none of one."""
    most = max((experiment.pairs(device) for device in experiment.devices), key=len)
    if len(most) < 2:
        return []
    first = experiment.title(most[0][0])
    return [
        f"The {len(most)} comparisons with {first} share an error rate (Holm): any false"
        " “equivalent” among their verdicts on the primary score has a chance of 5 % at most, and"
        " so has any false “different”."
    ]


def _corrections(experiment: ExperimentFolder) -> list[str]:
    """How verdicts are corrected for looks, a sentence each; none where there is nothing to say."""
    found = []
    for device, seeds in compared_seeds(experiment.runs).items():
        found.append(experiment.asked.correction(device, seeds, bool(experiment.merged)).note)
    return list(dict.fromkeys(filter(None, found)))


def answers(
    experiment: ExperimentFolder, metrics: Sequence[MetricRow], timing: Sequence[TimingRow]
) -> list[Answer]:
    return [
        _same(experiment, _compared(metrics), have_they_learnt(experiment, metrics)),
        speed_answer(experiment, timing),
    ]


def _compared(metrics: Sequence[MetricRow]) -> list[MetricRow]:
    """Rows of the primary endpoint that compare two backends."""
    return [row for row in primary_rows(metrics) if row.difference.value is not None]


def _same(experiment: ExperimentFolder, pairs: Sequence[MetricRow], learnt: Answer) -> Answer:
    """`learnt`: its sentence stands below the answer."""
    question = "Do they learn the same?"
    if not pairs:
        reason = (
            "the translations have not been scored"
            if len(experiment.present) > 1
            else "it needs complete runs of two backends"
        )
        return Answer(question, f"No comparison yet: {reason}.", "open", (), aside=learnt.short)
    sentences = tuple(
        Sentence(_lead(experiment, row), _difference(experiment, row)) for row in pairs
    )
    short, tone = _same_in_short(experiment, pairs, useless=learnt.tone == "no")
    return Answer(question, short, tone, sentences, folded=True, aside=learnt.short)


def _lead(experiment: ExperimentFolder, row: MetricRow) -> str:
    """What a sentence is about; with the backends where several are compared with the first."""
    several = len(experiment.on(row.device)) > 2
    pair = listed([experiment.title(name) for name in row.scores])
    return f"{pair}, {place(experiment, row)}" if several else place(experiment, row)


def _same_in_short(
    experiment: ExperimentFolder, rows: Sequence[MetricRow], useless: bool
) -> tuple[str, str]:
    """The sentence, and its tone. With too few seeds there is no interval in it.

    `useless`: nobody has learnt anything, which is no success.
    """
    numbers = _numbers(experiment, rows)
    fewest = min(row.seeds for row in rows)
    if fewest < MINIMUM_SEEDS:
        seeds = "one seed" if fewest == 1 else f"{fewest} seeds"
        then = offer(experiment, rows[0]).replace("`", "")
        return f"Not decided by {seeds}: {numbers}{f'; {then}' if then else '.'}", "open"
    margins = list(dict.fromkeys(row.margin_text for row in rows if row.margin))
    margin = f" of {listed(margins)}" if margins else ""
    result = outcome(rows)
    if len(by_pair(rows)) > 1:
        return _each_in_short(experiment, rows, margin, useless)
    if result == "equivalent":
        lead, tone = ("Equally little", "open") if useless else ("Yes", "yes")
        return f"{lead}, within the margin{margin}: {numbers}.", tone
    if result == "different":
        where = _different_in(experiment, rows)
        return f"No, beyond the margin{margin} in {where}: {numbers}.", "no"
    undecided = [row for row in rows if row.verdict and row.verdict.label == OPEN]
    if not undecided:
        return f"Not decided, since no margin was fixed before training: {numbers}.", "open"
    longest = max(undecided, key=_seeds_to_come)
    return (
        f"Not decided by {plural(fewest, 'seed')}, whose intervals reach beyond the margin{margin}:"
        f" {numbers};"
        f" {more(longest)}.",
        "open",
    )


def _each_in_short(
    experiment: ExperimentFolder, rows: Sequence[MetricRow], margin: str, useless: bool
) -> tuple[str, str]:
    """The sentence on several backends that are compared with the first, and its tone."""
    if not margin:
        numbers = _numbers(experiment, rows)
        return f"Not decided, since no margin was fixed before training: {numbers}.", "open"
    lead, tone = {
        "equivalent": ("Equally little", "open") if useless else ("Yes", "yes"),
        "different": ("No", "no"),
        "open": ("Not all decided", "open"),
    }[outcome(rows)]
    undecided = [
        row
        for of_pair in by_pair(rows)
        for row in of_pair
        if outcome(of_pair) == "open" and row.verdict and row.verdict.label == OPEN
    ]
    needed = f"; {more(max(undecided, key=_seeds_to_come))}" if undecided else ""
    numbers = _numbers_of_each(experiment, rows, f", margin{margin}")
    return f"{lead}. {numbers}{needed}.", tone


def _seeds_to_come(row: MetricRow) -> float:
    """Likely further seeds; infinite where they are more than a verdict predicts."""
    seeds = row.verdict.further_seeds if row.verdict else None
    return math.inf if seeds is None else float(seeds)


def _numbers(experiment: ExperimentFolder, rows: Sequence[MetricRow]) -> str:
    """Ratios or differences of both directions; of several devices or pairs, the largest one."""
    ratios = _are_ratios(rows)
    at_most = ""
    if len(by_pair(rows)) > 1:
        return _numbers_of_each(experiment, rows)
    if len(rows) > len(DIRECTIONS):
        rows, at_most = [max(rows, key=_log_ratio if ratios else _size)], "at most "

    def number(row: MetricRow) -> str:
        interval, text = (row.ratio, _ratio_text) if ratios else (row.difference, row.text)
        where = place(experiment, row) if at_most else experiment.path(row.direction)
        within = confidence(interval, text, ", {}") if row.seeds >= MINIMUM_SEEDS else ""
        return f"{text(interval.value)} ({where}{within})"

    first, second = (experiment.title(name) for name in rows[0].scores)
    listing = at_most + listed([number(row) for row in rows])
    if ratios:
        better = rows[0].metric.better
        return (
            f"{rows[0].title} ({better} is better) of {second} is {listing} times that of {first}"
        )
    return f"{rows[0].title} {rows[0].metric.unit}".rstrip() + (
        f" differs by {listing}, {names_of(experiment, rows[0])}"
    )


def _numbers_of_each(
    experiment: ExperimentFolder, rows: Sequence[MetricRow], margin: str = ""
) -> str:
    """Of each comparison with the first backend the largest ratio or difference.

    With `margin`, its words, also the result of each.
    """
    ratios, texts = _are_ratios(rows), []
    for of_pair in by_pair(rows):
        row = max(of_pair, key=_log_ratio if ratios else _size)
        interval, text = (row.ratio, _ratio_text) if ratios else (row.difference, row.text)
        within = confidence(interval, text, ", {}") if row.seeds >= MINIMUM_SEEDS else ""
        result = {"open": "not decided"}.get(outcome(of_pair), outcome(of_pair))
        words = f"{experiment.title(list(row.scores)[-1])}{f' {result}' if margin else ''}"
        value = f"{text(interval.value)}{' times' if ratios else ''}"
        texts.append(f"{words}, {value} ({place(experiment, row)}{within})")
    row = rows[0]
    first = experiment.title(next(iter(row.scores)))
    if ratios:
        head = f"{row.title} ({row.metric.better} is better) against {first}"
    else:
        head = f"{row.title} {row.metric.unit}".rstrip() + f", {first} {MINUS} the other"
    return f"{head}{margin}, where they differ most: {'; '.join(texts)}"


def _are_ratios(rows: Sequence[MetricRow]) -> bool:
    """Whether differences of scores are told as ratios."""
    return all(
        row.margin and row.margin.scale == "ratio" and row.ratio.value is not None for row in rows
    )


def _log_ratio(row: MetricRow) -> float:
    ratio = row.ratio.value
    return abs(math.log(ratio)) if ratio is not None and ratio > 0 else math.inf


def _size(row: MetricRow) -> float:
    return abs(row.difference.value or 0.0)


def _ratio_text(value: float | None) -> str:
    return fixed(value, 2)


def outcome(rows: Sequence[MetricRow]) -> Literal["equivalent", "different", "open"]:
    """Of all verdicts together: one that is different decides, all must be equivalent."""
    labels = {row.verdict.label if row.verdict else "no verdict" for row in rows}
    if "different" in labels:
        return "different"
    return "equivalent" if labels == {"equivalent"} else "open"


def is_decided(rows: Sequence[MetricRow]) -> bool:
    """Whether every comparison with the first backend is."""
    return all(outcome(of_pair) != "open" for of_pair in by_pair(rows)) and bool(rows)


def _different_in(experiment: ExperimentFolder, rows: Sequence[MetricRow]) -> str:
    """Directions with that verdict, in words."""
    different = [row for row in rows if row.verdict and row.verdict.label == "different"]
    return listed(list(dict.fromkeys(experiment.path(row.direction) for row in different)) or [""])


def _difference(experiment: ExperimentFolder, row: MetricRow) -> str:
    """Both scores, their difference with its interval, and the verdict."""
    one = row.seeds == 1
    interval = confidence(row.difference, row.text)
    if interval:
        interval += " for other test images" if one else f" over {plural(row.seeds, 'seed')}"
    else:
        interval = f"no interval from {'so few test images' if one else 'two seeds'}"
    texts = [
        f"{row.title} {row.metric.unit} is {scores_in_words(experiment, row, row.scores)}.",
        f"{names_of(experiment, row)} is {row.text(row.difference.value)}, {interval}.",
    ]
    if row.over_training is not None:
        # The last step could have been another one.
        low, high = map(row.text, row.over_training)
        texts.append(f"Between the evaluated steps of this run it varied from {low} to {high}.")
    is_ratio = row.margin is not None and row.margin.scale == "ratio"
    if is_ratio and row.ratio.value is not None:
        first, second = (experiment.title(name) for name in row.scores)
        bounds = confidence(row.ratio, lambda value: fixed(value, 2), " ({})")
        texts.append(f"{second} / {first} is {fixed(row.ratio.value, 2)}{bounds}.")
    kind = " of the ratio" * is_ratio
    margin = f"the margin of {row.margin_text}{kind} that was fixed before training"
    if row.verdict is None or row.margin is None:
        texts.append("No margin was fixed before training, so there is no verdict.")
    elif row.verdict.label == "equivalent":
        texts.append(f"It is within {margin}, by {_tests(row)}: equivalent.")
    elif row.verdict.label == "different":
        texts.append(f"It is surely beyond {margin}, {_beyond(row)}: different.")
    elif row.seeds >= MINIMUM_SEEDS:  # with fewer, one sentence says so for all directions
        texts.append(f"Compared with {margin}, there is no verdict yet: {more(row)}.")
    return " ".join(texts)


def _tests(row: MetricRow) -> str:
    looks = "" if row.maximum is None else f" over all looks of up to {row.maximum} seeds"
    if row.comparisons > 1:
        return f"two one-sided tests, at 5 %{looks} and all {row.comparisons} comparisons (Holm)"
    return f"two one-sided tests, at 5 %{looks}" if looks else EQUIVALENCE


def _beyond(row: MetricRow) -> str:
    looks = "" if row.maximum is None else f" over all looks of up to {row.maximum} seeds"
    if row.comparisons > 1:
        both = "both directions of all"
        return f"at 5 %{looks} and {both} {row.comparisons} comparisons (Holm)"
    return f"at 2.5 %{looks}" if looks else "by the 95 % interval"


def more(row: MetricRow) -> str:
    """What would settle a verdict that is open."""
    if row.verdict is None or row.seeds < MINIMUM_SEEDS:
        return f"at least {plural(MINIMUM_SEEDS - row.seeds, 'more seed')} needed"
    assume = "" if row.verdict.no_ratio else " if the frameworks are truly equal"
    return f"{row.verdict.needed}{assume}"
