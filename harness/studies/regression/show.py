"""What a comparison with a baseline found: a sentence, a table, JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console

from harness.config.metric_table import BY_NAME
from harness.report.formatting import MINUS, fixed, listed, plural
from harness.report.page import text_table
from harness.report.terminal import print_lines, print_table
from harness.statistics.change import Change
from harness.studies.regression.comparison import PEAK_MEMORY, RELATIVE_TIME, STEP_TIME, Comparison
from harness.studies.regression.measured import Measurement

OVER_STARTS = (
    "Intervals of times are over starts of the processes: what the machine itself differs from day"
    " to day is in the ratio, not in its interval; three baselines of different days put it there."
    " Where all backends moved alike, suspect the machine: the time relative to the other backend,"
    " of blocks run in turns, shows that."
)
OVER_DAYS = "Intervals of times are over {} of the baseline, and so about any such day."
UNITS = {STEP_TIME: ("ms", 1e3, 2), PEAK_MEMORY: ("MiB", 2**-20, 0), RELATIVE_TIME: ("", 1.0, 3)}


def sentence(found: Comparison) -> str:
    """For the last line of a job: since when, what of it has changed, what follows."""
    parts = [_times(found)] if any(c.quantity == STEP_TIME for c in found.judged) else []
    metrics = dict.fromkeys(c.quantity for c in found.judged if c.quantity in BY_NAME)
    parts += [_score(found, metric) for metric in metrics]
    said = "; ".join([*parts, conclusion(found)])
    return f"Since {_origin(found.baseline)}: {said}."


def conclusion(found: Comparison) -> str:
    if found.regressed:
        places = [_name(found, c) for c in found.judged if c.label == "regression"]
        return f"REGRESSION: {listed(places)}"
    open_checks = sum(change.label == "cannot tell" for change in found.judged)
    if not found.judged:
        return "nothing was judged"
    if open_checks:
        return f"no regression shown, {open_checks} of {plural(len(found.judged), 'check')} open"
    return "no regression"


def print_comparison(found: Comparison, console: Console) -> None:
    names = ("", "where", "baseline", "new", "change", "limit", "n", "verdict")
    title = f"{found.new.name} against {found.baseline.name}"
    table = text_table(names, [_row(found, change) for change in found.changes], title)
    print_table(table, console, dim=[i for i, c in enumerate(found.changes) if not c.judged])
    for title, lines in (
        ("Set apart on purpose", found.allowed),
        ("Not the same around them", found.circumstances),
        ("Not compared", found.unmatched),
    ):
        if lines:
            print_lines([f"{title}:", *(f"  {line}" for line in lines)], console)
    if found.judged:
        count = plural(len(found.judged), "check")
        days = 1 + len(found.earlier)
        about = OVER_DAYS.format(plural(days, "day")) if days > 1 else OVER_STARTS
        whole = f"The intervals of the {count} hold together at 95 %, others each."
        print_lines([f"{whole} {about}"], console)
    print_lines([sentence(found)], console)


def as_json(found: Comparison) -> dict[str, Any]:
    return {
        "kind": "regression",
        "baseline": _head(found.baseline),
        "earlier": [_head(each) for each in found.earlier],
        "new": _head(found.new),
        "limits": asdict(found.limits),
        "sentence": sentence(found),
        "regressed": found.regressed,
        "unsettled": found.unsettled,
        "changes": [asdict(change) for change in found.changes],
        "allowed": list(found.allowed),
        "circumstances": list(found.circumstances),
        "unmatched": list(found.unmatched),
    }


def _head(measured: Measurement) -> dict[str, Any]:
    revisions = list(measured.revisions)
    return {"name": measured.name, "finished": measured.finished, "git_revisions": revisions}


def _origin(measured: Measurement) -> str:
    revisions = [each[:10] + ("+" if each.endswith("+") else "") for each in measured.revisions]
    return f"{measured.finished} ({', '.join(revisions) or measured.name})"


def _times(found: Comparison) -> str:
    said = [
        f"of {_place(found, change)} {_share(change)}"
        for change in found.judged
        if change.quantity == STEP_TIME
    ]
    return f"step time {', '.join(said)}"


def _score(found: Comparison, metric: str) -> str:
    changes = [change for change in found.judged if change.quantity == metric]
    title, limit = BY_NAME[metric].title, _limit(changes[0])
    labels = {change.label for change in changes}
    if labels == {"unchanged"}:
        return f"{title} unchanged within {limit}"
    worse = [change for change in changes if change.label == "regression"]
    if worse:
        said = ", ".join(f"{_place(found, c)} {_difference(c)}" for c in worse)
        return f"{title} worse beyond {limit}: {said}"
    if "cannot tell" in labels:
        seeds = min(change.counts[0] for change in changes)
        return f"{title} cannot be told from {plural(seeds, 'seed')}"
    return f"{title} better, or unchanged within {limit}"


def _row(found: Comparison, change: Change) -> Sequence[str]:
    values = [_value(found, change, each) for each in (change.baseline, change.new)]
    new, baseline = change.counts
    counts = str(new) if change.quantity in BY_NAME else f"{baseline}, {new}"
    said = _difference(change) if change.quantity in BY_NAME else _share(change)
    label = change.label if change.judged or change.limit is None else f"({change.label})"
    return (_title(change), _place(found, change), *values, said, _limit(change), counts, label)


def _title(change: Change) -> str:
    if change.quantity in BY_NAME:
        return BY_NAME[change.quantity].title.replace("@N", "")
    return change.quantity


def _name(found: Comparison, change: Change) -> str:
    return f"{_title(change)} of {_place(found, change)}"


def _place(found: Comparison, change: Change) -> str:
    """ "PyTorch", "A→B of PyTorch", with the device where there are several."""
    names = [found.new.places[change.device, name].framework for name in change.backend.split("/")]
    said = " / ".join(names)
    if change.direction:
        said = f"{'→'.join(change.direction.upper())} of {said}"
    if len({device for device, _ in found.new.places}) > 1:
        device = next(w.title for w in found.new.places.values() if w.device == change.device)
        said += f" on {device}"
    return said


def _value(found: Comparison, change: Change, value: float | None) -> str:
    if change.quantity in BY_NAME:
        metric = BY_NAME[change.quantity]
        return fixed(value, metric.digits, metric.scale)
    unit, scale, digits = UNITS[change.quantity]
    return f"{fixed(value, digits, scale)} {unit}".strip()


def _limit(change: Change) -> str:
    if change.limit is None:
        return ""
    if change.quantity in BY_NAME:
        metric = BY_NAME[change.quantity]
        return f"±{fixed(change.limit, metric.digits, metric.scale)}"
    return f"+{100 * change.limit:g} %"


def _share(change: Change) -> str:
    ratio = change.change
    if ratio.value is None:
        return "unknown"
    ends = "" if ratio.low is None or ratio.high is None else (
        f" [{_signed(100 * (ratio.low - 1), 1)}, {_signed(100 * (ratio.high - 1), 1)}]"
    )  # fmt: skip
    return f"{_signed(100 * (ratio.value - 1), 1)} %{ends}"


def _difference(change: Change) -> str:
    metric, gap = BY_NAME[change.quantity], change.change
    if gap.value is None:
        return "unknown"
    low, high = gap.low, gap.high
    said = _signed(gap.value * metric.scale, metric.digits)
    if low is None or high is None:
        return said
    ends = [_signed(end * metric.scale, metric.digits) for end in (low, high)]
    return f"{said} [{ends[0]}, {ends[1]}]"


def _signed(value: float, digits: int) -> str:
    text = fixed(value, digits)
    return text if text.startswith(MINUS) else f"+{text}"
