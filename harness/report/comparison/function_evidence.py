"""Do the backends compute the same function? From parity.json.

A sentence says what was checked, at which size, and how far it was off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.report.formatting import listed, plural
from harness.report.page import Answer, Cell, Note, Section, Sentence, Table

Record = Mapping[str, Any]

QUESTION = "Do they compute the same function?"
# Arithmetic -> how a sentence names it. Rows of other kinds are checks that must be exact, or whose
# own method limits them: they have no part in a largest deviation.
ROUNDED = {"float64": "float64", "float32": "float32", "bfloat16": "bfloat16", "tf32": "TF32"}
SCALES = {
    "filters": "{} filters in a generator's first layer",
    "discriminator_filters": "{} in a discriminator's",
    "crop_size": "images of {} pixels",
    "pool_size": "image pools of {}",
    "hidden": "{} units in the generator's layers",
    "discriminator_hidden": "{} in the discriminator's",
}
DEVIATIONS = (
    "A deviation is the Euclidean norm of the difference divided by the norm of what is expected;"
    " where zero is expected, the norm of the difference. Two rows are others: the largest"
    " difference of a float32 translation, in a range of 2, and that of a uint8 translation, in"
    " levels. A bfloat16 or TF32 row compares a backend with its own float64."
)


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


def function_answer(climbs: Sequence[Record]) -> Answer:
    failed = [climbed for climbed in climbs if _failed(climbed)]
    passed = [climbed for climbed in climbs if not _failed(climbed)]
    several = len(climbs) > 1
    places = list(dict.fromkeys(map(_place, climbs)))
    where = f" on {listed(places)}" if len(places) > 1 else ""
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
    return Answer(QUESTION, short, tone, tuple(sentences), folded=True)


def function_tables(climbs: Sequence[Record]) -> list[Section]:
    """Every row of every climb, folded, a section a climb."""
    return [
        Section(
            f"All {plural(len(one['rows']), 'check')} of the function on {_place(one)}",
            (Note(_how(one)), Note(DEVIATIONS, "soft"), _table(one)),
            folded=True,
        )
        for one in climbs
    ]


def function_summary(climbs: Sequence[Record]) -> list[dict[str, Any]]:
    """`parity` of summary.json (results/README.md)."""
    return [
        {
            **{key: one[key] for key in ("backends", "device", "device_name")},
            "checks": len(one["rows"]),
            "passed": len(one["rows"]) - len(_failed(one)),
            "largest": {kind: _largest(one, kind) for kind in ROUNDED},
            "failed": _failed(one),
            **{key: one[key] for key in ("checked", "trained", "seconds")},
        }
        for one in climbs
    ]


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
        if None not in (checked.get(key), trained.get(key)) and checked[key] != trained[key]
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
