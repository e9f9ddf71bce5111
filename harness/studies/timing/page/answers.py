"""What benches come to, in plain words that never say more than the intervals allow."""

from __future__ import annotations

from collections import Counter

from harness.report.formatting import fixed, listed, ms, percent, prefixed, signed, significant
from harness.report.page import Answer, Sentence
from harness.studies.timing.page.entries import BenchEntry, Entries
from harness.studies.timing.page.notes import PHASE_TITLES
from harness.studies.timing.quantities import Performance, peaks, phase_gap, roof, whole


def answers(entries: Entries) -> list[Answer]:
    return [_faster(entries), _believed(entries), _spent(entries), _near(entries)]


def _faster(entries: Entries) -> Answer:
    question = "Which is faster?"
    if not entries.results:
        text = "There are only checks of one backend against itself, which are no results."
        return Answer(question, "Nothing compared yet", "open", (Sentence("", text),))
    kinds = [entry.verdict.kind for entry in entries.results]
    sentences = tuple(Sentence(entry.title, _verdict(entry)) for entry in entries.results)
    tone = "yes" if "unknown" not in kinds else "open"
    if len(sentences) == 1:
        return Answer(question, _short(entries.results[0]), tone, sentences)
    counts = Counter(
        {"alike": "no difference shown", "unknown": "no ratio yet"}.get(kind, entry.verdict.faster)
        for kind, entry in zip(kinds, entries.results, strict=True)
    )
    # Names first, then what is not known.
    order = sorted(counts.items(), key=lambda item: (item[0].startswith("no "), -item[1]))
    parts = [f"{name} in {count} of {len(kinds)}" for name, count in order]
    return Answer(question, listed(parts), tone, sentences)


def _short(entry: BenchEntry) -> str:
    found = entry.verdict
    if found.kind == "unknown":
        return "No ratio yet"
    if found.kind == "alike" or found.share is None:
        return "No difference shown"
    return f"{found.faster}: the other takes {fixed(found.share, 1, 100)} % longer"


def _verdict(entry: BenchEntry) -> str:
    first, second = entry.sides
    steps = f"{ms(first.step)} ({first.framework}) and {ms(second.step)} ({second.framework})"
    return f"{entry.verdict.text} Median steps: {steps}."


def _believed(entries: Entries) -> Answer:
    question = "Can these times be believed?"
    kinds = {entry.verdict.kind for entry in entries.checks}
    sentences = [Sentence(entry.title, entry.verdict.text) for entry in entries.checks]
    missing = entries.unchecked()
    if missing:
        text = "No backend was timed against itself there (cyclebench bench --aa torch)."
        sentences.append(Sentence(listed(missing), text))
    if "disagrees" in kinds:
        short, tone = "A backend differed from itself", "no"
    elif not entries.checks:
        short, tone = "Not checked", "open"
    elif missing:
        short, tone = "Not checked everywhere", "open"
    elif "unknown" in kinds:
        short, tone = "Not known well enough yet", "open"
    else:
        short, tone = "Yes: timed against itself, a backend shows no difference", "yes"
    drifting = [entry for entry in entries.results if _drifts(entry)]
    if drifting:
        text = (
            "Step times drifted while they were measured; ratios are formed pair by pair, so a "
            "drift of both cancels: " + "; ".join(entry.title for entry in drifting) + "."
        )
        sentences.append(Sentence("", text))
    return Answer(question, short, tone, tuple(sentences))


def _drifts(entry: BenchEntry) -> bool:
    return any(side.drift.certain for side in entry.sides)


def _spent(entries: Entries) -> Answer:
    question = "Where does a step's time go?"
    timed = [entry for entry in entries.results if entry.in_pieces]
    if not timed:
        text = "No step was timed in pieces."
        return Answer(question, "Not measured", "open", (Sentence("", text),))
    longest = {_longest(side) for entry in timed for side in entry.sides}
    short = (
        f"Most in: {PHASE_TITLES[longest.pop()]}" if len(longest) == 1 else "Not alike everywhere"
    )
    sentences = [Sentence(entry.title, _phases(entry)) for entry in timed]
    return Answer(question, short, "open", tuple(sentences))


def _longest(side: Performance) -> str:
    return max(side.phases, key=lambda phase: side.phases[phase])


def _phases(entry: BenchEntry) -> str:
    said = []
    for side in entry.sides:
        total = sum(side.phases.values())
        shares = sorted(side.phases.items(), key=lambda item: -item[1])[:2]
        parts = [f"{PHASE_TITLES[phase]} {percent(value / total)}" for phase, value in shares]
        said.append(f"{side.framework}: {'; '.join(parts)}.")
    return " ".join(filter(None, [*said, _gap(entry)]))


def _gap(entry: BenchEntry) -> str:
    """Which pieces make one of them slower, if anything does and pieces can tell."""
    if entry.verdict.kind != "faster":
        return ""
    first, second = entry.sides
    cut = [abs(side.excess or 0.0) * side.step for side in entry.sides]
    if sum(cut) >= abs(second.step - first.step):
        changed = [
            f"{signed(side.excess)} ({side.framework})"
            for side in entry.sides
            if side.excess is not None
        ]
        return (
            "Which piece makes the difference between the two cannot be told from these: being "
            f"cut up changes a step by {listed(changed)}, no less than what sets them apart."
        )
    sure = []
    for phase in first.phases:
        gap = phase_gap(entry.record, phase)
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
    found = [(entry, text) for entry in entries.results if (text := _limits(entry))]
    if not found:
        text = "No record has operations and the device's peaks."
        return Answer(question, "Not measured", "open", (Sentence("", text),))
    shares = [share for entry, _ in found for share in _roof_shares(entry)]
    short = f"{percent(min(shares))} to {percent(max(shares))} of the roof"
    sentences = tuple(Sentence(entry.title, text) for entry, text in found)
    return Answer(question, short, "open", sentences)


def _roof_shares(entry: BenchEntry) -> list[float]:
    limit = roof(whole(entry.record), peaks(entry.record))
    return [side.flops / limit.limit for side in entry.sides if side.flops and limit]


def _limits(entry: BenchEntry) -> str:
    best, cost = peaks(entry.record), whole(entry.record)
    limit = roof(cost, best)
    if best is None or cost is None or limit is None:
        return ""
    what = "arithmetic" if limit.binds == "compute" else "memory"
    said = [
        f"{side.framework} reaches {prefixed(side.flops, 'FLOP/s')}, {percent(share)} of it"
        for side, share in zip(entry.sides, _roof_shares(entry), strict=True)
    ]
    return (
        f"With {significant(cost.intensity)} operations for each byte that must be moved, "
        f"{what} is the limit: {prefixed(limit.limit, 'FLOP/s')}. {listed(said)}."
    )
