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
    about = (
        "An interval is about the blocks timed here, not about another start of the processes or"
        " another day."
    )
    if (several := max(row.comparisons for row in rows)) > 1:
        about += f" Those of {several} comparisons hold together at 95 % (Bonferroni)."
    caution = Sentence("", about)
    sentences = (*(_speed(experiment, row) for row in rows), *refused, caution)
    numbers = _times_as_long(experiment, rows)
    if seen:
        where = listed(list(dict.fromkeys(experiment.device_title(row.device) for row in busy)))
        lost = f" of {listed(_seconds(experiment, busy))}" if rows[0].comparisons > 1 else ""
        numbers += f"; on {where} the machine was busy, and there is no ratio{lost}"
    tone = "open"
    if all(row.ratio.low is None for row in rows):
        short = f"Cannot tell yet, too few pairs of blocks for an interval: {numbers}."
    elif any(_excludes_one(row) for row in rows):
        short, tone = f"{_no(experiment, rows)}: {numbers}.", "no"
    else:
        short = f"No difference seen: {numbers}."
    return Answer(question, short, tone, sentences, folded=True)


def _no(experiment: ExperimentFolder, rows: Sequence[TimingRow]) -> str:
    """Who is slower or faster than the first backend, where all devices agree on that."""
    pairs = _by_pair(rows)
    if len(pairs) > 1:
        return ", ".join(["No", *filter(None, [_surely(experiment, pair) for pair in pairs])])
    ratios = [row.ratio.value for row in rows if row.ratio.value is not None]
    words = {ratio > 1 for ratio in ratios}
    if len(words) != 1:
        return "No"
    second = experiment.title(list(rows[0].values)[1])
    return f"No, {second} is {'slower' if True in words else 'faster'}"


def _times_as_long(experiment: ExperimentFolder, rows: Sequence[TimingRow]) -> str:
    """The ratio of every other backend to the first, on every device."""
    pairs = _by_pair(rows)
    if len(pairs) > 1:
        of_each = listed([_of_devices(experiment, pair) for pair in pairs])
        first = experiment.title(next(iter(rows[0].values)))
        return f"a training step took {of_each} as in {first}"
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


def _by_pair(rows: Sequence[TimingRow]) -> list[list[TimingRow]]:
    """Rows of each pair of backends, one a device."""
    pairs: dict[tuple[str, ...], list[TimingRow]] = {}
    for row in rows:
        pairs.setdefault(tuple(row.values), []).append(row)
    return list(pairs.values())


def _seconds(experiment: ExperimentFolder, rows: Sequence[TimingRow]) -> list[str]:
    """Titles of the backends that rows compare with the first."""
    return list(dict.fromkeys(experiment.title(list(row.values)[-1]) for row in rows))


def _surely(experiment: ExperimentFolder, pair: Sequence[TimingRow]) -> str:
    """ "JAX is faster"; empty where no interval says so, or devices do not agree."""
    sure = [row.ratio.value for row in pair if _excludes_one(row) and row.ratio.value is not None]
    words = {ratio > 1 for ratio in sure}
    if len(words) != 1 or len(sure) < len(pair):
        return ""
    return f"{_seconds(experiment, pair)[0]} is {'slower' if True in words else 'faster'}"


def _of_devices(experiment: ExperimentFolder, pair: Sequence[TimingRow]) -> str:
    """ "1.300 times as long in TensorFlow (95 % interval 1.291 to 1.310)", or the devices' span."""
    ratios = sorted(row.ratio.value for row in pair if row.ratio.value is not None)
    ends = dict.fromkeys([fixed(ratios[0], 3), fixed(ratios[-1], 3)])
    text = f"{' to '.join(ends)} times as long in {_seconds(experiment, pair)[0]}"
    if len(pair) > 1:
        return f"{text} ({plural(len(pair), 'device')})"
    return text + confidence(pair[0].ratio, lambda value: fixed(value, 3), " ({})")


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
