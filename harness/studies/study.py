"""What every study does alike: read and write records, measure point by point, show the result.

A study supplies its points, how one of them is measured, a record, and `make_page`, which turns
records into a page. `report/render.py` writes that page.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from rich.console import Console

from harness.report.page import Answer, Sentence, Table
from harness.report.terminal import print_lines, print_table
from harness.system.errors import UserError
from harness.system.files import read_json
from harness.system.progress import Display, duration
from harness.system.untrusted import LONGEST, reason

Point = TypeVar("Point")
Record = TypeVar("Record")


def read_record(
    path: Path,
    kind: str,
    model: type[Record],
    prepare: Callable[[dict[str, Any]], Mapping[str, Any]] = dict,
) -> Record:
    """A file that `cyclebench <kind>` wrote, as a `model`.

    `prepare` gives the document the shape of the model. Raises UserError for a file that is
    missing, damaged or of another kind.
    """
    document = read_json(path)
    del document["schema_version"]
    try:
        if document.get("kind", kind) != kind:
            raise ValueError(f"kind is {document['kind']!r}")
        return TypeAdapter(model).validate_python(prepare(document))
    except ValidationError as error:
        why = first_wrong(error)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        why = f"{type(error).__name__}: {reason(error)}"
    raise UserError(
        f"{path}: not a record of `cyclebench {kind}`, or damaged ({why}); move it elsewhere"
    )


def first_wrong(error: ValidationError) -> str:
    """The first thing that is wrong in a document: where, and what."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(map(str, first["loc"]))[:LONGEST]
    return ": ".join(filter(None, [where, reason(ValueError(first["msg"]))]))


def read_records(folder: Path, read: Callable[[Path], Record]) -> dict[str, Record]:
    """Every record of a folder by file name, sorted. Raises UserError naming a damaged one."""
    return {path.name: read(path) for path in sorted(folder.glob("*.json"))}


def with_progress(
    name: str,
    points: Sequence[Point],
    label: Callable[[Point], str],
    display: Display,
    left: Callable[[Sequence[Point]], float | None] | None = None,
) -> Iterator[Point]:
    """The points that are not recorded yet, one after another; shows how long the rest will take.

    `left`: seconds that points will take, where that is known; otherwise they are taken to last as
    long as those before them. The caller records each point before it asks for the next one.
    """
    began, announced = time.monotonic(), False
    for done, point in enumerate(points):
        rest = points[done:]
        mean = (time.monotonic() - began) / done if done else None
        seconds = left(rest) if left else mean and mean * len(rest)
        if seconds and not announced:
            display.say(f"{len(rest)} more take about {duration(seconds)}")
            announced = True
        about = f", about {duration(seconds)} left" if seconds else ""
        display.update(name, done, len(points), label(point) + about)
        yield point
    if points:
        display.update(name, len(points), len(points), duration(time.monotonic() - began))


@dataclass(frozen=True)
class Result:
    """What a study has found, for a terminal and for scripts.

    `page`: of report.html. `record`: the file with the numbers. `numbers`: of the JSON document.
    On a terminal: `head`, the tables, the sentences. `ok` False: the exit status is 1.
    """

    page: Path
    record: Path
    numbers: Mapping[str, Any]
    tables: tuple[Table, ...]
    sentences: tuple[str, ...]
    head: str = ""
    ok: bool = True

    @property
    def document(self) -> dict[str, Any]:
        return {"record": str(self.record), "report": str(self.page), **self.numbers}


def print_result(result: Result, console: Console) -> None:
    print_lines(filter(None, [result.head]), console)
    for table in result.tables:
        print_table(table, console)
    print_lines(result.sentences, console)


def open_answer(question: str, short: str, why: str) -> Answer:
    """A question that the records do not answer. `why`: one sentence."""
    return Answer(question, short, "open", (Sentence("", why),))


def in_short(answers: Sequence[Answer]) -> tuple[str, ...]:
    """A line a question, without the sentences that support it."""
    return tuple(f"{answer.question} {answer.short.removesuffix('.')}." for answer in answers)
