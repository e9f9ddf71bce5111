"""An estimate on the screen and as JSON."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.report.formatting import listed, percent, plural
from harness.report.terminal import print_lines
from harness.statistics.timed_blocks import load_limit
from harness.studies.estimate.predict import Estimate
from harness.system.errors import UserError
from harness.system.machine import Machine
from harness.system.progress import duration
from harness.system.terminal_tables import show

ROWS = {
    "start": "start of the process",
    "setup": "setup",
    "warmup": "warmup, with compiling",
    "train": "train",
    "beside": "train, beside the others",
    "data": "data",
    "evaluation": "evaluation",
    "checkpoint": "checkpoint",
    "logging": "logging",
}
SHARED = {
    "images": "images drawn or decoded, if not done yet",
    "twin": "the twin whose start is a rounding error away",
    "features": "features of real images and translations",
    "scores": "scores",
    "report": "report",
}


@dataclass(frozen=True)
class Price:
    """What an hour of a machine costs; `before`, `after`: a currency's sign, or nothing."""

    per_hour: float
    before: str = ""
    after: str = ""

    def cost(self, seconds: float) -> float:
        return self.per_hour * seconds / 3600

    def text(self, seconds: float) -> str:
        """The cost of `seconds`, as 12.30 or $12.30; with more digits where it would round to 0."""
        cost = self.cost(seconds)
        digits = 2 if cost >= 0.1 or cost == 0 else 1 - math.floor(math.log10(cost))
        return f"{self.before}{cost:,.{digits}f}{self.after}"


def read_price(text: str) -> Price:
    """2.50, $2.50 or 2.50 EUR. Raises UserError for anything else."""
    match = re.fullmatch(r"\s*([^\d.,+-]*)(\d+(?:\.\d+)?|\.\d+)([^\d.,]*)", text)
    value = float(match[2]) if match else 0.0
    if match is None or not 0 < value < math.inf:
        raise UserError(f"--price {text}: give what an hour costs, above zero, as 2.50 or $2.50")
    return Price(value, match[1], match[3].rstrip())


def seconds_text(seconds: float) -> str:
    """As `duration`, but below ten seconds with a decimal."""
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)


def total_line(estimate: Estimate) -> str:
    """The answer in a sentence."""
    total = estimate.total
    about, low, high = (seconds_text(total[name]) for name in ("value", "low", "high"))
    return f"In all about {about}: {low} to {high}, if nothing else runs on the machine."


def load_sentence(estimate: Estimate, machine: Machine) -> str:
    """What others took while steps were timed; empty where it is not known, or too little."""
    if estimate.load is None or estimate.load <= load_limit(machine.threads):
        return ""
    return (
        f"While this was measured, other programs used {percent(estimate.load)} of the CPU time:"
        " without them it takes less, with more of them longer."
    )


def print_estimate(
    estimate: Estimate, machine: Machine, price: Price | None, console: Console
) -> None:
    work, total, (a, b) = estimate.work, estimate.total, estimate.work.tested
    experiment, counts = work.experiment, work.counts
    head = (
        f"Preset {experiment.preset} on {experiment.dataset}, on {machine.device_name}",
        f"Images ({counts.origin}): {counts.train_a} + {counts.train_b} to train on,"
        f" {a} + {b} translated at each of {work.evaluations + 2} evaluations",
        f"Each run: {work.steps:,} steps, {work.per_epoch:,} an epoch",
    )
    print_lines(head, console)
    table = Table()
    table.add_column("of one run")
    for title in estimate.titles.values():
        table.add_column(escape(title), justify="right")
    for clock, title in ROWS.items():
        table.add_row(title, *(seconds_text(run[clock]) for run in estimate.runs.values()))
    table.add_section()
    table.add_row("one run", *(seconds_text(estimate.run(name)) for name in estimate.runs))
    show(table, console)
    seeds = plural(work.seeds, "seed")
    once = ", ".join(f"{SHARED[name]} {seconds_text(s)}" for name, s in estimate.shared.items())
    lines = [
        *filter(None, [load_sentence(estimate, machine)]),
        f"Training {listed(list(estimate.titles.values()))}, {seeds}:"
        f" {seconds_text(estimate.training)}. Then once: {once} ({estimate.report_source}).",
        total_line(estimate),
    ]
    if price is not None:
        low, about, high = (price.text(total[name]) for name in ("low", "value", "high"))
        lines.append(f"At {price.text(3600)} an hour about {about}: {low} to {high}.")
    print_lines([*lines, f"Not included: {'; '.join(estimate.left_out)}."], console)


def as_json(estimate: Estimate, machine: Machine, price: Price | None) -> dict[str, Any]:
    """All that `print_estimate` says; seconds."""
    work, counts, total = estimate.work, estimate.work.counts, estimate.total
    costs = price and {name: price.cost(seconds) for name, seconds in total.items()}
    return {
        "dataset": work.experiment.dataset,
        "preset": work.experiment.preset,
        "configuration": work.experiment.model_dump(mode="json", exclude={"dataset", "preset"}),
        "device": machine.device_name,
        "images": {
            "trainA": counts.train_a,
            "trainB": counts.train_b,
            "testA": counts.test_a,
            "testB": counts.test_b,
            "origin": counts.origin,
        },
        "load": estimate.load,
        "seeds": work.seeds,
        "steps": work.steps,
        "evaluations": work.evaluations + 2,
        "runs": {name: {**run, "sum": estimate.run(name)} for name, run in estimate.runs.items()},
        "overlap": estimate.overlap,
        "shared": estimate.shared,
        "report_source": estimate.report_source,
        "total": total,
        "price": price and costs and {"per_hour": price.per_hour, **costs},
        "not_included": list(estimate.left_out),
    }
