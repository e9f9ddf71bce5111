"""Are they equally fast? A sentence with the ratio of step times, and what stands behind it."""

from __future__ import annotations

from collections.abc import Sequence

from harness.records.experiment import ExperimentFolder
from harness.report.comparison.busy import REMEDY
from harness.report.comparison.scores import confidence
from harness.report.comparison.timing import TimingRow
from harness.report.formatting import fixed, listed, plural
from harness.report.page import Answer, Sentence


def speed_answer(experiment: ExperimentFolder, timing: Sequence[TimingRow]) -> Answer:
    rows, busy = _timed(timing), _busy(timing)
    question = "Are they equally fast?"
    refused = [
        Sentence(experiment.device_title(row.device), row.load.reason) for row in busy if row.load
    ]
    seen = [row.load.seen for row in busy if row.load]
    if refused:
        refused.append(Sentence("", REMEDY))
    if seen and not rows:
        short = (
            f"Not known, the machine was busy: {seen[0]}, so there is no ratio. Train anew on an"
            " idle machine."
        )
        return Answer(question, short, "open", tuple(refused), folded=True)
    if not rows:
        reason = "no blocks of steps that two backends ran in turns have been timed"
        return Answer(question, f"No comparison yet: {reason}.", "open", ())
    caution = Sentence(
        "",
        "An interval is about the blocks timed here, not about another start of the processes or"
        " another day.",
    )
    sentences = (*(_speed(experiment, row) for row in rows), *refused, caution)
    numbers = _times_as_long(experiment, rows)
    if seen:
        where = listed(list(dict.fromkeys(experiment.device_title(row.device) for row in busy)))
        numbers += f"; on {where} the machine was busy, and there is no ratio"
    tone = "open"
    if all(row.ratio.low is None for row in rows):
        short = f"Cannot tell yet, too few pairs of blocks for an interval: {numbers}."
    elif any(_excludes_one(row) for row in rows):
        short, tone = f"{_no(experiment, rows)}: {numbers}.", "no"
    else:
        short = f"No difference seen: {numbers}."
    return Answer(question, short, tone, sentences, folded=True)


def _no(experiment: ExperimentFolder, rows: Sequence[TimingRow]) -> str:
    """Who is slower or faster, where there are two backends and all devices agree on that."""
    ratios = [row.ratio.value for row in rows if row.ratio.value is not None]
    words = {ratio > 1 for ratio in ratios}
    if len({tuple(row.values) for row in rows}) > 1 or len(words) != 1:
        return "No"
    second = experiment.title(list(rows[0].values)[1])
    return f"No, {second} is {'slower' if True in words else 'faster'}"


def _times_as_long(experiment: ExperimentFolder, rows: Sequence[TimingRow]) -> str:
    """The ratio on every device; of more than two backends, the smallest and the largest ratio."""
    if len({tuple(row.values) for row in rows}) > 1:
        ratios = sorted(row.ratio.value for row in rows if row.ratio.value is not None)
        first = experiment.title(next(iter(rows[0].values)))
        ends = f"{fixed(ratios[0], 3)} to {fixed(ratios[-1], 3)}"
        return f"a training step in other backends took {ends} times as long as in {first}"
    first, second = (experiment.title(name) for name in rows[0].values)
    several = len(experiment.devices) > 1
    texts = [
        f"{fixed(row.ratio.value, 3)} times as long"
        + f" as in {first}" * (number == 0)
        + f" on {experiment.device_title(row.device)}" * several
        + confidence(row.ratio, lambda value: fixed(value, 3), " ({})")
        for number, row in enumerate(rows)
    ]
    return f"a training step in {second} took {listed(texts)}"


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
