"""What a comparison with a baseline has shown: a sentence, a table, JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console

from harness.config.metric_table import BY_NAME
from harness.report.formatting import fixed, listed, plural
from harness.report.page import text_table
from harness.report.terminal import print_lines, print_table
from harness.statistics.change import Change
from harness.studies.history.show import arrow, change_text, metric_title
from harness.studies.regression.comparison import PEAK_MEMORY, RELATIVE_TIME, STEP_TIME, Comparison
from harness.studies.regression.measurement import Measurement

OVER_STARTS = (
    "Intervals of times are over starts of the processes: what the machine itself differs from day"
    " to day is in the ratio, not in its interval; three baselines of different days put it there."
    " Where all backends moved alike, suspect the machine: the time relative to another backend,"
    " of blocks run in turns, shows that."
)
OVER_DAYS = "Intervals of times are over {} of the baseline, and so about any such day."
# Unit, scale and decimals.
UNITS = {STEP_TIME: ("ms", 1e3, 2), PEAK_MEMORY: ("MiB", 2**-20, 0), RELATIVE_TIME: ("", 1.0, 3)}


def print_comparison(comparison: Comparison, console: Console) -> None:
    if comparison.same:
        print_lines([_sentence(comparison)], console)
        return
    names = ("", "where", "baseline", "new", "change", "limit", "n", "verdict")
    title = f"{comparison.new.name} against {comparison.baseline.name}"
    rows = [_row(comparison, change) for change in comparison.changes]
    pale = [i for i, change in enumerate(comparison.changes) if not change.judged]
    if rows:
        print_table(text_table(names, rows, title), console, dim=pale)
    for title, lines in (
        ("Set apart on purpose", comparison.allowed),
        ("Not the same around them", comparison.circumstances),
        ("Not compared", comparison.unmatched),
    ):
        if lines:
            print_lines([f"{title}:", *(f"  {line}" for line in lines)], console)
    if comparison.judged:
        count = plural(len(comparison.judged), "check")
        days = 1 + len(comparison.earlier)
        about = OVER_DAYS.format(plural(days, "day")) if days > 1 else OVER_STARTS
        about = "" if days == 1 and comparison.notes else f" {about}"
        whole = f"The intervals of the {count} hold together at 95 %, others each."
        print_lines([f"{whole}{about}"], console)
    print_lines(comparison.notes, console)
    print_lines([_sentence(comparison)], console)


def as_json(comparison: Comparison) -> dict[str, Any]:
    def head(measured: Measurement) -> dict[str, Any]:
        return {
            "name": measured.name,
            "finished": measured.finished,
            "git_revisions": list(measured.revisions),
        }

    return {
        "kind": "regression",
        "baseline": head(comparison.baseline),
        "earlier": [head(day) for day in comparison.earlier],
        "new": head(comparison.new),
        "limits": asdict(comparison.limits),
        "sentence": _sentence(comparison),
        "regressed": comparison.regressed,
        "unsettled": comparison.unsettled,
        "changes": [asdict(change) for change in comparison.changes],
        "allowed": list(comparison.allowed),
        "circumstances": list(comparison.circumstances),
        "unmatched": list(comparison.unmatched),
        "notes": list(comparison.notes),
    }


def _sentence(comparison: Comparison) -> str:
    """For the last line of a job: since when, what of it has changed, what follows."""
    judged, baseline = comparison.judged, comparison.baseline
    if comparison.same:
        both = f"{comparison.new.name} and {baseline.name}"
        return f"{both} are one measurement: nothing has changed."
    if not baseline.finished:  # a history without such a day
        return f"{comparison.new.name} against {baseline.name}: nothing was judged."
    parts = []
    times = [change for change in judged if change.quantity == STEP_TIME]
    if times:
        shares = [f"of {_place(comparison, change)} {_amount(change)}" for change in times]
        parts.append(f"step time {', '.join(shares)}")
    metrics = dict.fromkeys(c.quantity for c in judged if c.quantity in BY_NAME)
    parts += [_score(comparison, metric) for metric in metrics]
    worse = [change for change in judged if change.label == "regression"]
    unsettled = sum(change.label == "cannot tell" for change in judged)
    if worse:
        places = [
            f"{metric_title(change.quantity)} of {_place(comparison, change)}" for change in worse
        ]
        parts.append(f"REGRESSION: {listed(places)}")
    elif not judged:
        parts.append("nothing was judged")
    elif unsettled:
        checks = plural(len(judged), "check")
        parts.append(f"no regression shown, {unsettled} of {checks} open")
    else:
        parts.append("no regression")
    revisions = [
        revision[:10] + ("+" if revision.endswith("+") else "") for revision in baseline.revisions
    ]
    origin = f"{baseline.finished} ({', '.join(revisions) or baseline.name})"
    return f"Since {origin}: {'; '.join(parts)}."


def _score(comparison: Comparison, metric: str) -> str:
    changes = [change for change in comparison.judged if change.quantity == metric]
    title, limit = metric_title(metric), _limit(changes[0])
    labels = {change.label for change in changes}
    if labels == {"unchanged"}:
        return f"{title} unchanged within {limit}"
    worse = [change for change in changes if change.label == "regression"]
    if worse:
        gaps = ", ".join(f"{_place(comparison, c)} {_amount(c)}" for c in worse)
        return f"{title} worse beyond {limit}: {gaps}"
    if "cannot tell" in labels:
        count = min(change.counts[0] for change in changes)
        what = "day" if comparison.new.means else "seed"
        return f"{title} cannot be told from {plural(count, what)}"
    return f"{title} better, or unchanged within {limit}"


def _row(comparison: Comparison, change: Change) -> Sequence[str]:
    new, baseline = change.counts
    if change.quantity in BY_NAME:
        metric = BY_NAME[change.quantity]
        unit, scale, digits = "", metric.scale, metric.digits
        counts = str(new)
    else:
        unit, scale, digits = UNITS[change.quantity]
        counts = f"{baseline}, {new}"
    values = [
        f"{fixed(value, digits, scale)} {unit}".strip() for value in (change.baseline, change.new)
    ]
    label = change.label if change.judged or change.limit is None else f"({change.label})"
    where, amount = _place(comparison, change), _amount(change)
    return (metric_title(change.quantity), where, *values, amount, _limit(change), counts, label)


def _amount(change: Change) -> str:
    return change_text(change.change, change.quantity if change.quantity in BY_NAME else "")


def _place(comparison: Comparison, change: Change) -> str:
    """ "PyTorch", "A→B of PyTorch", with the device where there are several."""
    places = comparison.new.places
    backends = [places[change.device, name] for name in change.backend.split("/")]
    text = " / ".join(backend.framework for backend in backends)
    if change.direction:
        text = f"{arrow(change.direction)} of {text}"
    if len({device for device, _ in places}) > 1:
        text += f" on {backends[0].device}"
    return text


def _limit(change: Change) -> str:
    if change.limit is None:
        return ""
    if change.quantity in BY_NAME:
        metric = BY_NAME[change.quantity]
        if change.limit_is_ratio:
            return f"{fixed(1 / change.limit, 2)} to {fixed(change.limit, 2)} times"
        return f"±{fixed(change.limit, metric.digits, metric.scale)}"
    return f"+{100 * change.limit:g} %"
