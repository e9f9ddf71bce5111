"""The three answers in plain words, and the sentences that sum them up at the top of the page.

They never say more than the intervals allow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from harness.records.experiment import DIRECTIONS, ExperimentFolder
from harness.report.comparison.baseline_check import have_they_learnt, place, scores_in_words
from harness.report.comparison.busy import REMEDY
from harness.report.comparison.divergence import Divergence, share
from harness.report.comparison.scores import MetricRow, confidence, headline_rows
from harness.report.comparison.timing import TimingRow
from harness.report.formatting import fixed, listed, plural
from harness.report.page import Answer, Sentence
from harness.statistics.equivalence import MAXIMUM_SEEDS
from harness.statistics.intervals import MINIMUM_SEEDS

# They use the 90 % interval, narrower than the 95 % one beside them: the page must say so.
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
    sources = experiment.merged.get("sources", [])
    if not sources:
        return text
    days = sorted({day for source in sources for day in source["finished"]})
    when = f", finished {' to '.join(dict.fromkeys([days[0], days[-1]]))}" if days else ""
    return f"{text} Merged from {plural(len(sources), 'folder')}{when} (merged.json)."


def answers(
    experiment: ExperimentFolder, metrics: Sequence[MetricRow], timing: Sequence[TimingRow]
) -> list[Answer]:
    return [
        _same(experiment, _compared(metrics)),
        have_they_learnt(experiment, metrics),
        _fast(experiment, _timed(timing), _busy(timing)),
    ]


def _compared(metrics: Sequence[MetricRow]) -> list[MetricRow]:
    """Rows of the headline score that compare two backends."""
    return [row for row in headline_rows(metrics) if row.difference.value is not None]


def _timed(timing: Sequence[TimingRow]) -> list[TimingRow]:
    """Rows of the step time that compare two backends."""
    return [
        row for row in timing if row.quantity == "step_ms_median" and row.ratio.value is not None
    ]


def _busy(timing: Sequence[TimingRow]) -> list[TimingRow]:
    """Rows of the step time without a ratio, because the machine was busy."""
    return [
        row
        for row in timing
        if row.quantity == "step_ms_median" and row.load is not None and row.load.refused
    ]


def _same(experiment: ExperimentFolder, pairs: Sequence[MetricRow]) -> Answer:
    question = "Do they learn the same?"
    if not pairs:
        reason = (
            "The translations have not been scored."
            if len(experiment.present) > 1
            else "A comparison needs complete runs of two backends."
        )
        return Answer(question, "No comparison yet", "open", (Sentence("", reason),))
    sentences = [Sentence(place(experiment, row), _difference(experiment, row)) for row in pairs]
    fewest = min(row.seeds for row in pairs)
    if fewest < MINIMUM_SEEDS:
        missing = plural(MINIMUM_SEEDS - fewest, "more seed")
        these = "this run" if fewest == 1 else "these runs"
        text = f"Nothing is claimed beyond {these}: a claim needs at least {missing}."
        sentences.append(Sentence("", text))
        short, tone = f"Cannot tell yet: {plural(fewest, 'seed')}", "open"
    else:
        short, tone = {
            "equivalent": ("Yes, within the margin", "yes"),
            "different": (f"No: different in {_different_in(experiment, pairs)}", "no"),
            "open": ("Cannot tell yet", "open"),
        }[_outcome(pairs)]
    return Answer(question, short, tone, tuple(sentences))


def _outcome(rows: Sequence[MetricRow]) -> Literal["equivalent", "different", "open"]:
    """Of all verdicts together: one that is different decides, all must be equivalent."""
    labels = {row.verdict.label if row.verdict else "no verdict" for row in rows}
    if "different" in labels:
        return "different"
    return "equivalent" if labels == {"equivalent"} else "open"


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
        f"The difference is {row.text(row.difference.value)}, {interval}.",
    ]
    if row.over_training is not None:
        # The last step could have been another one.
        low, high = map(row.text, row.over_training)
        texts.append(f"Between the evaluated steps of this run it varied from {low} to {high}.")
    margin = f"the margin of ±{row.text(row.margin)} that was fixed before training"
    if row.verdict is None or row.margin is None:
        texts.append("No margin was fixed before training, so there is no verdict.")
    elif row.verdict.label == "equivalent":
        texts.append(f"It is within {margin}, by {EQUIVALENCE}: equivalent.")
    elif row.verdict.label == "different":
        texts.append(f"The whole interval is beyond {margin}: different.")
    elif row.seeds >= MINIMUM_SEEDS:  # with fewer, one sentence says so for all directions
        texts.append(f"Compared with {margin}, there is no verdict yet: {more(row)}.")
    return " ".join(texts)


def more(row: MetricRow) -> str:
    """What would settle a verdict that is open."""
    further = row.verdict.further_seeds if row.verdict else None
    if further is None:
        return f"more than {MAXIMUM_SEEDS} seeds would be needed"
    about = "at least" if row.seeds < MINIMUM_SEEDS else "about"
    return f"{about} {plural(further, 'more seed')} needed"


def _fast(
    experiment: ExperimentFolder, rows: Sequence[TimingRow], busy: Sequence[TimingRow]
) -> Answer:
    question = "Are they equally fast?"
    refused = [
        Sentence(experiment.device_title(row.device), row.load.reason) for row in busy if row.load
    ]
    if refused:
        refused.append(Sentence("", REMEDY))
    if refused and not rows:
        return Answer(question, "No answer: the machine was busy", "open", tuple(refused))
    if not rows:
        reason = "No blocks of steps that two backends ran in turns have been timed."
        return Answer(question, "No comparison yet", "open", (Sentence("", reason),))
    sentences = (*(_speed(experiment, row) for row in rows), *refused)
    if all(row.ratio.low is None for row in rows):
        return Answer(question, "Cannot tell yet: too few blocks", "open", sentences)
    different = [row for row in rows if _excludes_one(row)]
    if not different:
        return Answer(question, "No difference seen", "open", sentences)
    caution = Sentence(
        "",
        "The interval is about the blocks timed here, not about another start of the processes or"
        " another day.",
    )
    # "TensorFlow took 1.30 times as long in this run", or the range over devices.
    short = "see each pair"
    if len({tuple(row.values) for row in different}) == 1:
        second = experiment.title(list(different[0].values)[1])
        ratios = sorted(row.ratio.value for row in different if row.ratio.value is not None)
        ends = dict.fromkeys([fixed(ratios[0], 2), fixed(ratios[-1], 2)])
        here = "this run" if len(experiment.seeds) == 1 else "these runs"
        short = f"{second} took {' to '.join(ends)} times as long in {here}"
    return Answer(question, f"No: {short}", "no", (*sentences, caution))


def _excludes_one(row: TimingRow) -> bool:
    low, high = row.ratio.low, row.ratio.high
    return low is not None and high is not None and not low <= 1 <= high


def _speed(experiment: ExperimentFolder, row: TimingRow) -> Sentence:
    first, second = (experiment.title(name) for name in row.values)
    blocks = plural(row.pairs, "pair") + " of blocks run in turns"
    text = (
        f"A training step in {second} took {fixed(row.ratio.value, 3)} times as long as in {first}"
    )
    interval = confidence(row.ratio, lambda value: fixed(value, 3))
    if not interval:
        text += f"; {blocks} are too few for an interval."
    elif _excludes_one(row):
        text += f" ({interval}, {blocks})."
    else:
        text += f" ({interval}, {blocks}): the interval contains 1, so no difference is shown."
    if row.load is not None and row.load.note:
        text += f" {row.load.note}"
    return Sentence(experiment.device_title(row.device), text)


def summary_sentences(
    experiment: ExperimentFolder,
    metrics: Sequence[MetricRow],
    timing: Sequence[TimingRow],
    divergences: Sequence[Divergence],
) -> list[str]:
    """Whether they learn the same, as fast, and why not; none where there are no two backends."""
    if len(experiment.present) < 2:
        return []
    sentences = [_same_in_short(experiment, _compared(metrics))]
    if steps := _timed(timing):
        first, second = (experiment.title(name) for name in steps[0].values)
        ratios = [
            f"{fixed(row.ratio.value, 3)} times as long"
            + f" as in {first}" * (number == 0)
            + f" on {experiment.device_title(row.device)}"
            + confidence(row.ratio, lambda value: fixed(value, 3), " ({})")
            for number, row in enumerate(steps)
            if tuple(row.values) == tuple(steps[0].values)
        ]
        sentences.append(f"A training step in {second} took {listed(ratios)}.")
    if busy := _busy(timing):
        where = listed(list(dict.fromkeys(experiment.device_title(row.device) for row in busy)))
        sentences.append(f"On {where} it is not known which is faster: the machine was busy.")
    for divergence in divergences[:1]:
        numbers = (
            f"The relative difference of their losses is {share(divergence.at_start)} at the first"
            f" step and {share(divergence.at_end)} over the last tenth of training"
        )
        if divergence.seeds_at_end is None:
            noise = "a second seed would show how far two runs of one framework differ"
        else:
            first = experiment.title(divergence.first)
            noise = f"between two seeds of {first} it is {share(divergence.seeds_at_end)}"
        sentences.append(f"{numbers}; {noise}.")
    return sentences


def _same_in_short(experiment: ExperimentFolder, rows: Sequence[MetricRow]) -> str:
    if not rows:
        return "The translations have not been scored, so nothing is known of what was learnt."

    def difference(row: MetricRow, where: str) -> str:
        value = row.text(row.difference.value)
        return f"{value} for {where}{confidence(row.difference, row.text, ' ({})')}"

    # Both directions of a device; of several devices or pairs of backends, the largest.
    if len(rows) <= len(DIRECTIONS):
        by = listed([difference(row, experiment.path(row.direction)) for row in rows])
    else:
        largest = max(rows, key=lambda row: abs(row.difference.value or 0.0))
        by = f"at most {difference(largest, place(experiment, largest))}"
    numbers = f"{rows[0].title} {rows[0].metric.unit} differs by {by}"
    names = listed([experiment.title(name) for name in rows[0].scores])
    seeds = min(row.seeds for row in rows)
    if seeds < MINIMUM_SEEDS:
        return f"{plural(seeds, 'seed')} cannot show whether {names} learn the same: {numbers}."
    result = {
        "different": f"{names} do not learn the same ({_different_in(experiment, rows)})",
        "equivalent": f"{names} learn the same, within the margin fixed before training",
        "open": f"It is not yet known whether {names} learn the same",
    }[_outcome(rows)]
    return f"{result}: {numbers}."
