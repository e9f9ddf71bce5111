"""Do the backends follow the same course? From course.json.

One twin shows how large the effect of one rounding error is, not how much that effect varies: no
more is claimed from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.records.experiment import ExperimentFolder
from harness.report.comparison.divergence import share
from harness.report.formatting import listed, plural
from harness.report.page import Answer, Sentence

Record = Mapping[str, Any]

QUESTION = "Do they follow the same course?"
ALIKE = 2.0  # a single twin was seen to differ from another one by as large a factor


def _course_sentence(experiment: ExperimentFolder, course: Record) -> str:
    pairs = [
        f"the weights of {listed([experiment.title(name) for name in pair['backends']])} differ by"
        f" {share(pair['weights'])}"
        for pair in course["pairs"]
    ]
    own = experiment.title(course["twin"]["backend"])
    where = ""
    if len(experiment.devices) > 1 and course["device"] in experiment.devices:
        where = f" on {experiment.device_title(course['device'])}"
    return (
        f"After {plural(course['steps'], 'step')}{where} {listed(pairs)}; {own} differs from itself"
        f" by {share(course['twin']['weights'])} when its start is moved by one unit in the last"
        " place."
    )


def course_answer(experiment: ExperimentFolder, found: Sequence[Record]) -> Answer:
    """The pair and course with the largest distance, in multiples of its twin's, decide."""
    compared = [
        (pair["weights"] / course["twin"]["weights"], pair, course)
        for course in found
        for pair in course["pairs"]
        if course["twin"]["weights"] > 0
    ]
    if not compared:
        short = "Cannot tell: moving the start by one rounding error changed nothing."
        tone = "open"
    else:
        ratio, pair, course = max(compared, key=lambda one: one[0])
        first, second = (experiment.title(name) for name in pair["backends"])
        own = experiment.title(course["twin"]["backend"])
        several = len(course["pairs"]) > 1
        apart = f"{second}'s weights differ from {first}'s by {share(pair['weights'])}"
        numbers = (
            f"one rounding error at the start changes {own}'s weights by"
            f" {share(course['twin']['weights'])} in {plural(course['steps'], 'step')};"
            f" {f'where frameworks differ most, {apart}' if several else apart}"
        )
        alike = ratio <= ALIKE
        short = f"{'Yes, within rounding' if alike else 'Not shown'}: {numbers}."
        tone = "yes" if alike else "open"
    sentences = [
        Sentence(f"seed {course['seed']}", _course_sentence(experiment, course)) for course in found
    ]
    text = (
        "Compared are the kept weights of all networks, by the Euclidean norm of the"
        " difference over that of the first; biases whose gradient is zero are left out. One twin"
        " shows how large the effect of rounding is here, not how much it varies"
    )
    more = f": make consistency DATASET={experiment.dataset} trains more"
    text += f"{more if len(experiment.directions) > 1 else ''}."
    return Answer(QUESTION, short, tone, (*sentences, Sentence("", text)), folded=True)


def course_summary(found: Sequence[Record]) -> list[dict[str, Any]]:
    """`course` of summary.json (results/README.md)."""
    return [
        {
            **{key: one[key] for key in ("device", "seed", "steps")},
            "pairs": [_last(pair) for pair in one["pairs"]],
            "twin": _last(one["twin"]),
        }
        for one in found
    ]


def _last(compared: Record) -> dict[str, Any]:
    """The losses' distance at the last step alone."""
    losses = compared["losses"]
    kept = {key: value for key, value in compared.items() if key != "losses"}
    return {**kept, "losses": losses[-1] if losses else None}
