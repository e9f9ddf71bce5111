"""Do they learn the same, and are they equally fast? Never more than the intervals allow.

The other two of a page's four answers are in evidence.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.records.experiment import ExperimentFolder
from harness.records.seeds import compared_seeds
from harness.report.comparison.baseline_check import place, scores_in_words
from harness.report.comparison.outcomes import (
    OPEN,
    are_ratios,
    log_ratio,
    more,
    outcome,
    ratio_text,
    seeds_to_come,
    size,
)
from harness.report.comparison.scores import (
    MetricRow,
    by_pair,
    confidence,
    names_of,
    primary_rows,
    why_unscored,
)
from harness.report.comparison.seed_plan import offer
from harness.report.comparison.several import each_in_short, numbers_of_each
from harness.report.comparison.speed import speed_answer
from harness.report.comparison.timing import TimingRow
from harness.report.formatting import fixed, listed, plural
from harness.report.page import Answer, Sentence
from harness.statistics.intervals import MINIMUM_SEEDS

# Of a single look. It is the 90 % interval, narrower than the 95 % one beside it: the page says so.
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
    experiment: ExperimentFolder,
    metrics: Sequence[MetricRow],
    timing: Sequence[TimingRow],
    learnt: Answer,
) -> list[Answer]:
    """`learnt`: whether anything was, which is said below the first."""
    return [
        _same(experiment, metrics, learnt),
        speed_answer(experiment, timing),
    ]


def _compared(metrics: Sequence[MetricRow]) -> list[MetricRow]:
    """Rows of the primary endpoint that compare two backends."""
    return [row for row in primary_rows(metrics) if row.difference.value is not None]


def _same(experiment: ExperimentFolder, metrics: Sequence[MetricRow], learnt: Answer) -> Answer:
    """`learnt`: its sentence stands below the answer."""
    question, pairs = "Do they learn the same?", _compared(metrics)
    if not pairs:
        reason = (
            why_unscored(metrics)
            if len(experiment.present) > 1
            else "it needs complete runs of two backends"
        )
        return Answer(question, f"No comparison yet: {reason}.", "open", (), aside=learnt.short)
    sentences = tuple(
        Sentence(_lead(experiment, row), _difference(experiment, row)) for row in pairs
    )
    short, tone = _same_in_short(experiment, pairs, useless=learnt.tone == "no")
    scored = {name for row in pairs for name in row.scores}
    if missing := [name for name in experiment.present if name not in scored]:
        titles = listed([experiment.title(name) for name in missing])
        short = f"{short} Without a score to compare: {titles}."
        tone = "open" if tone == "yes" else tone
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
    pairs = by_pair(rows)
    # Of several comparisons one that has too few seeds is said to have, among the others.
    most = max(min(row.seeds for row in of_pair) for of_pair in pairs)
    if most < MINIMUM_SEEDS:
        seeds = "one seed" if fewest == 1 else f"{fewest} seeds"
        then = offer(experiment, rows[0]).replace("`", "")
        return f"Not decided by {seeds}: {numbers}{f'; {then}' if then else '.'}", "open"
    margins = list(dict.fromkeys(row.margin_text for row in rows if row.margin))
    margin = f" of {listed(margins)}" if margins else ""
    result = outcome(rows)
    if len(pairs) > 1:
        return each_in_short(experiment, rows, margin, useless)
    if result == "equivalent":
        lead, tone = ("Equally little", "open") if useless else ("Yes", "yes")
        return f"{lead}, within the margin{margin}: {numbers}.", tone
    if result == "different":
        where = _different_in(experiment, rows)
        return f"No, beyond the margin{margin} in {where}: {numbers}.", "no"
    undecided = [row for row in rows if row.verdict and row.verdict.label == OPEN]
    if not undecided:
        return f"Not decided, since no margin was fixed before training: {numbers}.", "open"
    longest = max(undecided, key=seeds_to_come)
    return (
        f"Not decided by {plural(fewest, 'seed')}, whose intervals reach beyond the margin{margin}:"
        f" {numbers};"
        f" {more(longest)}.",
        "open",
    )


def _numbers(experiment: ExperimentFolder, rows: Sequence[MetricRow]) -> str:
    """Ratios or differences of both directions; of several devices or pairs, the largest one."""
    ratios = are_ratios(rows)
    at_most = ""
    if len(by_pair(rows)) > 1:
        return numbers_of_each(experiment, rows)
    if len(rows) > len(experiment.directions):
        rows, at_most = [max(rows, key=log_ratio if ratios else size)], "at most "

    def number(row: MetricRow) -> str:
        interval, text = (row.ratio, ratio_text) if ratios else (row.difference, row.text)
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
