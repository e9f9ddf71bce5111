"""What a history shows: a table for each series, device and backends, and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.config.metric_table import BY_NAME
from harness.report.formatting import MINUS, fixed, ms, plural
from harness.report.page import text_table
from harness.report.terminal import print_lines, print_table
from harness.statistics.intervals import Interval
from harness.studies.history.entry import Entry
from harness.studies.history.find import Found
from harness.studies.history.over_time import (
    Course,
    FollowedPlace,
    HistoryStep,
    OverTime,
    Quantity,
)

NAMES = ("", "entries", "median", "latest", "steps")
SHOWN = 3  # steps of a course in the table; JSON has all
NONE, TOO_FEW = "none", "too few to tell"


def print_over_time(shown: OverTime, console: Console) -> None:
    for place in shown.places:
        rows = [
            (
                _title(course.quantity, place.entries[-1]),
                str(len(course.values)),
                _value(course.quantity, course.median),
                _value(course.quantity, course.values[-1]),
                _steps(course),
            )
            for course in place.courses
        ]
        print_lines([_about(place)], console)
        if rows:
            print_table(text_table(NAMES, rows), console)
        if place.busy:
            left_out = f"{place.busy} {'entry' if place.busy == 1 else 'entries'}"
            print_lines([f"Times of {left_out} left out: the machine was busy."], console)
    count = sum(len(place.courses) for place in shown.places)
    lines = [
        f"median: since the last step. {shown.searched} of {plural(count, 'row')} have the"
        f" {shown.needed} entries that it takes to tell a step from chance; if nothing has changed,"
        f" any step is found with a probability of {100 * shown.alpha:g} % at most."
    ]
    print_lines(lines, console)


def as_json(shown: OverTime) -> dict[str, Any]:
    return {
        "alpha": shown.alpha,
        "searched": shown.searched,
        "needed": shown.needed,
        "places": [_place_json(place) for place in shown.places],
    }


def tracked_json(
    history: Path, added: Sequence[Entry], found: Found, shown: OverTime
) -> dict[str, Any]:
    new = [entry.identity for entry in added]
    return {
        "history": str(history),
        "added": new,
        "already_there": [e.identity for e in found.entries if e.identity not in new],
        "passed_over": list(found.passed_over),
        **as_json(shown),
    }


def in_words(quantity: Quantity, step: HistoryStep, entry: Entry) -> str:
    """ "step time of TensorFlow, +5.1 % [+4.0, +6.2] on 2026-11-03 (4f2a9c1)"."""
    return f"{_title(quantity, entry)}, {_step(quantity, step)}"


def _about(place: FollowedPlace) -> str:
    first, last = place.entries[0], place.entries[-1]
    size = f"{last.image[0]} px"
    what = ", ".join(filter(None, [last.dataset, f"preset {last.preset}", size]))
    changes = "".join(f", {key}={value}" for key, value in list(last.changes.items())[:3])
    days = dict.fromkeys([first.day, last.day])
    return (
        f"{last.kind}: {what}, batch {last.batch}, {last.precision}{changes}; on"
        f" {last.machine.device}; {' to '.join(days)}"
    )


def _title(quantity: Quantity, entry: Entry) -> str:
    titles = {side.backend: side.title for side in entry.backends}
    of = " / ".join(titles[name] for name in reversed(quantity.backends))
    if quantity.kind == "step time relative":
        return f"step time relative, {of}"
    if quantity.kind == "step time":
        return f"step time of {of}"
    return f"{metric_title(quantity.metric)} {arrow(quantity.direction)} of {of}"


def _value(quantity: Quantity, value: float) -> str:
    if quantity.kind == "step time":
        return ms(value)
    metric = BY_NAME.get(quantity.metric)
    return fixed(value, metric.digits, metric.scale) if metric else fixed(value, 3)


def _steps(course: Course) -> str:
    if not course.enough:
        return TOO_FEW
    if not course.steps:
        return NONE
    texts = [_step(course.quantity, step) for step in course.steps[-SHOWN:]]
    more = len(course.steps) - len(texts)
    return "; ".join([*([f"{more} before"] if more else []), *texts])


def _step(quantity: Quantity, step: HistoryStep) -> str:
    revision = step.entry.code.revision
    code = f" ({revision[:7]}{'+' if revision.endswith('+') else ''})" if revision else ""
    return f"{change_text(step.change, quantity.metric)} on {step.entry.day}{code}"


def metric_title(name: str) -> str:
    """Of one that this version does not know, the name."""
    return BY_NAME[name].title.replace("@N", "") if name in BY_NAME else name


def arrow(direction: str) -> str:
    """ "A→B"."""
    return "→".join(direction.upper())


def change_text(change: Interval, metric: str = "") -> str:
    """ "+5.1 % [+4.0, +6.2]"; of a score in its unit, of any other quantity from a ratio."""
    same, scale, digits, unit = 1.0, 100.0, 1, " %"
    if metric:
        known = BY_NAME.get(metric)
        scale, digits = (known.scale, known.digits) if known else (1.0, 4)
        same, unit = 0.0, ""
    texts = [
        fixed((number - same) * scale, digits)
        for number in (change.value, change.low, change.high)
        if number is not None
    ]
    if not texts:
        return "unknown"
    value, *ends = [text if text.startswith(MINUS) else f"+{text}" for text in texts]
    return f"{value}{unit} [{', '.join(ends)}]" if ends else f"{value}{unit}"


def _place_json(place: FollowedPlace) -> dict[str, Any]:
    last = place.entries[-1]
    return {
        "series": last.series,
        "kind": last.kind,
        "dataset": last.dataset,
        "preset": last.preset,
        "changes": dict(last.changes),
        "device": last.machine.device,
        "backends": [side.backend for side in last.backends],
        "entries": len(place.entries),
        "busy": place.busy,
        "courses": [_course_json(course) for course in place.courses],
    }


def _course_json(course: Course) -> dict[str, Any]:
    quantity = course.quantity
    return {
        "quantity": quantity.metric or quantity.kind,
        "direction": quantity.direction,
        "backend": "/".join(reversed(quantity.backends)),
        "values": [
            {"measured": entry.measured.isoformat(), "identity": entry.identity, "value": value}
            for entry, value in zip(course.entries, course.values, strict=True)
        ],
        "median": course.median,
        "enough": course.enough,
        "steps": [
            {
                "measured": step.entry.measured.isoformat(),
                "identity": step.entry.identity,
                "revision": step.entry.code.revision,
                "before": step.before.identity,
                "change": asdict(step.change),
            }
            for step in course.steps
        ],
    }
