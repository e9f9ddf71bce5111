"""Do the backends compute the same function, and do they follow the same course?

From parity.json and course.json; older folders have neither, and then nothing is said. A sentence
says what was checked, at which size, and how far it was off. One twin shows how large the effect of
one rounding error is, not how much that effect varies: no more is claimed from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.records.evidence import COURSE, PARITY, courses, parity_climbs
from harness.records.experiment import ExperimentFolder
from harness.report.comparison.divergence import share
from harness.report.formatting import fixed, listed, plural
from harness.report.page import Answer, Cell, Note, Section, Sentence, Table

Record = Mapping[str, Any]

FUNCTION = "Do they compute the same function?"
SAME_COURSE = "Do they follow the same course?"
ALIKE = 2.0  # a single twin was seen to differ from another one by as large a factor
# Arithmetic -> how a sentence names it. Rows of other kinds are checks that must be exact, or whose
# own method limits them: they have no part in a largest deviation.
ROUNDED = {"float64": "float64", "float32": "float32", "bfloat16": "bfloat16", "tf32": "TF32"}
SCALES = {
    "filters": "{} filters in a generator's first layer",
    "discriminator_filters": "{} in a discriminator's",
    "crop_size": "images of {} pixels",
    "pool_size": "image pools of {}",
}
DEVIATIONS = (
    "A deviation is the Euclidean norm of the difference divided by the norm of what is expected;"
    " where zero is expected, the norm of the difference. Two rows are others: the largest"
    " difference of a float32 translation, in a range of 2, and that of a uint8 translation, in"
    " levels. A bfloat16 or TF32 row compares a backend with its own float64."
)


@dataclass(frozen=True)
class Evidence:
    """Every climb of the ladder and every course that the folder has; either may be empty."""

    climbs: tuple[Record, ...]
    courses: tuple[Record, ...]


def find_evidence(experiment: ExperimentFolder) -> Evidence:
    """Raises UserError for a damaged record."""
    return Evidence(
        tuple(parity_climbs(experiment.folder / PARITY)),
        tuple(courses(experiment.folder / COURSE)),
    )


def evidence_answers(experiment: ExperimentFolder, evidence: Evidence) -> list[Answer]:
    """Up to two answers, which stand in front of the others."""
    answers = []
    if evidence.climbs:
        answers.append(_function(evidence.climbs))
    if evidence.courses:
        answers.append(_course(experiment, evidence.courses))
    return answers


def evidence_tables(evidence: Evidence) -> list[Section]:
    """Every row of every climb, folded, a section a climb."""
    return [
        Section(
            f"All {plural(len(one['rows']), 'check')} of the function on {_place(one)}",
            (Note(_how(one)), Note(DEVIATIONS, "soft"), _table(one)),
            folded=True,
        )
        for one in evidence.climbs
    ]


def evidence_summary(evidence: Evidence) -> dict[str, Any]:
    """`parity` and `course` of summary.json (results/README.md)."""
    return {
        "parity": [
            {
                **{key: one[key] for key in ("backends", "device", "device_name")},
                "checks": len(one["rows"]),
                "passed": len(one["rows"]) - len(_failed(one)),
                "largest": {kind: _largest(one, kind) for kind in ROUNDED},
                "failed": _failed(one),
                **{key: one[key] for key in ("checked", "trained", "seconds")},
            }
            for one in evidence.climbs
        ],
        "course": [
            {
                **{key: one[key] for key in ("device", "seed", "steps")},
                "pairs": [_last(pair) for pair in one["pairs"]],
                "twin": _last(one["twin"]),
            }
            for one in evidence.courses
        ],
    }


# ----------------------------------------------------------------------------------- function


def parity_sentence(climbed: Record) -> str:
    """What one climb has shown, in a sentence for the terminal."""
    names = listed([climbed["frameworks"][name] for name in climbed["backends"]])
    if _failed(climbed):
        return f"{names} do not compute the same function: {_failures([climbed])}."
    reduced = _reduced(climbed)
    return (
        f"{names} compute the same function: {plural(len(climbed['rows']), 'check')}, largest"
        f" deviation {_deviations([climbed])}"
        f"{f' (checked with {listed(reduced)})' if reduced else ''}."
    )


def _function(climbs: Sequence[Record]) -> Answer:
    failed = [climbed for climbed in climbs if _failed(climbed)]
    passed = [climbed for climbed in climbs if not _failed(climbed)]
    several = len(climbs) > 1
    where = f" on {listed([_place(one) for one in climbs])}" if several else ""
    if failed:
        short, tone = f"No: {_failures(climbs)}.", "no"
    else:
        count = plural(sum(len(one["rows"]) for one in climbs), "check")
        deviation = f"with a largest deviation of {_deviations(climbs)}"
        short, tone = f"Yes: all of {count}{where} pass, {deviation}.", "yes"
    sentences = []
    for climbed in [*failed, *passed]:
        if several:
            sentences.append(Sentence(_place(climbed), parity_sentence(climbed)))
        sentences.append(Sentence("", _how(climbed)))
        if not _failed(climbed):
            sentences.append(Sentence("", _closest(climbed)))
    return Answer(FUNCTION, short, tone, tuple(sentences), folded=True)


def _failures(climbs: Sequence[Record]) -> str:
    """How many checks failed, and the first of them."""
    failed = [(climbed, row) for climbed in climbs for row in _failed(climbed)]
    count = plural(sum(len(climbed["rows"]) for climbed in climbs), "check")
    climbed, first = failed[0]
    where = f" on {_place(climbed)}" if len(climbs) > 1 else ""
    return (
        f"{len(failed)} of {count} failed, the first in rung {first['check']}{where}:"
        f" {first['what']} is off by {_number(first['measured'])}, and"
        f" {_number(first['tolerance'])} is allowed"
    )


def _deviations(climbs: Sequence[Record]) -> str:
    """The largest of each arithmetic."""
    texts = []
    for kind, title in ROUNDED.items():
        values = [value for one in climbs if (value := _largest(one, kind)) is not None]
        texts += [f"{_number(max(values))} in {title}"] if values else []
    return listed(texts)


def _how(climbed: Record) -> str:
    """What was put into the backends, and where."""
    reduced = _reduced(climbed)
    scale = (
        f" For the checks the networks have {listed(reduced)}; their layers are otherwise the same."
        if reduced
        else ""
    )
    first = climbed["frameworks"][climbed["backends"][0]]
    against = (
        f"each against {first} on the CPU"
        if climbed["device"] == "cuda"
        else f"each against {first}, or against a computation written in NumPy"
    )
    return (
        f"Every backend was given the same state, plan and images on {_place(climbed)}, with the"
        f" architecture, objective and optimiser of this experiment, and was compared,"
        f" {against}, before training.{scale}"
    )


def _closest(climbed: Record) -> str:
    """The row that has come closest to its tolerance."""
    rows = [row for row in climbed["rows"] if row["tolerance"] > 0]
    row = max(rows, key=lambda row: row["measured"] / row["tolerance"])
    return (
        f"Every check has its own tolerance. Closest to it came rung {row['check']}, {row['what']}:"
        f" {_number(row['measured'])} of {_number(row['tolerance'])}."
    )


def _reduced(climbed: Record) -> list[str]:
    """How the networks that were checked are smaller than those that are trained."""
    checked, trained = climbed["checked"], climbed["trained"]
    return [
        f"{text.format(_size(checked[key]))} ({_size(trained[key])} in training)"
        for key, text in SCALES.items()
        if checked[key] != trained[key]
    ]


def _size(value: int | Sequence[int]) -> str:
    if isinstance(value, int):
        return str(value)
    return " and ".join(dict.fromkeys(map(str, value)))


def _failed(climbed: Record) -> list[dict[str, Any]]:
    return [row for row in climbed["rows"] if not row["passed"]]


def _largest(climbed: Record, arithmetic: str) -> float | None:
    """Of the rows whose deviation is one of that arithmetic; None where there are none."""
    values = [row["measured"] for row in climbed["rows"] if row["arithmetic"] == arithmetic]
    return max((value for value in values if value is not None), default=None)


def _place(climbed: Record) -> str:
    return str(climbed["device_name"])


def _number(value: float | None) -> str:
    if value is None:
        return "an unbounded amount"
    return f"{value:.1e}" if value else "0"


def _table(climbed: Record) -> Table:
    header = ("Rung", "What", "Measured", "Tolerance", "Arithmetic", "")
    rows = tuple(
        (
            Cell(row["check"]),
            Cell(row["what"]),
            Cell("not finite" if row["measured"] is None else _number(row["measured"])),
            Cell(_number(row["tolerance"])),
            Cell(row["arithmetic"]),
            Cell("passed" if row["passed"] else "FAILED"),
        )
        for row in climbed["rows"]
    )
    return Table(tuple(map(Cell, header)), rows, numeric=False)


# ------------------------------------------------------------------------------------- course


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


def _course(experiment: ExperimentFolder, found: Sequence[Record]) -> Answer:
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
        names = listed([experiment.title(name) for name in pair["backends"]])
        own = experiment.title(course["twin"]["backend"])
        numbers = (
            f"after {plural(course['steps'], 'step')} the weights of {names} differ by"
            f" {share(pair['weights'])}, {fixed(ratio, 1)} times as much as those of {own} from its"
            " own after a start moved by one rounding error"
        )
        alike = ratio <= ALIKE
        short = f"{'Yes, within rounding' if alike else 'Not shown'}: {numbers}."
        tone = "yes" if alike else "open"
    sentences = [
        Sentence(f"seed {course['seed']}", _course_sentence(experiment, course)) for course in found
    ]
    text = (
        "Compared are the kept weights of all four networks, by the Euclidean norm of the"
        " difference over that of the first; biases whose gradient is zero are left out. One twin"
        " shows how large the effect of rounding is here, not how much it varies:"
        f" make consistency DATASET={experiment.dataset} trains more."
    )
    return Answer(SAME_COURSE, short, tone, (*sentences, Sentence("", text)), folded=True)


def _last(compared: Record) -> dict[str, Any]:
    """The losses' distance at the last step alone."""
    losses = compared["losses"]
    kept = {key: value for key, value in compared.items() if key != "losses"}
    return {**kept, "losses": losses[-1] if losses else None}
