"""What the measurements of a device say: which framework is faster, and what changed over time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from harness.config.differences import differences
from harness.report.formatting import listed, plural
from harness.report.page import Answer, Sentence
from harness.studies.history.entry import Entry
from harness.studies.history.over_time import Course, HistoryStep, OverTime, follow
from harness.studies.history.parts import surroundings
from harness.studies.history.show import in_words
from harness.studies.site import words
from harness.studies.study import open_answer

SAID = 5  # workloads, and steps, of which a page says something
FASTER, CHANGED = "Which framework is faster?", "Has it changed over time?"


def device_answers(entries: Sequence[Entry]) -> tuple[Answer, Answer]:
    """`entries`: of one device, newest first."""
    return _faster(entries), _changed(entries, follow(entries))


def _faster(entries: Sequence[Entry]) -> Answer:
    newest: dict[str, Entry] = {}
    for entry in entries:
        if any(pair.ratio for pair in entry.pairs):
            newest.setdefault(entry.series, entry)
    if not newest:
        why = "No measurement has two frameworks that were timed in turns without disturbance."
        return open_answer(FASTER, "Not measured", why)
    found = Counter(map(_fastest, newest.values()))
    open_ones = found.pop("", 0)
    many = len(newest)
    parts = [f"{name} in {count} of {plural(many, 'workload')}" for name, count in found.items()]
    if open_ones:
        parts.append(f"not decided in {open_ones}" + ("" if found else f" of {many}"))
    short = listed(parts)
    if many == 1:
        short = next(iter(found), "Not decided: intervals contain 1")
    return Answer(
        FASTER,
        short,
        "yes" if found else "open",
        tuple(
            Sentence(f"{words.workload(entry)}, {entry.day}:", _times_as_long(entry))
            for entry in list(newest.values())[:SAID]
        ),
        aside="The newest measurement of each workload. Brackets: 95 % intervals, each by itself.",
    )


def _fastest(entry: Entry) -> str:
    """Whose step takes less time than every other one's, by whole intervals; "" if none's."""
    slower: dict[str, set[str]] = {side.backend: set() for side in entry.backends}
    for pair in entry.pairs:
        if pair.ratio and pair.ratio.low is not None and pair.ratio.low > 1:
            slower[pair.first].add(pair.second)
        if pair.ratio and pair.ratio.high is not None and pair.ratio.high < 1:
            slower[pair.second].add(pair.first)
    for side in entry.backends:
        if len(slower[side.backend]) == len(entry.backends) - 1:
            return words.called(entry, side)
    return ""


def _times_as_long(entry: Entry) -> str:
    first, *others = entry.backends
    parts = [
        f"{words.versioned(side)}: {pair.ratio.value:.2f} times {words.between(pair.ratio, 2)}"
        for side in others
        if (pair := words.pair_of(entry, side)) and pair.ratio
    ]
    return f"{', '.join(parts)} the step time of {words.versioned(first)}." if parts else ""


def _changed(entries: Sequence[Entry], shown: OverTime) -> Answer:
    courses = [course for place in shown.places for course in place.courses]
    steps = [(course, step) for course in courses for step in course.steps]
    if not shown.searched:
        most = max((len(course.values) for course in courses), default=0)
        why = (
            f"It takes {shown.needed} measurements of one workload to tell a change from chance;"
            f" the most here are {most}."
        )
        return open_answer(CHANGED, "Too few measurements to tell", why)
    steps.sort(key=lambda found: found[1].entry.measured, reverse=True)
    short = "No step found"
    if steps:
        last = steps[0][1].entry.day
        short = f"Yes: {plural(len(steps), 'step')} found, the last on {last}"
    aside = (
        "Step times, their ratios, and scores, each for itself:"
        f" {shown.searched} of {len(courses)} have the {shown.needed} measurements that it takes to"
        " tell a step from chance. Where nothing changes and days are independent, any step is"
        f" found with a chance of {100 * shown.alpha:g} % at most. Small changes are missed."
    )
    return Answer(CHANGED, short, "no" if steps else "open", tuple(_sentences(steps)), aside=aside)


def _sentences(steps: Sequence[tuple[Course, HistoryStep]]) -> Iterator[Sentence]:
    """The latest."""
    for course, step in steps[:SAID]:
        pairs = [
            [next(side for side in entry.backends if side.backend == name)
             for entry in (step.before, step.entry)]
            for name in course.quantity.backends
        ]  # fmt: skip
        apart = dict.fromkeys(
            difference
            for before, now in pairs
            for difference in differences(
                surroundings(step.before, before), surroundings(step.entry, now)
            )
        )
        what = ", ".join(apart) or "nothing that is recorded"
        text = f"{in_words(course.quantity, step, step.entry)}. Changed with it: {what}."
        yield Sentence(f"{words.workload(step.entry)}:", text)
    if len(steps) > SAID:
        yield Sentence("", f"{len(steps) - SAID} earlier ones: `cyclebench track` lists them.")
