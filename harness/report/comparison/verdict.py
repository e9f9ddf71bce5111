"""The three answers in plain words. They never say more than the intervals allow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from harness.records.experiment import Experiment
from harness.report.comparison.learnt import have_they_learnt, place
from harness.report.comparison.scores import MetricRow, headline_rows
from harness.report.comparison.timing import TimingRow
from harness.report.formatting import bounds, fixed, listed, plural
from harness.report.page import Answer, Sentence
from harness.statistics.equivalence import MAXIMUM_SEEDS
from harness.statistics.intervals import MINIMUM_SEEDS

# They use the 90 % interval, narrower than the 95 % one beside them: the page must say so.
EQUIVALENCE = "two one-sided tests at 5 % (the 90 % interval)"


def scope(experiment: Experiment) -> str:
    """How far any answer reaches: seeds, devices, and the folders it was merged from."""
    if not experiment.runs:
        return "No run is complete yet: there is nothing to compare."
    return f"{_seeds_and_devices(experiment)}{_merged_from(experiment)}"


def _seeds_and_devices(experiment: Experiment) -> str:
    seeds = {
        device: {run.seed for run in experiment.runs if run.device == device}
        for device in experiment.devices
    }
    # Every interval is over the seeds of one device.
    most = max(len(each) for each in seeds.values())
    if all(each == set(experiment.seeds) for each in seeds.values()):
        devices = listed([experiment.device_title(device) for device in seeds])
        where = f"{plural(most, 'seed')}, on {devices}"
    else:
        where = listed(
            [f"{plural(len(seeds[d]), 'seed')} on {experiment.device_title(d)}" for d in seeds]
        )
    if most == 1:
        return (
            f"{where.replace('1 seed', 'One seed', 1)}. Training is chaotic: two runs that differ"
            " by one rounding error drift apart, so there is no claim here beyond "
            f"{'this run' if len(seeds) == 1 else 'these runs'}."
        )
    if most < MINIMUM_SEEDS:
        return f"Only {where}: too few for any claim beyond these runs."
    apart = "" if len(seeds) == 1 else ", on each device by itself"
    return f"{where[0].upper()}{where[1:]}. Intervals over seeds{apart} cover 95 %."


def _merged_from(experiment: Experiment) -> str:
    sources = experiment.merged.get("sources", [])
    if not sources:
        return ""
    days = sorted({day for source in sources for day in source["finished"]})
    when = f", finished {' to '.join(dict.fromkeys([days[0], days[-1]]))}" if days else ""
    return f" Merged from {plural(len(sources), 'folder')}{when} (merged.json)."


def answers(
    experiment: Experiment, metrics: Sequence[MetricRow], timing: Sequence[TimingRow]
) -> list[Answer]:
    rows = headline_rows(metrics)
    short, tone, sentences = have_they_learnt(experiment, metrics)
    return [
        _same(experiment, rows),
        Answer("Have they learnt anything?", short, tone, tuple(sentences)),
        _fast(experiment, timing),
    ]


def _same(experiment: Experiment, rows: Sequence[MetricRow]) -> Answer:
    question = "Do they learn the same?"
    pairs = [row for row in rows if len(row.scores) == 2 and row.difference.value is not None]
    if not pairs:
        reason = (
            "The translations have not been scored."
            if len(experiment.present) > 1
            else "A comparison needs complete runs of two backends."
        )
        return Answer(question, "No comparison yet", "open", (Sentence("", reason),))
    found, fewest = outcome(pairs), min(row.seeds for row in pairs)
    if fewest < MINIMUM_SEEDS:
        short, tone = f"Cannot tell yet: {plural(fewest, 'seed')}", "open"
    elif found == "equivalent":
        short, tone = "Yes, within the margin", "yes"
    elif found == "different":
        short, tone = f"No: different in {different_in(experiment, pairs)}", "no"
    else:
        short, tone = "Cannot tell yet", "open"
    sentences = [_difference(experiment, row) for row in pairs]
    if fewest < MINIMUM_SEEDS:
        missing = plural(MINIMUM_SEEDS - fewest, "more seed")
        here = "this run" if fewest == 1 else "these runs"
        sentences.append(Sentence("", f"No claim beyond {here}: that takes at least {missing}."))
    return Answer(question, short, tone, tuple(sentences))


def outcome(rows: Sequence[MetricRow]) -> Literal["equivalent", "different", "open"]:
    """Of all verdicts together: one that is different decides, all must be equivalent."""
    labels = {row.verdict.label if row.verdict else "no verdict" for row in rows}
    if "different" in labels:
        return "different"
    return "equivalent" if labels == {"equivalent"} else "open"


def different_in(experiment: Experiment, rows: Sequence[MetricRow]) -> str:
    """Directions with that verdict, in words."""
    apart = [row for row in rows if row.verdict and row.verdict.label == "different"]
    return listed(list(dict.fromkeys(experiment.path(row.direction) for row in apart)))


def _difference(experiment: Experiment, row: MetricRow) -> Sentence:
    metric = row.metric
    values = [
        f"{fixed(score.interval.value, metric.digits, metric.scale)} ({experiment.title(name)})"
        for name, score in row.scores.items()
    ]
    gap = fixed(row.difference.value, metric.digits, metric.scale)
    span = bounds(row.difference, metric.digits, metric.scale)
    meaning = "for other test images" if row.seeds == 1 else f"over {plural(row.seeds, 'seed')}"
    too_few = "so few test images" if row.seeds == 1 else "two seeds"
    interval = f", 95 % interval {span} {meaning}" if span else f", no interval from {too_few}"
    text = (
        f"{row.title} {metric.unit} is {' against '.join(values)}; "
        f"difference {gap}{interval}. {_wandering(row)}{verdict_words(row)}"
    )
    return Sentence(place(experiment, row), text.strip())


def _wandering(row: MetricRow) -> str:
    """What one seed shows of its own luck: the last step could have been another one."""
    if row.over_training is None:
        return ""
    low, high = (fixed(end, row.metric.digits, row.metric.scale) for end in row.over_training)
    return f"From step to step of this run it went from {low} to {high}. "


def verdict_words(row: MetricRow) -> str:
    """The verdict as a sentence, with what would settle it."""
    if row.verdict is None or row.margin is None:
        return "No margin was fixed before training, so there is no verdict."
    margin = f"±{fixed(row.margin, row.metric.digits, row.metric.scale)}"
    if row.verdict.label == "equivalent":
        return f"Within the margin of {margin} fixed before training, by {EQUIVALENCE}: equivalent."
    if row.verdict.label == "different":
        return f"Wholly beyond the margin of {margin} fixed before training: different."
    if row.seeds < MINIMUM_SEEDS:
        return ""  # said once for all directions
    return f"Against the margin of {margin} this cannot be told yet: {more(row)}."


def more(row: MetricRow) -> str:
    """What would settle a verdict that is open."""
    further = row.verdict.further_seeds if row.verdict else None
    if further is None:
        return f"more than {MAXIMUM_SEEDS} seeds would be needed"
    about = "at least" if row.seeds < MINIMUM_SEEDS else "about"
    return f"{about} {plural(further, 'more seed')} needed"


def _fast(experiment: Experiment, timing: Sequence[TimingRow]) -> Answer:
    question = "Are they equally fast?"
    rows = [
        row for row in timing if row.quantity == "step_ms_median" and row.ratio.value is not None
    ]
    if not rows:
        reason = "No blocks of steps that two backends ran in turns have been timed."
        return Answer(question, "No comparison yet", "open", (Sentence("", reason),))
    sentences = tuple(_speed(experiment, row) for row in rows)
    if all(row.ratio.low is None for row in rows):
        return Answer(question, "Cannot tell yet: too few blocks", "open", sentences)
    apart = [row for row in rows if _excludes_one(row)]
    if not apart:
        return Answer(question, "No difference seen", "open", sentences)
    caution = Sentence("", "The interval covers the blocks timed here, not another start or day.")
    return Answer(question, f"No: {_times(experiment, apart)}", "no", (*sentences, caution))


def _times(experiment: Experiment, rows: Sequence[TimingRow]) -> str:
    """ "TensorFlow took 1.30 times as long in this run", or the range over devices."""
    ratios = sorted(row.ratio.value for row in rows if row.ratio.value is not None)
    if len({tuple(row.values) for row in rows}) > 1:
        return "see each pair"
    second = experiment.title(list(rows[0].values)[1])
    ends = list(dict.fromkeys([fixed(ratios[0], 2), fixed(ratios[-1], 2)]))
    here = "this run" if len(experiment.seeds) == 1 else "these runs"
    return f"{second} took {' to '.join(ends)} times as long in {here}"


def _excludes_one(row: TimingRow) -> bool:
    low, high = row.ratio.low, row.ratio.high
    return low is not None and high is not None and not low <= 1 <= high


def _speed(experiment: Experiment, row: TimingRow) -> Sentence:
    first, second = (experiment.title(name) for name in row.values)
    device = experiment.device_title(row.device)
    blocks = plural(row.pairs, "pair") + " of blocks run in turns"
    text = f"{second} took {fixed(row.ratio.value, 3)} times as long as {first} for a training step"
    if row.ratio.low is None:
        return Sentence(device, f"{text}; {blocks}: too few for an interval.")
    span = f"95 % interval {fixed(row.ratio.low, 3)} to {fixed(row.ratio.high, 3)}, {blocks}"
    if not _excludes_one(row):
        return Sentence(device, f"{text} ({span}): the interval holds 1, no difference is shown.")
    return Sentence(device, f"{text} ({span}).")
