"""Scores of one model as a table on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.config.metric_table import BY_NAME, Metric
from harness.statistics.intervals import Interval
from harness.system.terminal_tables import show
from harness.system.untrusted import printable
from harness.tools.translate.score import Scores

UNKNOWN = "-"


def print_scores(scores: Scores, console: Console) -> None:
    """A table for each direction; and of two models one with their differences."""
    _print_scores(scores, console)
    if scores.beside is None:
        return
    _print_scores(scores.beside, console)
    table = Table(
        title=escape(f"{scores.trained.name} minus {scores.beside.trained.name}"),
        caption="95% interval: of other test images; another training would differ, too",
        title_justify="left",
        caption_justify="left",
    )
    for column in ("metric", "direction"):
        table.add_column(column)
    for column in ("difference", "95% interval"):
        table.add_column(column, justify="right")
    for row in scores.document["differences"]:
        metric = BY_NAME[row["metric"]]
        interval = Interval(*(row[name] for name in ("value", "low", "high")))
        title = " ".join(filter(None, (metric.title, metric.unit)))
        values = (_number(metric, interval.value), _interval(metric, interval))
        table.add_row(title, row["direction"], *values)
    show(table, console)


def _print_scores(scores: Scores, console: Console) -> None:
    trained, document = scores.trained, scores.document
    for way in dict.fromkeys(each.direction for each in scores.scores):
        size = document["size"][way[0]]
        title = f"{trained.described(way)}, {printable(document['dataset'])} at {size} px"
        table = Table(
            title=escape(title),
            caption=f"translated by {scores.backend}; 95% interval: of other test images",
            title_justify="left",
            caption_justify="left",
        )
        table.add_column("metric")
        table.add_column("better")
        for column in ("score", "95% interval", "real images", "untranslated", "images"):
            table.add_column(column, justify="right")
        for each in scores.scores:
            if each.direction != way:
                continue
            metric = BY_NAME[each.metric].against(document["reals"])
            beside = each.reference
            table.add_row(
                " ".join(filter(None, (metric.titled(each.n), metric.unit))),
                metric.better,
                _number(metric, each.interval.value),
                _interval(metric, each.interval),
                _number(metric, beside.floor if beside else None),
                _number(metric, beside.identity_baseline if beside else None),
                f"{each.n:,}",
            )
        show(table, console)


def _number(metric: Metric, value: float | None) -> str:
    return UNKNOWN if value is None else f"{value * metric.scale:.{metric.digits}f}"


def _interval(metric: Metric, interval: Interval) -> str:
    if interval.low is None or interval.high is None:
        return UNKNOWN
    return f"{_number(metric, interval.low)} to {_number(metric, interval.high)}"
