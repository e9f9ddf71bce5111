"""An estimate on the screen and as JSON."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.studies.estimate.predict import Estimate, Range
from harness.studies.estimate.price import Price
from harness.system.machine import Machine
from harness.system.progress import duration
from harness.system.terminal_tables import show

ROWS = {
    "start": "start of the process",
    "setup": "setup",
    "warmup": "warmup, with compiling",
    "train": "train",
    "data": "data",
    "evaluation": "evaluation",
    "checkpoint": "checkpoint",
    "logging": "logging",
}
SHARED = {
    "images": "images drawn or decoded, if not done yet",
    "features": "features of real images and translations",
    "scores": "scores",
    "report": "report",
}


def seconds_text(seconds: float) -> str:
    """As `duration`; what takes a few seconds with a decimal."""
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)


def print_estimate(
    estimate: Estimate, machine: Machine, price: Price | None, console: Console
) -> None:
    for line in _head(estimate, machine):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    show(_table(estimate), console)
    for line in _answer(estimate, price):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def total_line(estimate: Estimate) -> str:
    """The answer in a sentence."""
    about, low, high = (
        seconds_text(each)
        for each in (estimate.total.value, estimate.total.low, estimate.total.high)
    )
    return f"In all about {about}: {low} to {high}, if nothing else runs on the machine."


def _head(estimate: Estimate, machine: Machine) -> list[str]:
    work, (a, b) = estimate.work, estimate.work.tested
    experiment, counts = work.experiment, work.counts
    return [
        f"Preset {experiment.preset} on {experiment.dataset}, on {machine.device_name}",
        f"Images ({counts.origin}): {counts.train_a} + {counts.train_b} to train on,"
        f" {a} + {b} translated at each of {work.evaluations + 2} evaluations",
        f"Each run: {work.steps:,} steps, {work.per_epoch:,} an epoch",
    ]


def _table(estimate: Estimate) -> Table:
    table = Table()
    table.add_column("of one run")
    for backend in estimate.runs:
        table.add_column(escape(estimate.titles[backend]), justify="right")
    for clock, title in ROWS.items():
        table.add_row(title, *(seconds_text(run[clock]) for run in estimate.runs.values()))
    table.add_section()
    table.add_row("one run", *(seconds_text(estimate.run(name)) for name in estimate.runs))
    return table


def _answer(estimate: Estimate, price: Price | None) -> list[str]:
    work, total = estimate.work, estimate.total
    runs = work.seeds * sum(estimate.run(name) for name in estimate.runs)
    backends = " and ".join(estimate.titles[name] for name in estimate.runs)
    seeds = f"{work.seeds} seed{'s' if work.seeds > 1 else ''}"
    once = ", ".join(f"{SHARED[name]} {seconds_text(s)}" for name, s in estimate.shared.items())
    lines = [
        f"Training {backends} in turns, {seeds}: {seconds_text(runs)}. Then once: {once}.",
        total_line(estimate),
    ]
    if price is not None:
        low, about, high = (price.text(each) for each in (total.low, total.value, total.high))
        hour = price.text(3600)
        lines.append(f"At {hour} an hour about {about}: {low} to {high}.")
    return [*lines, f"Not included: {'; '.join(estimate.left_out)}."]


def as_json(estimate: Estimate, machine: Machine, price: Price | None) -> dict[str, Any]:
    """All that `print_estimate` says; seconds."""
    work, counts = estimate.work, estimate.work.counts
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
        "seeds": work.seeds,
        "steps": work.steps,
        "evaluations": work.evaluations + 2,
        "runs": {name: {**run, "sum": estimate.run(name)} for name, run in estimate.runs.items()},
        "shared": estimate.shared,
        "total": _range(estimate.total),
        "price": None if price is None else _priced(estimate.total, price),
        "not_included": list(estimate.left_out),
    }


def _range(found: Range) -> dict[str, float]:
    return {"value": found.value, "low": found.low, "high": found.high}


def _priced(total: Range, price: Price) -> dict[str, float]:
    return {"per_hour": price.per_hour, **_range(total.times(price.per_hour / 3600))}
