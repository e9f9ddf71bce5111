"""What benches come to, in plain words that never say more than the intervals allow."""

from __future__ import annotations

from collections import Counter

from harness.report.formatting import fixed, listed, ms, percent, prefixed, signed, significant
from harness.report.page import Answer, Sentence
from harness.studies.study import open_answer
from harness.studies.timing.findings import (
    PHASE_TITLES,
    BenchEntry,
    Entries,
    peaks,
    phase_gap,
    roof,
    whole,
)
from harness.studies.timing.verdicts import surely_faster


def answers(entries: Entries) -> list[Answer]:
    return [_faster(entries), _believed(entries), _spent(entries), _near(entries)]


def _faster(entries: Entries) -> Answer:
    question = "Which is faster?"
    if not entries.results:
        why = "There are only checks of one backend against itself, which are no results."
        return open_answer(question, "Nothing compared yet", why)
    sentences = []
    for entry in entries.results:
        steps = listed([f"{ms(side.step)} ({side.framework})" for side in entry.sides])
        sentences.append(Sentence(entry.title, f"{entry.verdict.text} Median steps: {steps}."))
    verdicts = [entry.verdict for entry in entries.results]
    first = verdicts[0]
    if len(verdicts) > 1:
        no_name = {"alike": "no difference shown", "unknown": "no ratio yet"}
        counts = Counter(no_name.get(verdict.kind, verdict.faster) for verdict in verdicts)
        # Names first, then what is not known.
        order = sorted(counts.items(), key=lambda item: (item[0].startswith("no "), -item[1]))
        short = listed([f"{name} in {count} of {len(verdicts)}" for name, count in order])
    elif first.share is not None:
        other = "the other" if len(entries.results[0].sides) == 2 else "the next one"
        short = f"{first.faster}: {other} takes {fixed(first.share, 1, 100)} % longer"
    else:
        short = "No ratio yet" if first.kind == "unknown" else "No difference shown"
    tone = "open" if any(verdict.kind == "unknown" for verdict in verdicts) else "yes"
    return Answer(question, short, tone, tuple(sentences))


def _believed(entries: Entries) -> Answer:
    kinds = {entry.verdict.kind for entry in entries.checks}
    sentences = [Sentence(entry.title, entry.verdict.text) for entry in entries.checks]
    checked = {entry.record.device for entry in entries.checks}
    devices = dict.fromkeys(entry.record.device for entry in entries.results)
    unchecked = [device for device in devices if device not in checked]
    if unchecked:
        first = entries.results[0].record.backends[0]
        text = f"No backend was timed against itself there (cyclebench bench --aa {first})."
        sentences.append(Sentence(listed(unchecked), text))
    if "disagrees" in kinds:
        short, tone = "A backend differed from itself", "no"
    elif not entries.checks:
        short, tone = "Not checked", "open"
    elif unchecked:
        short, tone = "Not checked everywhere", "open"
    elif "unknown" in kinds:
        short, tone = "Not known well enough yet", "open"
    else:
        short, tone = "Yes: timed against itself, a backend shows no difference", "yes"
    drifting = [
        entry.title for entry in entries.results if any(side.drift.certain for side in entry.sides)
    ]
    if drifting:
        both = "both" if entries.most == 2 else "all"
        text = (
            "Step times drifted while they were measured; ratios are formed pair by pair, so a "
            f"drift of {both} cancels: {'; '.join(drifting)}."
        )
        sentences.append(Sentence("", text))
    return Answer("Can these times be believed?", short, tone, tuple(sentences))


def _spent(entries: Entries) -> Answer:
    question = "Where does a step's time go?"
    timed = [entry for entry in entries.results if entry.in_pieces]
    if not timed:
        return open_answer(question, "Not measured", "No step was timed in pieces.")
    longest, sentences = set(), []
    for entry in timed:
        parts = []
        for side in entry.sides:
            total = sum(side.phases.values())
            largest = sorted(side.phases.items(), key=lambda item: -item[1])[:2]
            longest.add(largest[0][0])
            shares = [f"{PHASE_TITLES[phase]} {percent(value / total)}" for phase, value in largest]
            parts.append(f"{side.framework}: {'; '.join(shares)}.")
        sentences.append(Sentence(entry.title, " ".join(filter(None, [*parts, _gap(entry)]))))
    alike = len(longest) == 1
    short = f"Most in: {PHASE_TITLES[longest.pop()]}" if alike else "Not alike everywhere"
    return Answer(question, short, "open", tuple(sentences))


def _gap(entry: BenchEntry) -> str:
    """Which pieces make one of them slower, if anything does and pieces can tell."""
    record, others = entry.record, range(1, len(entry.sides))
    if len(entry.sides) == 2:
        return _gap_of(entry, 1) if entry.verdict.kind == "faster" else ""
    sure = [
        other
        for other in others
        if record.settled and (surely_faster(record, 0, other) or surely_faster(record, other, 0))
    ]
    return " ".join(f"{record.names[0]} and {record.names[o]}: {_gap_of(entry, o)}" for o in sure)


def _gap_of(entry: BenchEntry, other: int) -> str:
    """Of the first backend and another."""
    first, second = sides = (entry.sides[0], entry.sides[other])
    cut = sum(abs(side.excess or 0.0) * side.step for side in sides)
    if cut >= abs(second.step - first.step):
        changed = [f"{signed(side.excess)} ({side.framework})" for side in sides]
        return (
            "Which piece makes the difference between the two cannot be told from these: being "
            f"cut up changes a step by {listed(changed)}, no less than what sets them apart."
        )
    sure = []
    for phase in first.phases:
        gap = phase_gap(entry.record, phase, other)
        if gap.value is None or gap.low is None or gap.high is None or gap.low <= 0 <= gap.high:
            continue
        slower = second.framework if gap.value > 0 else first.framework
        text = f"{PHASE_TITLES[phase]} ({slower}, by {ms(abs(gap.value))})"
        sure.append((abs(gap.value), text))
    if not sure:
        return "No piece surely takes one of them longer."
    return f"Surely slower in: {listed([text for _, text in sorted(sure, reverse=True)])}."


def _near(entries: Entries) -> Answer:
    question = "How much of what the device can do is used?"
    shares, sentences = [], []
    for entry in entries.results:
        cost = whole(entry.record)
        limit = roof(cost, peaks(entry.record))
        if cost is None or limit is None:
            continue
        reached = []
        for side in entry.sides:
            share = (side.flops or 0.0) / limit.limit
            shares.append(share)
            rate = prefixed(side.flops, "FLOP/s")
            reached.append(f"{side.framework} reaches {rate}, {percent(share)} of it")
        text = (
            f"With {significant(cost.intensity)} operations for each byte that must be moved, "
            f"{'arithmetic' if limit.binds == 'compute' else 'memory'} is the limit: "
            f"{prefixed(limit.limit, 'FLOP/s')}. {listed(reached)}."
        )
        sentences.append(Sentence(entry.title, text))
    if not sentences:
        why = "No record has operations and the device's peaks."
        return open_answer(question, "Not measured", why)
    short = f"{percent(min(shares))} to {percent(max(shares))} of the roof"
    return Answer(question, short, "open", tuple(sentences))
